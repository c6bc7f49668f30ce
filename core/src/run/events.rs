//! Applies the events of history to the operations of a run, and carries out what their machines decide.

use std::sync::Arc;

use super::{ActivityInfo, ChildInfo, Machine, Operation, Outgoing, Role, Run, handed_over::Inbox};
use crate::{
    activation::{Job, OperationId, Resolution},
    command::{Command, RequestCancelExternalWorkflowExecution},
    error::RunError,
    event::{EventKind, ExternalFailedCause, HistoryEvent, WorkflowTaskFailedCause},
    failure::{ActivityFailureInfo, ChildWorkflowFailureInfo, Failure, FailureKind},
    ids::{EventId, Identity, RunId},
    limit,
    machine::{
        ActivityInput, ChildInput, Effects, ExternalInput, Impossible, Outcome, Reason, TimerInput,
    },
    random::Random,
    retry::RetryState,
    scope::ScopeId,
    text::OneLine,
};

impl Run {
    /// Applies one event of the workflow task at hand. `None` when workflow code need not know.
    pub(super) fn apply_event(&mut self, event: HistoryEvent) -> Result<Option<Job>, RunError> {
        let id = event.event_id;
        match event.kind {
            EventKind::WorkflowExecutionStarted(_) if self.started.is_some() => {
                Err(RunError::InvalidHistory {
                    event_id: id,
                    message: "the run has started before".to_owned(),
                })
            }
            EventKind::WorkflowExecutionStarted(mut started) => {
                self.lineup.handed_over = Inbox::take(&mut started).map_err(|name| {
                    let message = format!("the header `{}` is not what was handed over", OneLine(&name));
                    RunError::InvalidHistory { event_id: id, message }
                })?;
                self.seed = started.original_execution_run_id.clone();
                self.random = Random::seeded_by(self.seed.as_str());
                self.now = self.now.max(event.event_time);
                self.started = Some(started.clone());
                Ok(Some(Job::InitializeWorkflow(started)))
            }
            // The messages of a task are handed out together, before its other events.
            EventKind::WorkflowExecutionSignaled { .. } => Err(RunError::InvalidHistory {
                event_id: id,
                message: "a signal was left behind by its workflow task".to_owned(),
            }),
            EventKind::WorkflowExecutionCancelRequested { cause, .. } => {
                let reason: Reason = Arc::from(cause);
                Ok(Some(self.cancel_requested(&reason)))
            }
            EventKind::WorkflowTaskFailed {
                cause: WorkflowTaskFailedCause::ResetWorkflow,
                new_run_id,
                ..
            } => {
                if let Some(new_run_id) = new_run_id {
                    self.random = Random::seeded_by(new_run_id.as_str());
                    self.seed = new_run_id;
                }
                Ok(Some(Job::Reseed))
            }

            EventKind::ActivityTaskStarted { scheduled_event_id, attempt, .. } => {
                self.feed(id, scheduled_event_id, |operation| {
                    operation.attempt = attempt;
                    match &mut operation.machine {
                        Machine::Activity(machine, _) => Some(machine.handle(ActivityInput::Started)),
                        _ => None,
                    }
                })
            }
            EventKind::ActivityTaskCompleted { result, scheduled_event_id, .. } => {
                self.activity(id, scheduled_event_id, |_| {
                    ActivityInput::Closed(Outcome::Completed(result))
                })
            }
            EventKind::ActivityTaskFailed {
                failure,
                scheduled_event_id,
                started_event_id,
                identity,
                retry_state,
            } => self.activity(id, scheduled_event_id, |info| {
                let text = "activity failed";
                let events = (scheduled_event_id, started_event_id);
                let wrapped = info.failure(text, events, identity, retry_state).with_cause(*failure);
                ActivityInput::Closed(Outcome::Failed(Box::new(wrapped)))
            }),
            EventKind::ActivityTaskTimedOut {
                failure,
                scheduled_event_id,
                started_event_id,
                retry_state,
            } => self.activity(id, scheduled_event_id, |info| {
                let text = "activity timed out";
                let events = (scheduled_event_id, started_event_id);
                let wrapped = info.failure(text, events, None, retry_state).with_cause(*failure);
                ActivityInput::Closed(Outcome::Failed(Box::new(wrapped)))
            }),
            EventKind::ActivityTaskCanceled {
                details,
                scheduled_event_id,
                started_event_id,
                identity,
                ..
            } => self.activity(id, scheduled_event_id, |info| {
                let text = "activity cancelled";
                let events = (scheduled_event_id, started_event_id);
                let cause = Failure::new("cancelled", FailureKind::Cancelled { details, identity: None });
                let wrapped = info
                    .failure(text, events, identity, RetryState::CancelRequested)
                    .with_cause(cause);
                ActivityInput::Closed(Outcome::Failed(Box::new(wrapped)))
            }),

            EventKind::TimerFired { started_event_id, .. } => {
                self.feed(id, started_event_id, |operation| match &mut operation.machine {
                    Machine::Timer(machine, _) => Some(machine.handle(TimerInput::Fired)),
                    _ => None,
                })
            }

            EventKind::ChildWorkflowExecutionStarted { initiated_event_id, execution, .. } => {
                self.child_started(id, initiated_event_id, execution.run_id)
            }
            EventKind::StartChildWorkflowExecutionFailed { cause, initiated_event_id, .. } => {
                self.child(id, initiated_event_id, |info| {
                    let text = "child workflow did not start";
                    let failure = info
                        .failure(text, initiated_event_id, RetryState::NonRetryableFailure)
                        .with_cause(unreachable_failure(cause, info.workflow_id.as_str()));
                    ChildInput::StartFailed(Outcome::Failed(Box::new(failure)))
                })
            }
            EventKind::ChildWorkflowExecutionCompleted { result, initiated_event_id, .. } => {
                self.child(id, initiated_event_id, |_| {
                    ChildInput::Closed(Outcome::Completed(result))
                })
            }
            EventKind::ChildWorkflowExecutionFailed {
                failure,
                initiated_event_id,
                retry_state,
                ..
            } => self.child(id, initiated_event_id, |info| {
                let text = "child workflow failed";
                info.closed(text, initiated_event_id, retry_state, *failure)
            }),
            EventKind::ChildWorkflowExecutionCanceled { details, initiated_event_id, .. } => {
                self.child(id, initiated_event_id, |info| {
                    let cause = Failure::new("cancelled", FailureKind::Cancelled { details, identity: None });
                    let state = RetryState::NonRetryableFailure;
                    info.closed("child workflow cancelled", initiated_event_id, state, cause)
                })
            }
            EventKind::ChildWorkflowExecutionTimedOut {
                initiated_event_id, retry_state, ..
            } => self.child(id, initiated_event_id, |info| {
                let timeout_type = crate::failure::TimeoutType::StartToClose;
                let cause = Failure::timeout("timed out", timeout_type);
                info.closed("child workflow timed out", initiated_event_id, retry_state, cause)
            }),
            EventKind::ChildWorkflowExecutionTerminated { initiated_event_id, .. } => {
                self.child(id, initiated_event_id, |info| {
                    let cause = Failure::new("terminated", FailureKind::Terminated { identity: None });
                    let state = RetryState::NonRetryableFailure;
                    info.closed("child workflow terminated", initiated_event_id, state, cause)
                })
            }

            EventKind::ExternalWorkflowExecutionCancelRequested { initiated_event_id, .. }
            | EventKind::ExternalWorkflowExecutionSignaled { initiated_event_id, .. } => {
                self.acknowledged(id, initiated_event_id, Outcome::Completed(None))
            }
            EventKind::RequestCancelExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                initiated_event_id,
                ..
            }
            | EventKind::SignalExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                initiated_event_id,
                ..
            } => {
                let failure = unreachable_failure(cause, workflow_id.as_str());
                self.acknowledged(id, initiated_event_id, Outcome::Failed(Box::new(failure)))
            }

