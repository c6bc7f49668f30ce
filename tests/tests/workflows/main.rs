//! Workflows, activities, worker, client and engine together, with a clock that stands still.

mod activities;
mod authoring;
mod delivery;
mod ending;
mod executions;
mod operations;
mod requests;
mod sagas;
mod scopes;
mod worker;
mod foreign;
mod harness;
mod logs;
mod notation;
