//! A child workflow.
//!
//! ```text
//!  Unsent ──initiated──▶ Initiated ──started──▶ Started ──closed──▶ (done)
//!    │ cancel               │ start failed ─▶ (done)    │
//!    ▼                      │ cancel: the request waits for the start
//!  (done, no trace)         ▼                           ▼ cancel
//!                     (same, wish noted)     request sent, then by type:
//!                                            Try: resolved · WaitRequested: at the acknowledgement
//!                                            WaitCompleted: at the close · Abandon: no request
//! ```

use super::{Effects, Impossible, Outcome};
use crate::options::ChildWorkflowCancellationType;

/// Decides what happens to one child workflow.
#[derive(Clone, Debug)]
pub struct ChildMachine {
    cancellation_type: ChildWorkflowCancellationType,
    phase: Phase,
    request: Request,
    /// Workflow code has its answer.
    resolved: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The command has not been matched with its event.
    Unsent,
    /// The engine starts it.
    Initiated,
    /// It runs.
    Started,
    /// It closed, or never started.
    Closed,
}

/// How far the request to cancel the child has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Request {
    /// Not wanted.
    No,
    /// Wanted once the child has started.
    Wanted,
    /// Its command has not been matched with its event.
    Unsent,
    /// On its way.
    Initiated,
    /// The child's history has it, or it could not be delivered.
    Acknowledged,
}

/// What a child workflow hears.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum ChildInput {
    /// `StartChildWorkflowExecutionInitiated` is in history.
    Initiated,
    /// `StartChildWorkflowExecutionFailed` is in history.
    StartFailed(Outcome),
    /// `ChildWorkflowExecutionStarted` is in history.
    Started,
    /// Workflow code or its scope cancels it.
    Cancel,
    /// `RequestCancelExternalWorkflowExecutionInitiated` is in history.
    CancelInitiated,
    /// The request was delivered, or could not be.
    CancelAcknowledged,
    /// It completed, failed, timed out, was cancelled or terminated.
    Closed(Outcome),
}

impl ChildMachine {
    /// A machine for a command that was just made.
    #[must_use]
    pub fn new(cancellation_type: ChildWorkflowCancellationType) -> Self {
        Self {
            cancellation_type,
            phase: Phase::Unsent,
            request: Request::No,
            resolved: false,
        }
    }