            // The end of a run from outside; workflow code gets no chance.
            EventKind::WorkflowExecutionTerminated { .. }
            | EventKind::WorkflowExecutionTimedOut { .. }
            // What frames workflow tasks was looked at when the task was found.
            | EventKind::WorkflowTaskScheduled { .. }
            | EventKind::WorkflowTaskStarted { .. }
            | EventKind::WorkflowTaskFailed { .. }
            | EventKind::WorkflowTaskTimedOut { .. }
            // An admitted update comes again as a message or as an accepted one.
            | EventKind::WorkflowExecutionUpdateAdmitted { .. }
            | EventKind::Unknown { may_ignore: true, .. } => Ok(None),

            EventKind::Unknown { event_type, may_ignore: false } => Err(RunError::InvalidHistory {
                event_id: id,
                message: format!(
                    "event type `{}` is not known to this version",
                    OneLine(&event_type)
                ),
            }),
            kind @ (EventKind::WorkflowTaskCompleted { .. }
            | EventKind::ActivityTaskScheduled { .. }
            | EventKind::ActivityTaskCancelRequested { .. }
            | EventKind::TimerStarted { .. }
            | EventKind::TimerCanceled { .. }
            | EventKind::MarkerRecorded { .. }
            | EventKind::StartChildWorkflowExecutionInitiated { .. }
            | EventKind::RequestCancelExternalWorkflowExecutionInitiated { .. }
            | EventKind::SignalExternalWorkflowExecutionInitiated { .. }
            | EventKind::UpsertWorkflowSearchAttributes { .. }
            | EventKind::WorkflowPropertiesModified { .. }
            | EventKind::WorkflowExecutionUpdateAccepted { .. }
            | EventKind::WorkflowExecutionUpdateCompleted { .. }
            | EventKind::WorkflowExecutionCompleted { .. }
            | EventKind::WorkflowExecutionFailed { .. }
            | EventKind::WorkflowExecutionCanceled { .. }
            | EventKind::WorkflowExecutionContinuedAsNew { .. }) => Err(RunError::InvalidHistory {
                event_id: id,
                message: format!("{} does not follow a completed workflow task", kind.name()),
            }),
        }
    }

    /// The cancellation of the execution was requested.
    pub(super) fn cancel_requested(&mut self, reason: &Reason) -> Job {
        self.cancel_reason.get_or_insert_with(|| Arc::clone(reason));
        if self.cancel_scope(ScopeId::ROOT, reason) {
            self.unheard = Some(Arc::clone(reason));
        }
        Job::CancelWorkflow
    }

    /// Gives an input to the machine that an event belongs to.
    fn feed(
        &mut self,
        event_id: EventId,
        started_by: EventId,
        input: impl FnOnce(&mut Operation) -> Option<Result<Effects, Impossible>>,
    ) -> Result<Option<Job>, RunError> {
        let found = self.by_event.get(&started_by).copied();
        let machine = found
            .and_then(|id| {
                self.operations
                    .get_mut(&id)
                    .map(|operation| (id, operation))
            })
            .and_then(|(id, operation)| input(operation).map(|result| (id, result)));
        let Some((id, result)) = machine else {
            return Err(RunError::InvalidHistory {
                event_id,
                message: format!("it belongs to event {started_by}, which started nothing open"),
            });
        };
        let effects = result.map_err(|impossible| RunError::InvalidHistory {
            event_id,
            message: impossible.to_string(),
        })?;
        let before = self.resolutions.len();
        self.carry_out(id, effects);
        Ok((self.resolutions.len() > before).then_some(Job::ResolveOperations))
    }

    fn activity(
        &mut self,
        event_id: EventId,
        scheduled_event_id: EventId,
        input: impl FnOnce(&ActivityInfo) -> ActivityInput,
    ) -> Result<Option<Job>, RunError> {
        self.feed(
            event_id,
            scheduled_event_id,
            |operation| match &mut operation.machine {
                Machine::Activity(machine, info) => Some(machine.handle(input(info))),
                _ => None,
            },
        )
    }

    fn child(
        &mut self,
        event_id: EventId,
        initiated_event_id: EventId,
        input: impl FnOnce(&ChildInfo) -> ChildInput,
    ) -> Result<Option<Job>, RunError> {
        self.feed(
            event_id,
            initiated_event_id,
            |operation| match &mut operation.machine {
                Machine::Child(machine, info) => Some(machine.handle(input(info))),
                _ => None,
            },
        )
    }

    fn child_started(
        &mut self,
        event_id: EventId,
        initiated_event_id: EventId,
        run_id: RunId,
    ) -> Result<Option<Job>, RunError> {
        self.feed(
            event_id,
            initiated_event_id,
            |operation| match &mut operation.machine {
                Machine::Child(machine, info) => {
                    info.run_id = Some(run_id.clone());
                    info.started_event_id = event_id;
                    Some(machine.handle(ChildInput::Started))
                }
                _ => None,
            },
        )?;
        if let Some(id) = self.by_event.get(&initiated_event_id) {
            self.resolutions
                .push_back((*id, Resolution::ChildStarted(run_id)));
        }
        Ok(Some(Job::ResolveOperations))
    }

    fn acknowledged(
        &mut self,
        event_id: EventId,
        initiated_event_id: EventId,
        outcome: Outcome,
    ) -> Result<Option<Job>, RunError> {
        self.feed(
            event_id,
            initiated_event_id,
            |operation| match &mut operation.machine {
                Machine::External(machine) => {
                    Some(machine.handle(ExternalInput::Acknowledged(outcome)))
                }
                // A request to cancel a child that could not be delivered found it closed: its end is
                // on the way.
                Machine::Child(machine, _) => Some(machine.handle(ChildInput::CancelAcknowledged)),
                _ => None,
            },
        )
    }

    /// Does what a machine wants done.
    pub(super) fn carry_out(&mut self, id: OperationId, effects: Effects) {
        let Effects {
            withdraw,
            request_cancel,
            record_marker,
            stop,
            // Whoever asked the machine has what these two need.
            back_off: _,
            run_again: _,
            stop_backing_off,
            resolve,
            done,
        } = effects;
        if withdraw && let Some(operation) = self.operations.get_mut(&id) {
            let unsent = [operation.command.take(), operation.cancel_command.take()];
            for sequence in unsent.into_iter().flatten() {
                self.outgoing.remove(&sequence);
            }
        }
        if request_cancel {
            self.request_cancel_of(id);
        }
        if record_marker {
            self.record_local_activity(id, resolve.as_ref());
        }
        if stop {
            self.stop_local_activity(id, done);
        }
        if stop_backing_off {
            self.stop_backing_off(id);
        }
        let waiting = resolve.as_ref().and_then(|_| self.backing_off.remove(&id));
        if let Some((local, task)) = waiting {
            self.end_back_off(local, task);
        } else if let Some(outcome) = resolve {
            self.scopes.remove(id);
            if let Some(operation) = self.operations.get(&id) {
                let resolution = operation.resolution(outcome);
                self.resolutions.push_back((id, resolution));
            }
        }
        if done && let Some(operation) = self.operations.remove(&id) {
            self.by_event.remove(&operation.event_id);
            match operation.machine {
                Machine::Child(_, info) => {
                    self.by_event.remove(&info.cancel_event_id);
                }
                Machine::LocalActivity(_, info, _) => {
                    self.local_activities.remove(info.activity_id.as_str());
                    self.local_tasks.remove(&id);
                }
                Machine::Activity(..)
                | Machine::Timer(..)
                | Machine::External(_)
                | Machine::Internal => {}
            }
        }
    }

    /// Emits the command that asks the other side for an operation's cancellation.
    fn request_cancel_of(&mut self, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        let command = match &operation.machine {
            Machine::Activity(..) => Command::RequestCancelActivityTask {
                scheduled_event_id: operation.event_id,
            },
            Machine::Timer(_, timer_id) => Command::CancelTimer {
                timer_id: timer_id.clone(),
            },
            Machine::Child(_, info) => Command::RequestCancelExternalWorkflowExecution(Box::new(
                RequestCancelExternalWorkflowExecution {
                    namespace: None,
                    workflow_id: info.workflow_id.clone(),
                    // Without a run id the request reaches the current run of a child that
                    // continued as new (scenario 124).
                    run_id: None,
                    child_workflow_only: true,
                    reason: limit::short(operation.reason.as_deref().unwrap_or_default()),
                },
            )),
            Machine::External(_) | Machine::LocalActivity(..) | Machine::Internal => return,
        };
        let sequence = self.next_command;
        self.next_command += 1;
        operation.cancel_command = Some(sequence);
        let outgoing = Outgoing {
            command,
            operation: Some(id),
            role: Role::RequestCancel,
        };
        self.outgoing.insert(sequence, outgoing);
    }
}

