//! An activity that runs in the worker's own process.
//!
//! ```text
//!  Running ──ended──▶ (done, marker)
//!    │ ▲ cancel, in the task that started it ──▶ (done, no trace)
//!    │ │ cancel Try, Abandon ──▶ (done, marker)
//!    │ │ cancel Wait ──▶ Cancelling ──ended, backs off──▶ (done, marker)
//!    │ └─────────────────timer fired─┐
//!    └ backs off ──marker, timer──▶ BackingOff ──cancel──▶ (done, timer cancelled)
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
    /// Between two attempts, for so long that history has a timer for it. Nothing runs.
    BackingOff,
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
        /// The worker was not asked to run it yet.
        same_activation: bool,
    },
    /// The worker ran it to its end, or history has its marker.
    Ended(Outcome),
    /// An attempt ended like this, and the next one is too far away for a workflow task to wait; or history has
    /// the marker that says so.
    BackOff(Outcome),
    /// The wait before the next attempt is over.
    BackOffOver,
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
        use LocalActivityInput::{BackOff, BackOffOver, Cancel, Ended};
        let (state, effects) = match (self.state, input) {
            (
                State::Running,
                Cancel {
                    same_activation: true,
                },
            ) => (
                State::Done,
                Effects {
                    stop: true,
                    ..Effects::never_started()
                },
            ),
            (
                State::Running,
                Cancel {
                    same_activation: false,
                },
            ) => match self.cancellation_type {
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
            // The attempt ended before it heard that it is to stop; another is not wanted.
            (State::Cancelling, BackOff(outcome)) => (
                State::Done,
                Effects {
                    record_marker: true,
                    ..Effects::finish(outcome)
                },
            ),
            (State::Running, BackOff(_)) => (
                State::BackingOff,
                Effects {
                    back_off: true,
                    ..Effects::none()
                },
            ),
            (State::BackingOff, BackOffOver) => (
                State::Running,
                Effects {
                    run_again: true,
                    ..Effects::none()
                },
            ),
            // Nothing runs that could be waited for or could go on.
            (State::BackingOff, Cancel { .. }) => (
                State::Done,
                Effects {
                    stop_backing_off: true,
                    ..Effects::finish(Outcome::Cancelled)
                },
            ),
            (state @ (State::Cancelling | State::Done), Cancel { .. }) => (state, Effects::none()),
            (State::BackingOff | State::Done, Ended(_) | BackOff(_)) => {
                return Err(self.impossible("the end of the local activity"));
            }
            (State::Running | State::Cancelling | State::Done, BackOffOver) => {
                return Err(self.impossible("the end of its wait"));
            }
        };
        self.state = state;
        Ok(effects)
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.state {
            State::Running => "running",
            State::Cancelling => "cancelling",
            State::BackingOff => "backing off",
            State::Done => "closed",
        };
        Impossible { state, input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of a state and an input, for each type, with what comes of it.
    #[test]
    fn every_pair_of_state_and_input_is_decided() {
        use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};
        use LocalActivityInput::{BackOff, BackOffOver, Cancel, Ended};
        let end = Outcome::Completed(None);
        let marker = |outcome| Effects {
            record_marker: true,
            ..Effects::finish(outcome)
        };
        for cancellation_type in [TryCancel, WaitCancellationCompleted, Abandon] {
            for state in [
                State::Running,
                State::Cancelling,
                State::BackingOff,
                State::Done,
            ] {
                for input in [
                    Cancel {
                        same_activation: true,
                    },
                    Cancel {
                        same_activation: false,
                    },
                    Ended(end.clone()),
                    BackOff(end.clone()),
                    BackOffOver,
                ] {
                    let mut machine = LocalActivityMachine {
                        cancellation_type,
                        state,
                    };
                    let expected = match (state, &input) {
                        (
                            State::Running,
                            Cancel {
                                same_activation: true,
                            },
                        ) => Some((
                            State::Done,
                            Effects {
                                stop: true,
                                ..Effects::never_started()
                            },
                        )),
                        (
                            State::Running,
                            Cancel {
                                same_activation: false,
                            },
                        ) => Some(match cancellation_type {
                            TryCancel => (
                                State::Done,
                                Effects {
                                    stop: true,
                                    ..marker(Outcome::Cancelled)
                                },
                            ),
                            Abandon => (State::Done, marker(Outcome::Cancelled)),
                            WaitCancellationCompleted => (
                                State::Cancelling,
                                Effects {
                                    stop: true,
                                    ..Effects::none()
                                },
                            ),
                        }),
                        (State::Running | State::Cancelling, Ended(_))
                        | (State::Cancelling, BackOff(_)) => {
                            Some((State::Done, marker(end.clone())))
                        }
                        (State::Running, BackOff(_)) => Some((
                            State::BackingOff,
                            Effects {
                                back_off: true,
                                ..Effects::none()
                            },
                        )),
                        (State::BackingOff, BackOffOver) => Some((
                            State::Running,
                            Effects {
                                run_again: true,
                                ..Effects::none()
                            },
                        )),
                        (State::BackingOff, Cancel { .. }) => Some((
                            State::Done,
                            Effects {
                                stop_backing_off: true,
                                ..Effects::finish(Outcome::Cancelled)
                            },
                        )),
                        (State::Cancelling | State::Done, Cancel { .. }) => {
                            Some((state, Effects::none()))
                        }
                        (State::BackingOff | State::Done, Ended(_) | BackOff(_))
                        | (State::Running | State::Cancelling | State::Done, BackOffOver) => None,
                    };
                    let pair = format!("{cancellation_type:?} {state:?} {input:?}");
                    match (machine.handle(input), expected) {
                        (Ok(effects), Some((after, expected))) => {
                            assert_eq!(effects, expected, "{pair}");
                            let states = (format!("{:?}", machine.state), format!("{after:?}"));
                            assert_eq!(states.0, states.1, "{pair}");
                        }
                        (Err(_), None) => {}
                        (result, expected) => panic!("{pair}: {result:?}, not {expected:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn every_sequence_of_inputs_resolves_at_most_once() {
        use LocalActivityInput::{BackOff, BackOffOver, Cancel, Ended};
        let inputs = [
            Cancel {
                same_activation: true,
            },
            Cancel {
                same_activation: false,
            },
            Ended(Outcome::Completed(None)),
            BackOff(Outcome::Completed(None)),
            BackOffOver,
        ];
        for cancellation_type in [
            ActivityCancellationType::TryCancel,
            ActivityCancellationType::WaitCancellationCompleted,
            ActivityCancellationType::Abandon,
        ] {
            for sequence in 0..5_usize.pow(5) {
                let mut machine = LocalActivityMachine::new(cancellation_type);
                let (mut resolved, mut markers, mut rest) = (0, 0, sequence);
                for _ in 0..5 {
                    if let Ok(effects) = machine.handle(inputs[rest % 5].clone()) {
                        resolved += usize::from(effects.resolve.is_some());
                        markers += usize::from(effects.record_marker);
                    }
                    rest /= 5;
                }
                assert!(
                    resolved <= 1 && markers <= resolved,
                    "{cancellation_type:?} {sequence}"
                );
            }
        }
    }
}