    /// Takes an input.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(&mut self, input: ChildInput) -> Result<Effects, Impossible> {
        match input {
            ChildInput::Cancel => Ok(self.on_cancel()),
            ChildInput::Initiated => match self.phase {
                Phase::Unsent => {
                    self.phase = Phase::Initiated;
                    Ok(Effects::none())
                }
                Phase::Initiated | Phase::Started | Phase::Closed => {
                    Err(self.impossible("StartChildWorkflowExecutionInitiated"))
                }
            },
            ChildInput::StartFailed(outcome) => match self.phase {
                Phase::Initiated => {
                    self.phase = Phase::Closed;
                    Ok(Effects {
                        done: true,
                        ..self.resolve(outcome)
                    })
                }
                Phase::Unsent | Phase::Started | Phase::Closed => {
                    Err(self.impossible("StartChildWorkflowExecutionFailed"))
                }
            },
            ChildInput::Started => match self.phase {
                Phase::Initiated => {
                    self.phase = Phase::Started;
                    let wanted = self.request == Request::Wanted;
                    if wanted {
                        self.request = Request::Unsent;
                    }
                    Ok(Effects {
                        request_cancel: wanted,
                        ..Effects::none()
                    })
                }
                Phase::Unsent | Phase::Started | Phase::Closed => {
                    Err(self.impossible("ChildWorkflowExecutionStarted"))
                }
            },
            ChildInput::CancelInitiated => match self.request {
                Request::Unsent => {
                    self.request = Request::Initiated;
                    Ok(Effects::none())
                }
                Request::No | Request::Wanted | Request::Initiated | Request::Acknowledged => {
                    Err(self.impossible("RequestCancelExternalWorkflowExecutionInitiated"))
                }
            },
            ChildInput::CancelAcknowledged => match self.request {
                Request::Initiated => {
                    self.request = Request::Acknowledged;
                    let effects = match self.cancellation_type {
                        ChildWorkflowCancellationType::WaitCancellationRequested => {
                            self.resolve(Outcome::Cancelled)
                        }
                        ChildWorkflowCancellationType::TryCancel
                        | ChildWorkflowCancellationType::WaitCancellationCompleted
                        | ChildWorkflowCancellationType::Abandon => Effects::none(),
                    };
                    Ok(Effects {
                        done: self.phase == Phase::Closed,
                        ..effects
                    })
                }
                Request::No | Request::Wanted | Request::Unsent | Request::Acknowledged => {
                    Err(self.impossible("the answer to a cancellation request"))
                }
            },
            ChildInput::Closed(outcome) => match self.phase {
                Phase::Started => {
                    self.phase = Phase::Closed;
                    let withdraw = self.request == Request::Unsent;
                    let done = self.request != Request::Initiated;
                    let effects = self.resolve(outcome);
                    Ok(Effects {
                        withdraw,
                        done,
                        ..effects
                    })
                }
                Phase::Unsent | Phase::Initiated | Phase::Closed => {
                    Err(self.impossible("the end of the child workflow"))
                }
            },
        }
    }

    fn on_cancel(&mut self) -> Effects {
        use ChildWorkflowCancellationType::{
            Abandon, TryCancel, WaitCancellationCompleted, WaitCancellationRequested,
        };
        if self.resolved || self.request != Request::No {
            return Effects::none();
        }
        match (self.phase, self.cancellation_type) {
            (Phase::Unsent, _) => {
                self.phase = Phase::Closed;
                self.resolved = true;
                Effects::never_started()
            }
            (Phase::Initiated | Phase::Started, Abandon) => self.resolve(Outcome::Cancelled),
            (Phase::Initiated, TryCancel) => {
                self.request = Request::Wanted;
                self.resolve(Outcome::Cancelled)
            }
            (Phase::Initiated, WaitCancellationRequested | WaitCancellationCompleted) => {
                self.request = Request::Wanted;
                Effects::none()
            }
            (Phase::Started, TryCancel) => {
                self.request = Request::Unsent;
                Effects {
                    request_cancel: true,
                    ..self.resolve(Outcome::Cancelled)
                }
            }
            (Phase::Started, WaitCancellationRequested | WaitCancellationCompleted) => {
                self.request = Request::Unsent;
                Effects {
                    request_cancel: true,
                    ..Effects::none()
                }
            }
            (Phase::Closed, _) => Effects::none(),
        }
    }

    /// Whether the run must not end yet, so that what it asked for is not lost (F6): the child has
    /// not started, or a request to cancel it is on its way.
    #[must_use]
    pub fn is_outstanding(&self) -> bool {
        match (self.phase, self.request) {
            (Phase::Unsent | Phase::Initiated, _) => true,
            (Phase::Started | Phase::Closed, Request::Unsent | Request::Initiated) => true,
            (
                Phase::Started | Phase::Closed,
                Request::No | Request::Wanted | Request::Acknowledged,
            ) => false,
        }
    }

    fn resolve(&mut self, outcome: Outcome) -> Effects {
        if std::mem::replace(&mut self.resolved, true) {
            Effects::none()
        } else {
            Effects::resolve(outcome)
        }
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.phase {
            Phase::Unsent => "not yet initiated",
            Phase::Initiated => "initiated",
            Phase::Started => "started",
            Phase::Closed => "closed",
        };
        Impossible { state, input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ChildWorkflowCancellationType; 4] = [
        ChildWorkflowCancellationType::TryCancel,
        ChildWorkflowCancellationType::WaitCancellationRequested,
        ChildWorkflowCancellationType::WaitCancellationCompleted,
        ChildWorkflowCancellationType::Abandon,
    ];

    fn inputs() -> [ChildInput; 7] {
        [
            ChildInput::Initiated,
            ChildInput::StartFailed(Outcome::Completed(None)),
            ChildInput::Started,
            ChildInput::Cancel,
            ChildInput::CancelInitiated,
            ChildInput::CancelAcknowledged,
            ChildInput::Closed(Outcome::Completed(None)),
        ]
    }

    #[test]
    fn every_sequence_of_inputs_resolves_at_most_once() {
        for cancellation_type in TYPES {
            for sequence in 0..7_usize.pow(6) {
                let mut machine = ChildMachine::new(cancellation_type);
                let mut resolved = 0;
                let mut rest = sequence;
                for _ in 0..6 {
                    let input = inputs()[rest % 7].clone();
                    rest /= 7;
                    match machine.handle(input) {
                        Ok(effects) => resolved += usize::from(effects.resolve.is_some()),
                        Err(_) => break,
                    }
                }
                assert!(resolved <= 1, "{cancellation_type:?} {sequence}");
            }
        }
    }

    /// Scenario 108: the official SDKs wait for the child's end here.
    #[test]
    fn o1_wait_cancellation_requested_resolves_at_the_acknowledgement() {
        let mut machine = ChildMachine::new(TYPES[1]);
        machine.handle(ChildInput::Initiated).unwrap();
        machine.handle(ChildInput::Started).unwrap();
        assert!(machine.handle(ChildInput::Cancel).unwrap().request_cancel);
        machine.handle(ChildInput::CancelInitiated).unwrap();
        let effects = machine.handle(ChildInput::CancelAcknowledged).unwrap();
        assert_eq!(effects.resolve, Some(Outcome::Cancelled));
    }

    /// Scenario 115: a cancel between initiation and start reaches the child once it runs.
    #[test]
    fn a_cancel_before_the_start_is_sent_after_it() {
        for cancellation_type in &TYPES[..3] {
            let mut machine = ChildMachine::new(*cancellation_type);
            machine.handle(ChildInput::Initiated).unwrap();
            assert!(!machine.handle(ChildInput::Cancel).unwrap().request_cancel);
            assert!(machine.is_outstanding());
            assert!(machine.handle(ChildInput::Started).unwrap().request_cancel);
        }
    }
}