impl Operation {
    /// What workflow code is told.
    fn resolution(&self, outcome: Outcome) -> Resolution {
        let text = match outcome {
            Outcome::Completed(result) => return Resolution::Completed(result),
            Outcome::Failed(failure) => {
                let reason = if failure.is_cancelled() {
                    self.reason.clone()
                } else {
                    None
                };
                let attempt = self.attempt;
                return Resolution::Failed {
                    failure,
                    reason,
                    attempt,
                };
            }
            Outcome::Cancelled => "cancelled",
            Outcome::NeverStarted => "cancelled before it started",
        };
        let reason = self.reason.clone().unwrap_or_else(|| Arc::from(""));
        let events = (self.event_id, EventId::NONE);
        let failure = match &self.machine {
            Machine::Activity(_, info) => info.failure(
                "activity cancelled",
                events,
                None,
                RetryState::CancelRequested,
            ),
            Machine::LocalActivity(_, info, _) => info.failure(
                "local activity cancelled",
                events,
                None,
                RetryState::CancelRequested,
            ),
            Machine::Child(_, info) => info.failure(
                "child workflow cancelled",
                self.event_id,
                RetryState::NonRetryableFailure,
            ),
            Machine::Timer(..) | Machine::External(_) | Machine::Internal => {
                return Resolution::Cancelled { reason };
            }
        };
        let failure = Box::new(failure.with_cause(Failure::cancelled(text)));
        Resolution::Failed {
            failure,
            reason: Some(reason),
            attempt: self.attempt,
        }
    }
}

