//! Testing workflows, with no server, no download and no waiting.
//!
//! * [`TestEnvironment`]: the in-memory engine with a clock that the test moves, or that skips time
//!   whenever every workflow waits.
//! * [`Replayer`]: runs today's code against a saved history and explains what does not fit.

mod environment;
mod replayer;

pub use self::{
    environment::TestEnvironment,
    replayer::{ReplayError, Replayer},
};
