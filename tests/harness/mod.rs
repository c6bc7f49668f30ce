//! A workflow whose code is a closure, activities that a test holds and lets go, a world that they run in, and the flows
//! of it that a test talks to.
//!
//! Histories are in the notation of the conformance suite.

#![expect(
    clippy::unwrap_used,
    reason = "what a helper cannot get fails the test"
)]

mod flow;
mod script;
mod stage;
mod world;

use std::time::Duration;

pub use self::{
    flow::Flow,
    script::{Ctx, Script, ScriptHandle, define, own_body, redefine, saw, saw_failure},
    stage::{Board, Stage},
    world::{Time, World},
};

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3600);
/// A second.
pub const SECOND: Duration = Duration::from_secs(1);