impl ActivityInfo {
    pub(super) fn failure(
        &self,
        text: &str,
        (scheduled_event_id, started_event_id): (EventId, EventId),
        identity: Option<Identity>,
        retry_state: RetryState,
    ) -> Failure {
        Failure::new(
            text,
            FailureKind::Activity(Box::new(ActivityFailureInfo {
                scheduled_event_id,
                started_event_id,
                identity,
                activity_type: self.activity_type.clone(),
                activity_id: self.activity_id.clone(),
                retry_state,
            })),
        )
    }
}

impl ChildInfo {
    pub(super) fn failure(
        &self,
        text: &str,
        initiated_event_id: EventId,
        retry_state: RetryState,
    ) -> Failure {
        Failure::new(
            text,
            FailureKind::ChildWorkflow(Box::new(ChildWorkflowFailureInfo {
                workflow_id: self.workflow_id.clone(),
                run_id: self.run_id.clone(),
                workflow_type: self.workflow_type.clone(),
                initiated_event_id,
                started_event_id: self.started_event_id,
                retry_state,
                namespace: None,
            })),
        )
    }

    fn closed(
        &self,
        text: &str,
        initiated_event_id: EventId,
        retry_state: RetryState,
        cause: Failure,
    ) -> ChildInput {
        let failure = self
            .failure(text, initiated_event_id, retry_state)
            .with_cause(cause);
        ChildInput::Closed(Outcome::Failed(Box::new(failure)))
    }
}

/// The failure of reaching another execution.
fn unreachable_failure(cause: ExternalFailedCause, workflow_id: &str) -> Failure {
    let (text, error_type) = match cause {
        ExternalFailedCause::ExternalWorkflowExecutionNotFound => (
            format!("workflow execution `{workflow_id}` not found"),
            "NotFound",
        ),
        ExternalFailedCause::WorkflowAlreadyExists => (
            format!("workflow id `{workflow_id}` is in use"),
            "WorkflowAlreadyExists",
        ),
        ExternalFailedCause::NamespaceNotFound => (
            "the namespace was not found".to_owned(),
            "NamespaceNotFound",
        ),
        ExternalFailedCause::SignalCountLimitExceeded => (
            format!("workflow execution `{workflow_id}` has too many signals"),
            "SignalCountLimitExceeded",
        ),
        ExternalFailedCause::Unspecified => (
            format!("workflow execution `{workflow_id}` cannot be reached"),
            "Unspecified",
        ),
    };
    Failure::application(text, error_type).non_retryable()
}
