//! An activity that runs in the worker's own process.
//!
//! ```text
//!  Running ──ended──▶ (done, marker)
//!    │ cancel, in the task that started it ──▶ (done, no trace)
//!    │ cancel Try, Abandon ──▶ (done, marker)
//!    └ cancel Wait ──▶ Cancelling ──ended──▶ (done, marker)
//! ```

use super::{Effects, Impossible, Outcome};
use crate::options::ActivityCancellationType;

/// Decides what happens to one local activity.
#[derive(Clone, Debug)]
pub struct LocalActivityMachine {
    cancellation_type: ActivityCancellationType,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Not ended.
    Running,
    /// Asked to stop; its outcome is awaited.
    Cancelling,
    /// Ended.
    Done,
}

/// What a local activity hears.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum LocalActivityInput {
    /// Workflow code or its scope cancels it.
    Cancel {
        /// In the workflow task that started it.
        same_task: bool,
    },
    /// The worker ran it to its end, or history has its marker.
    Ended(Outcome),
}

impl LocalActivityMachine {
    /// A machine for a local activity that was just asked for.
    #[must_use]
    pub fn new(cancellation_type: ActivityCancellationType) -> Self {
        Self {
            cancellation_type,
            state: State::Running,
        }
    }

    /// Takes an input.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(&mut self, input: LocalActivityInput) -> Result<Effects, Impossible> {
        use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};
        use LocalActivityInput::{Cancel, Ended};
        let (state, effects) = match (self.state, input) {
            (State::Running, Cancel { same_task: true }) => (
                State::Done,
                Effects {
                    stop: true,
                    ..Effects::never_started()
                },
            ),
            (State::Running, Cancel { same_task: false }) => match self.cancellation_type {
                TryCancel => (
                    State::Done,
                    Effects {
                        stop: true,
                        record_marker: true,
                        ..Effects::finish(Outcome::Cancelled)
                    },
                ),
                Abandon => (
                    State::Done,
                    Effects {
                        record_marker: true,
                        ..Effects::finish(Outcome::Cancelled)
                    },
                ),
                WaitCancellationCompleted => (
                    State::Cancelling,
                    Effects {
                        stop: true,
                        ..Effects::none()
                    },
                ),
            },
            (State::Running | State::Cancelling, Ended(outcome)) => (
                State::Done,
                Effects {
                    record_marker: true,
                    ..Effects::finish(outcome)
                },
            ),
            (State::Cancelling, Cancel { .. }) => (State::Cancelling, Effects::none()),
            (State::Done, Cancel { .. }) => (State::Done, Effects::none()),
            (State::Done, Ended(_)) => {
                return Err(Impossible {
                    state: "closed",
                    input: "the end of the local activity",
                });
            }
        };
        self.state = state;
        Ok(effects)
    }
}
