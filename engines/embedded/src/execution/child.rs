//! Children of a run, and what it asked of other executions.

use steadfast_core::{
    command::StartChildWorkflowExecution,
    event::{EventKind, ExternalFailedCause},
    failure::Failure,
    ids::{EventId, RunId, WorkflowExecution, WorkflowId, WorkflowType},
    options::ParentClosePolicy,
    payload::Payload,
    retry::RetryState,
    time::Timestamp,
};

use super::Execution;

/// A child that has not ended.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) workflow_id: WorkflowId,
    pub(crate) workflow_type: WorkflowType,
    pub(crate) policy: ParentClosePolicy,
    /// Its first run, once it has started.
    pub(crate) run_id: Option<RunId>,
    pub(crate) started_event_id: EventId,
    /// What to start; dropped when it has started.
    pub(crate) command: Option<Box<StartChildWorkflowExecution>>,
}

impl Child {
    pub(super) fn new(command: &StartChildWorkflowExecution) -> Self {
        Self {
            workflow_id: command.workflow_id.clone(),
            workflow_type: command.workflow_type.clone(),
            policy: command.parent_close_policy,
            run_id: None,
            started_event_id: EventId::NONE,
            command: Some(Box::new(command.clone())),
        }
    }
}

/// How a child ended, as its parent will record it.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) enum ChildEnd {
    Completed {
        result: Option<Payload>,
    },
    Failed {
        failure: Box<Failure>,
        retry_state: RetryState,
    },
    Cancelled {
        details: Vec<Payload>,
    },
    TimedOut {
        retry_state: RetryState,
    },
    Terminated,
}

impl ChildEnd {
    /// How a closing event looks to the parent; `None` when another run follows.
    pub(crate) fn from_closing(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::WorkflowExecutionCompleted {
                result,
                new_execution_run_id: None,
                ..
            } => Some(Self::Completed {
                result: result.clone(),
            }),
            EventKind::WorkflowExecutionFailed {
                failure,
                retry_state,
                new_execution_run_id: None,
                ..
            } => Some(Self::Failed {
                failure: failure.clone(),
                retry_state: *retry_state,
            }),
            EventKind::WorkflowExecutionCanceled { details, .. } => Some(Self::Cancelled {
                details: details.clone(),
            }),
            EventKind::WorkflowExecutionTimedOut {
                retry_state,
                new_execution_run_id: None,
            } => Some(Self::TimedOut {
                retry_state: *retry_state,
            }),
            EventKind::WorkflowExecutionTerminated { .. } => Some(Self::Terminated),
            _ => None,
        }
    }
}

impl Execution {
    /// Records that a child has started.
    pub(crate) fn child_started(&mut self, initiated: u64, run_id: RunId, now: Timestamp) {
        let Some(child) = self.children.get_mut(&initiated) else {
            return;
        };
        child.command = None;
        let event = EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id: EventId(initiated),
            execution: WorkflowExecution {
                workflow_id: child.workflow_id.clone(),
                run_id,
            },
            workflow_type: child.workflow_type.clone(),
        };
        self.add(now, event);
    }

    /// Records that a child could not be started.
    pub(crate) fn child_start_failed(
        &mut self,
        initiated: u64,
        cause: ExternalFailedCause,
        now: Timestamp,
    ) {
        let Some(child) = self.children.get(&initiated) else {
            return;
        };
        let event = EventKind::StartChildWorkflowExecutionFailed {
            workflow_id: child.workflow_id.clone(),
            workflow_type: child.workflow_type.clone(),
            cause,
            initiated_event_id: EventId(initiated),
            workflow_task_completed_event_id: EventId::NONE,
        };
        self.add(now, event);
    }

    /// Records that a child has ended, if the run still waits for that child.
    pub(crate) fn child_ended(
        &mut self,
        initiated: u64,
        workflow_id: &WorkflowId,
        first_run_id: &RunId,
        end: ChildEnd,
        now: Timestamp,
    ) {
        let Some(child) = self.children.get(&initiated) else {
            return;
        };
        if child.workflow_id != *workflow_id || child.run_id.as_ref() != Some(first_run_id) {
            return;
        }
        let execution = WorkflowExecution {
            workflow_id: workflow_id.clone(),
            run_id: first_run_id.clone(),
        };
        let workflow_type = child.workflow_type.clone();
        let initiated_event_id = EventId(initiated);
        let started_event_id = child.started_event_id;
        let event = match end {
            ChildEnd::Completed { result } => EventKind::ChildWorkflowExecutionCompleted {
                result,
                execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
            ChildEnd::Failed {
                failure,
                retry_state,
            } => EventKind::ChildWorkflowExecutionFailed {
                failure,
                execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state,
            },
            ChildEnd::Cancelled { details } => EventKind::ChildWorkflowExecutionCanceled {
                details,
                execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
            ChildEnd::TimedOut { retry_state } => EventKind::ChildWorkflowExecutionTimedOut {
                execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state,
            },
            ChildEnd::Terminated => EventKind::ChildWorkflowExecutionTerminated {
                execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
        };
        self.add(now, event);
    }

    /// Records what came of a cancellation that the run asked for.
    pub(crate) fn external_cancel_done(
        &mut self,
        initiated: u64,
        result: Result<(), ExternalFailedCause>,
        now: Timestamp,
    ) {
        let Some(cancel) = self.cancels.get(&initiated) else {
            return;
        };
        let initiated_event_id = EventId(initiated);
        let (workflow_id, run_id) = (cancel.workflow_id.clone(), cancel.run_id.clone());
        let event = match result {
            Ok(()) => EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id,
                workflow_id,
                run_id,
            },
            Err(cause) => EventKind::RequestCancelExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                run_id,
                initiated_event_id,
            },
        };
        self.add(now, event);
    }

    /// Records what came of a signal that the run sent.
    pub(crate) fn external_signal_done(
        &mut self,
        initiated: u64,
        result: Result<(), ExternalFailedCause>,
        now: Timestamp,
    ) {
        let Some(signal) = self.signals.get(&initiated) else {
            return;
        };
        let initiated_event_id = EventId(initiated);
        let (workflow_id, run_id) = (signal.workflow_id.clone(), signal.run_id.clone());
        let event = match result {
            Ok(()) => EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id,
                workflow_id,
                run_id,
            },
            Err(cause) => EventKind::SignalExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                run_id,
                initiated_event_id,
            },
        };
        self.add(now, event);
    }
}
