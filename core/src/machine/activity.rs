//! An activity that a worker runs.
//!
//! ```text
//!  Unsent ──scheduled──▶ Scheduled ──closed──▶ (done)
//!    │ cancel               │ cancel Wait ──▶ Cancelling ──closed──▶ (done)
//!    ▼                      │ cancel Try  ──▶ Resolved ───closed──▶ (done, ignored)
//!  (done, no trace)         └ cancel Abandon ▶ Resolved
//! ```

use super::{Effects, Impossible, Outcome};
use crate::options::ActivityCancellationType;

/// Decides what happens to one activity.
#[derive(Clone, Debug)]
pub struct ActivityMachine {
    cancellation_type: ActivityCancellationType,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The command has not been matched with its event.
    Unsent,
    /// History says that it is scheduled.
    Scheduled,
    /// Its cancellation is asked for and its outcome awaited.
    Cancelling {
        /// The request is in history.
        recorded: bool,
    },
    /// Workflow code has its answer; the activity may still end in any way.
    Resolved {
        /// A request was made and is not in history yet.
        unrecorded: bool,
    },
    /// Closed.
    Done,
}

/// What an activity hears.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum ActivityInput {
    /// `ActivityTaskScheduled` is in history.
    Scheduled,
    /// Workflow code or its scope cancels it.
    Cancel,
    /// `ActivityTaskCancelRequested` is in history.
    CancelRecorded,
    /// `ActivityTaskStarted` is in history.
    Started,
    /// It completed, failed, timed out or was cancelled.
    Closed(Outcome),
}

impl ActivityMachine {
    /// A machine for a command that was just made.
    #[must_use]
    pub fn new(cancellation_type: ActivityCancellationType) -> Self {
        Self {
            cancellation_type,
            state: State::Unsent,
        }
    }

