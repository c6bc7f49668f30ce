//! Testing workflows, with no server, no download and no waiting.
//!
//! * [`TestEnvironment`]: the in-memory engine with a clock that the test moves, or that skips time
//!   whenever every workflow waits.
//! * [`explore()`]: cancels a workflow, and crashes its worker, at every point where that can happen, and
//!   asks an invariant after each.
//! * [`assert_history`]: says what a history must and must not contain.
//! * [`Replayer`]: runs today's code against a saved history and explains what does not fit.

mod environment;
mod explore;
mod history;
mod replayer;

pub use self::{
    environment::TestEnvironment,
    explore::{Explorer, Failed, InvalidSchedule, Outcome, PointNumber, Report, Schedule, explore},
    history::{HistoryAssertions, assert_history},
    replayer::{ReplayError, Replayer},
};
