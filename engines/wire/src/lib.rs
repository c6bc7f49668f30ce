//! Temporal's protobuf messages to the vocabulary of [`steadfast_core`] and back.
//!
//! There is no transport here, and no state: whoever speaks to a Temporal Service, or is one, brings both. A name
//! that ends in `_in` is a way from a message, one that ends in `_out` a way to one.
//!
//! What comes in may be anything: nothing here panics, and what cannot be understood is an error that names it.

mod commands;
mod commands_in;
mod descriptions;
mod descriptions_out;
mod events;
mod failure;
pub mod requests;
mod schedules;
mod stages;
mod tasks;
mod tasks_out;
#[cfg(test)]
mod tests_tasks;
mod unmodelled;
pub mod values;

pub use self::{
    commands::Answer,
    commands_in::{Misunderstood, OwnRun},
    descriptions::pending_child_in,
    descriptions_out::{pending_child_out, pending_workflow_task_out, status_out},
    events::{EventReader, Home, read_history},
    schedules::{schedule_patch_in, schedule_patch_out},
    stages::{update_stage_in, update_stage_out},
    tasks::{ONLY_QUERY, admitted_updates},
    unmodelled::DESCRIPTORS,
    values::{Wire, Wired},
};