    /// Takes an input.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(&mut self, input: ActivityInput) -> Result<Effects, Impossible> {
        use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};
        use ActivityInput::{Cancel, CancelRecorded, Closed, Scheduled, Started};
        let (state, effects) = match (self.state, input) {
            (State::Unsent, Scheduled) => (State::Scheduled, Effects::none()),
            (State::Unsent, Cancel) => (State::Done, Effects::never_started()),
            (State::Unsent, Started) => return Err(self.impossible("ActivityTaskStarted")),
            (State::Unsent, CancelRecorded) => {
                return Err(self.impossible("ActivityTaskCancelRequested"));
            }
            (State::Unsent, Closed(_)) => return Err(self.impossible("the end of the activity")),

            (State::Scheduled, Cancel) => match self.cancellation_type {
                TryCancel => (
                    State::Resolved { unrecorded: true },
                    Effects {
                        request_cancel: true,
                        ..Effects::resolve(Outcome::Cancelled)
                    },
                ),
                WaitCancellationCompleted => (
                    State::Cancelling { recorded: false },
                    Effects {
                        request_cancel: true,
                        ..Effects::none()
                    },
                ),
                Abandon => (
                    State::Resolved { unrecorded: false },
                    Effects::resolve(Outcome::Cancelled),
                ),
            },
            (State::Scheduled, Started) => (State::Scheduled, Effects::none()),
            (State::Scheduled, Closed(outcome)) => (State::Done, Effects::finish(outcome)),
            (State::Scheduled, Scheduled) => return Err(self.impossible("ActivityTaskScheduled")),
            (State::Scheduled, CancelRecorded) => {
                return Err(self.impossible("ActivityTaskCancelRequested"));
            }

            (State::Cancelling { recorded: false }, CancelRecorded) => {
                (State::Cancelling { recorded: true }, Effects::none())
            }
            (state @ State::Cancelling { .. }, Cancel | Started) => (state, Effects::none()),
            (State::Cancelling { recorded }, Closed(outcome)) => {
                // The end came in the same workflow task as the request: there is nothing left to
                // ask for, and a service refuses such a request.
                (
                    State::Done,
                    Effects::finish(outcome).and_withdraw(!recorded),
                )
            }
            (State::Cancelling { .. }, Scheduled) => {
                return Err(self.impossible("ActivityTaskScheduled"));
            }
            (State::Cancelling { recorded: true }, CancelRecorded) => {
                return Err(self.impossible("ActivityTaskCancelRequested"));
            }

            (State::Resolved { unrecorded: true }, CancelRecorded) => {
                (State::Resolved { unrecorded: false }, Effects::none())
            }
            (state @ State::Resolved { .. }, Cancel | Started) => (state, Effects::none()),
            (State::Resolved { unrecorded }, Closed(_)) => {
                (State::Done, Effects::done().and_withdraw(unrecorded))
            }
            (State::Resolved { .. }, Scheduled) => {
                return Err(self.impossible("ActivityTaskScheduled"));
            }
            (State::Resolved { unrecorded: false }, CancelRecorded) => {
                return Err(self.impossible("ActivityTaskCancelRequested"));
            }

            (State::Done, Cancel) => (State::Done, Effects::none()),
            (State::Done, Scheduled | CancelRecorded | Started | Closed(_)) => {
                return Err(self.impossible("any event"));
            }
        };
        self.state = state;
        Ok(effects)
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.state {
            State::Unsent => "not yet scheduled",
            State::Scheduled => "scheduled",
            State::Cancelling { .. } => "cancelling",
            State::Resolved { .. } => "resolved",
            State::Done => "closed",
        };
        Impossible { state, input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ActivityCancellationType; 3] = [
        ActivityCancellationType::TryCancel,
        ActivityCancellationType::WaitCancellationCompleted,
        ActivityCancellationType::Abandon,
    ];

    fn inputs() -> [ActivityInput; 5] {
        [
            ActivityInput::Scheduled,
            ActivityInput::Cancel,
            ActivityInput::CancelRecorded,
            ActivityInput::Started,
            ActivityInput::Closed(Outcome::Completed(None)),
        ]
    }

    /// Every sequence of six inputs, legal or not: exactly one resolution at most, never a panic,
    /// and a resolved machine accepts any end of its activity once (ground rule 20, #53, #54).
    #[test]
    fn every_sequence_of_inputs_resolves_at_most_once() {
        for cancellation_type in TYPES {
            for sequence in 0..5_usize.pow(6) {
                let mut machine = ActivityMachine::new(cancellation_type);
                let mut resolved = 0;
                let mut rest = sequence;
                for _ in 0..6 {
                    let input = inputs()[rest % 5].clone();
                    rest /= 5;
                    match machine.handle(input) {
                        Ok(effects) => resolved += usize::from(effects.resolve.is_some()),
                        Err(_) => break,
                    }
                }
                assert!(resolved <= 1, "{cancellation_type:?} {sequence}");
            }
        }
    }

    #[test]
    fn an_abandoned_activity_that_fails_later_is_ignored() {
        for cancellation_type in [TYPES[0], TYPES[2]] {
            let mut machine = ActivityMachine::new(cancellation_type);
            machine.handle(ActivityInput::Scheduled).unwrap();
            let effects = machine.handle(ActivityInput::Cancel).unwrap();
            assert_eq!(effects.resolve, Some(Outcome::Cancelled));
            let late = crate::failure::Failure::application("late", "Late");
            let effects = machine
                .handle(ActivityInput::Closed(Outcome::Failed(Box::new(late))))
                .unwrap();
            assert_eq!(effects.resolve, None);
            assert!(effects.done);
        }
    }

    #[test]
    fn o2_a_cancel_before_sending_leaves_no_trace() {
        let mut machine = ActivityMachine::new(TYPES[1]);
        assert_eq!(
            machine.handle(ActivityInput::Cancel),
            Ok(Effects::never_started())
        );
    }

    #[test]
    fn a_request_is_withdrawn_when_the_activity_ends_in_the_same_task() {
        for cancellation_type in [TYPES[0], TYPES[1]] {
            let mut machine = ActivityMachine::new(cancellation_type);
            machine.handle(ActivityInput::Scheduled).unwrap();
            assert!(
                machine
                    .handle(ActivityInput::Cancel)
                    .unwrap()
                    .request_cancel
            );
            let end = ActivityInput::Closed(Outcome::Completed(None));
            assert!(machine.handle(end).unwrap().withdraw);
        }
    }
}
