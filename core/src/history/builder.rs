//! Builds valid histories event by event: for tests and benchmarks.
//!
//! It plays the recording half of an engine: it counts event ids, keeps the time, and fills in
//! which event belongs to which. It decides nothing: what happens, and in which order, is the
//! caller's choice, so it can also build histories that no engine would.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::History;
use crate::{
    command::{
        Command, RequestCancelExternalWorkflowExecution, ScheduleActivityTask,
        SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::{
        EventKind, ExternalFailedCause, HistoryEvent, WorkflowExecutionStarted,
        WorkflowTaskFailedCause,
    },
    failure::{Failure, TimeoutType},
    ids::{EventId, Identity, InvalidId, RunId, TaskQueue, TimerId, UpdateId, WorkflowExecution},
    options::{ActivityTimeouts, ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap},
    retry::RetryState,
    time::Timestamp,
};

/// When the first event happens: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// Makes an id or a name from a text that is one.
///
/// # Panics
///
/// When the text is empty or too long.
pub fn id<'a, T: TryFrom<&'a str, Error = InvalidId>>(text: &'a str) -> T {
    T::try_from(text).expect("the text of a test is a valid id")
}

/// A command to schedule an activity, with nothing but what identifies it.
#[must_use]
pub fn schedule_activity(activity_id: &str, activity_type: &str) -> Command {
    Command::ScheduleActivityTask(Box::new(ScheduleActivityTask {
        activity_id: id(activity_id),
        activity_type: id(activity_type),
        task_queue: id("main"),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: ActivityTimeouts::default(),
        retry_policy: None,
        user_metadata: None,
        priority: None,
    }))
}

/// A command to start a timer.
#[must_use]
pub fn start_timer(timer_id: &str, start_to_fire_timeout: Duration) -> Command {
    Command::StartTimer {
        timer_id: id(timer_id),
        start_to_fire_timeout,
        user_metadata: None,
    }
}

/// A command to start a child workflow, with nothing but what identifies it.
#[must_use]
pub fn start_child(workflow_id: &str, workflow_type: &str) -> StartChildWorkflowExecution {
    StartChildWorkflowExecution {
        workflow_id: id(workflow_id),
        workflow_type: id(workflow_type),
        task_queue: id("main"),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        parent_close_policy: ParentClosePolicy::default(),
        workflow_id_reuse_policy: WorkflowIdReusePolicy::default(),
        retry_policy: None,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        cron_schedule: None,
    }
}

/// A request to signal another execution.
#[must_use]
pub fn signal_external(workflow_id: &str, signal_name: &str) -> SignalExternalWorkflowExecution {
    SignalExternalWorkflowExecution {
        namespace: None,
        workflow_id: id(workflow_id),
        run_id: None,
        signal_name: id(signal_name),
        input: Vec::new(),
        header: PayloadMap::new(),
        child_workflow_only: false,
    }
}

/// A request to cancel another execution.
#[must_use]
pub fn cancel_external(workflow_id: &str, reason: &str) -> RequestCancelExternalWorkflowExecution {
    RequestCancelExternalWorkflowExecution {
        namespace: None,
        workflow_id: id(workflow_id),
        run_id: None,
        child_workflow_only: false,
        reason: reason.to_owned(),
    }
}

/// Builds a history event by event. Each method records one event and returns its id; an event
/// that belongs to an earlier one takes that one's id.
#[derive(Clone, Debug)]
#[must_use]
pub struct HistoryBuilder {
    history: History,
    now: Timestamp,
    step: Duration,
    /// The last events of each kind that frames a workflow task.
    task_scheduled: EventId,
    task_started: EventId,
    task_completed: EventId,
    timers: BTreeMap<TimerId, EventId>,
    updates: BTreeMap<UpdateId, EventId>,
    /// The last start of each activity and child, by the event that asked for it.
    starts: BTreeMap<EventId, EventId>,
}

impl fmt::Display for HistoryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.history, f)
    }
}

impl HistoryBuilder {
    /// A history of the run `run-1` of `workflow-1` that has started.
    pub fn new(workflow_type: &str) -> Self {
        let run_id: RunId = id("run-1");
        Self::starting(
            WorkflowExecution {
                workflow_id: id("workflow-1"),
                run_id: run_id.clone(),
            },
            WorkflowExecutionStarted {
                workflow_id: id("workflow-1"),
                workflow_type: id(workflow_type),
                task_queue: id("main"),
                input: Vec::new(),
                header: PayloadMap::new(),
                timeouts: WorkflowTimeouts::default(),
                identity: None,
                original_execution_run_id: run_id.clone(),
                first_execution_run_id: run_id,
                continued_execution_run_id: None,
                initiator: None,
                continued_failure: None,
                last_completion_result: None,
                parent: None,
                root: None,
                retry_policy: None,
                attempt: 1,
                execution_expiration_time: None,
                first_workflow_task_backoff: Duration::ZERO,
                memo: PayloadMap::new(),
                search_attributes: PayloadMap::new(),
                user_metadata: None,
                priority: None,
                cron_schedule: None,
            },
        )
    }

    /// A history of a run that has started in a certain way.
    pub fn starting(execution: WorkflowExecution, started: WorkflowExecutionStarted) -> Self {
        let mut builder = Self {
            history: History {
                execution,
                events: Vec::new(),
            },
            now: START,
            step: Duration::from_millis(1),
            task_scheduled: EventId::NONE,
            task_started: EventId::NONE,
            task_completed: EventId::NONE,
            timers: BTreeMap::new(),
            updates: BTreeMap::new(),
            starts: BTreeMap::new(),
        };
        builder.push(EventKind::WorkflowExecutionStarted(Box::new(started)));
        builder
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The events so far.
    pub fn events(&self) -> &[HistoryEvent] {
        &self.history.events
    }

    /// The last event.
    pub fn last_event_id(&self) -> EventId {
        self.history
            .events
            .last()
            .map_or(EventId::NONE, |event| event.event_id)
    }

    /// The history.
    #[must_use]
    pub fn build(self) -> History {
        self.history
    }

    /// Lets time pass before the next event.
    pub fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    /// Records any event, a millisecond after the one before it.
    pub fn push(&mut self, kind: EventKind) -> EventId {
        let event_id = self.last_event_id().next();
        if event_id != EventId(1) {
            self.now = self.now.after(self.step);
        }
        self.history
            .events
            .push(HistoryEvent::new(event_id, self.now, kind));
        event_id
    }

    fn event(&self, id: EventId) -> Option<&EventKind> {
        let index = usize::try_from(id.0).ok()?.checked_sub(1)?;
        self.history.events.get(index).map(|event| &event.kind)
    }

    fn queue(&self) -> TaskQueue {
        match self.event(EventId(1)) {
            Some(EventKind::WorkflowExecutionStarted(started)) => started.task_queue.clone(),
            _ => id("main"),
        }
    }

    /// `WorkflowTaskScheduled`.
    pub fn task_scheduled(&mut self) -> EventId {
        let task_queue = self.queue();
        self.task_scheduled = self.push(EventKind::WorkflowTaskScheduled {
            task_queue,
            start_to_close_timeout: WorkflowTimeouts::DEFAULT_TASK_TIMEOUT,
            attempt: 1,
            normal_queue: None,
        });
        self.task_scheduled
    }

    /// `WorkflowTaskStarted`.
    pub fn task_started(&mut self) -> EventId {
        self.task_started = self.push(EventKind::WorkflowTaskStarted {
            scheduled_event_id: self.task_scheduled,
            identity: Some(worker()),
            request_id: None,
            history_size_bytes: 0,
            suggest_continue_as_new: false,
        });
        self.task_started
    }

    /// `WorkflowTaskCompleted`.
    pub fn task_completed(&mut self) -> EventId {
        self.task_completed = self.push(EventKind::WorkflowTaskCompleted {
            scheduled_event_id: self.task_scheduled,
            started_event_id: self.task_started,
            identity: Some(worker()),
        });
        self.task_completed
    }

    /// A workflow task that was answered: scheduled, started and completed.
    pub fn task(&mut self) -> EventId {
        self.task_scheduled();
        self.task_started();
        self.task_completed()
    }

    /// `WorkflowTaskFailed`.
    pub fn task_failed(&mut self, cause: WorkflowTaskFailedCause) -> EventId {
        self.push(EventKind::WorkflowTaskFailed {
            scheduled_event_id: self.task_scheduled,
            started_event_id: self.task_started,
            cause,
            failure: None,
            identity: Some(worker()),
            base_run_id: None,
            new_run_id: None,
        })
    }

    /// `WorkflowTaskFailed` of a run that was reset here and goes on as another run.
    pub fn reset(&mut self, new_run_id: &str) -> EventId {
        self.push(EventKind::WorkflowTaskFailed {
            scheduled_event_id: self.task_scheduled,
            started_event_id: self.task_started,
            cause: WorkflowTaskFailedCause::ResetWorkflow,
            failure: None,
            identity: None,
            base_run_id: Some(self.history.execution.run_id.clone()),
            new_run_id: Some(id(new_run_id)),
        })
    }

    /// `WorkflowTaskTimedOut`.
    pub fn task_timed_out(&mut self) -> EventId {
        self.push(EventKind::WorkflowTaskTimedOut {
            scheduled_event_id: self.task_scheduled,
            started_event_id: self.task_started,
            timeout_type: TimeoutType::StartToClose,
        })
    }

    /// Records what a command of the last completed workflow task leads to; `None` if to nothing.
    pub fn record(&mut self, command: Command) -> Option<EventId> {
        let completed = self.task_completed;
        let kind = match command {
            Command::ScheduleActivityTask(activity) => EventKind::ActivityTaskScheduled {
                activity: activity.into(),
                workflow_task_completed_event_id: completed,
            },
            Command::RequestCancelActivityTask { scheduled_event_id } => {
                EventKind::ActivityTaskCancelRequested {
                    scheduled_event_id,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::StartTimer {
                timer_id,
                start_to_fire_timeout,
                user_metadata,
            } => {
                self.timers
                    .insert(timer_id.clone(), self.last_event_id().next());
                EventKind::TimerStarted {
                    timer_id,
                    start_to_fire_timeout,
                    workflow_task_completed_event_id: completed,
                    user_metadata,
                }
            }
            Command::CancelTimer { timer_id } => EventKind::TimerCanceled {
                started_event_id: self.timers.get(&timer_id).copied().unwrap_or_default(),
                timer_id,
                workflow_task_completed_event_id: completed,
                identity: Some(worker()),
            },
            Command::StartChildWorkflowExecution(child) => {
                EventKind::StartChildWorkflowExecutionInitiated {
                    child,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::RequestCancelExternalWorkflowExecution(cancel) => {
                EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                    cancel,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::SignalExternalWorkflowExecution(signal) => {
                EventKind::SignalExternalWorkflowExecutionInitiated {
                    signal,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::RecordMarker(marker) => EventKind::MarkerRecorded {
                marker,
                workflow_task_completed_event_id: completed,
            },
            Command::UpsertWorkflowSearchAttributes { search_attributes } => {
                EventKind::UpsertWorkflowSearchAttributes {
                    search_attributes,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::ModifyWorkflowProperties { upserted_memo } => {
                EventKind::WorkflowPropertiesModified {
                    upserted_memo,
                    workflow_task_completed_event_id: completed,
                }
            }
            Command::AcceptUpdate {
                update_id,
                name,
                input,
            } => {
                self.updates
                    .insert(update_id.clone(), self.last_event_id().next());
                EventKind::WorkflowExecutionUpdateAccepted {
                    update_id,
                    name,
                    input,
                    identity: None,
                    accepted_request_sequencing_event_id: self.task_scheduled,
                    header: PayloadMap::new(),
                }
            }
            Command::CompleteUpdate { update_id, outcome } => {
                EventKind::WorkflowExecutionUpdateCompleted {
                    accepted_event_id: self.updates.get(&update_id).copied().unwrap_or_default(),
                    update_id,
                    outcome: Box::new(outcome),
                }
            }
            Command::RejectUpdate { .. } => return None,
            Command::CompleteWorkflowExecution { result } => {
                EventKind::WorkflowExecutionCompleted {
                    result,
                    workflow_task_completed_event_id: completed,
                    new_execution_run_id: None,
                }
            }
            Command::FailWorkflowExecution { failure } => EventKind::WorkflowExecutionFailed {
                failure,
                retry_state: RetryState::RetryPolicyNotSet,
                workflow_task_completed_event_id: completed,
                new_execution_run_id: None,
            },
            Command::CancelWorkflowExecution { details } => EventKind::WorkflowExecutionCanceled {
                details,
                workflow_task_completed_event_id: completed,
            },
            Command::ContinueAsNewWorkflowExecution(next) => {
                EventKind::WorkflowExecutionContinuedAsNew {
                    new_execution_run_id: id("run-2"),
                    next,
                    workflow_task_completed_event_id: completed,
                }
            }
        };
        Some(self.push(kind))
    }

    /// `WorkflowExecutionSignaled`.
    pub fn signaled(&mut self, signal_name: &str, input: Vec<Payload>) -> EventId {
        self.push(EventKind::WorkflowExecutionSignaled {
            signal_name: id(signal_name),
            input,
            header: PayloadMap::new(),
            identity: Some(id("client")),
            external_workflow_execution: None,
            request_id: None,
        })
    }

    /// `WorkflowExecutionCancelRequested`.
    pub fn cancel_requested(&mut self, reason: &str) -> EventId {
        self.push(EventKind::WorkflowExecutionCancelRequested {
            cause: reason.to_owned(),
            identity: Some(id("client")),
            external_initiated_event_id: EventId::NONE,
            external_workflow_execution: None,
            request_id: None,
        })
    }

    /// `WorkflowExecutionTerminated`.
    pub fn terminated(&mut self, reason: &str) -> EventId {
        self.push(EventKind::WorkflowExecutionTerminated {
            reason: reason.to_owned(),
            details: Vec::new(),
            identity: Some(id("client")),
        })
    }

    /// `WorkflowExecutionUpdateAdmitted`.
    pub fn update_admitted(&mut self, update_id: &str, name: &str) -> EventId {
        self.push(EventKind::WorkflowExecutionUpdateAdmitted {
            update_id: id(update_id),
            name: id(name),
            input: Vec::new(),
            identity: None,
            header: PayloadMap::new(),
        })
    }

    /// `ActivityTaskStarted`.
    pub fn activity_started(&mut self, scheduled_event_id: EventId) -> EventId {
        let started = self.push(EventKind::ActivityTaskStarted {
            scheduled_event_id,
            identity: Some(worker()),
            request_id: None,
            attempt: 1,
            last_failure: None,
        });
        self.starts.insert(scheduled_event_id, started);
        started
    }

    fn started_event_id(&self, of: EventId) -> EventId {
        self.starts.get(&of).copied().unwrap_or_default()
    }

    /// `ActivityTaskCompleted`.
    pub fn activity_completed(
        &mut self,
        scheduled_event_id: EventId,
        result: Option<Payload>,
    ) -> EventId {
        self.push(EventKind::ActivityTaskCompleted {
            result,
            scheduled_event_id,
            started_event_id: self.started_event_id(scheduled_event_id),
            identity: Some(worker()),
        })
    }

    /// `ActivityTaskFailed`.
    pub fn activity_failed(&mut self, scheduled_event_id: EventId, failure: Failure) -> EventId {
        self.push(EventKind::ActivityTaskFailed {
            failure: Box::new(failure),
            scheduled_event_id,
            started_event_id: self.started_event_id(scheduled_event_id),
            identity: Some(worker()),
            retry_state: RetryState::NonRetryableFailure,
        })
    }

    /// `ActivityTaskTimedOut`.
    pub fn activity_timed_out(
        &mut self,
        scheduled_event_id: EventId,
        timeout_type: TimeoutType,
    ) -> EventId {
        self.push(EventKind::ActivityTaskTimedOut {
            failure: Box::new(Failure::timeout("timed out", timeout_type)),
            scheduled_event_id,
            started_event_id: self.started_event_id(scheduled_event_id),
            retry_state: RetryState::Timeout,
        })
    }

    /// `ActivityTaskCanceled`.
    pub fn activity_canceled(&mut self, scheduled_event_id: EventId) -> EventId {
        self.push(EventKind::ActivityTaskCanceled {
            details: Vec::new(),
            latest_cancel_requested_event_id: EventId::NONE,
            scheduled_event_id,
            started_event_id: self.started_event_id(scheduled_event_id),
            identity: Some(worker()),
        })
    }

    /// `TimerFired`.
    pub fn timer_fired(&mut self, started_event_id: EventId) -> EventId {
        let timer_id = match self.event(started_event_id) {
            Some(EventKind::TimerStarted { timer_id, .. }) => timer_id.clone(),
            _ => id("unknown"),
        };
        self.push(EventKind::TimerFired {
            timer_id,
            started_event_id,
        })
    }

    /// The child that an event initiated, with the run that it has once it is started.
    fn child(&self, initiated_event_id: EventId) -> StartChildWorkflowExecution {
        match self.event(initiated_event_id) {
            Some(EventKind::StartChildWorkflowExecutionInitiated { child, .. }) => {
                (**child).clone()
            }
            _ => start_child("unknown", "unknown"),
        }
    }

    fn child_execution(&self, initiated_event_id: EventId) -> WorkflowExecution {
        WorkflowExecution {
            workflow_id: self.child(initiated_event_id).workflow_id,
            run_id: id(&format!("child-run-{initiated_event_id}")),
        }
    }

    /// `ChildWorkflowExecutionStarted`.
    pub fn child_started(&mut self, initiated_event_id: EventId) -> EventId {
        let started = self.push(EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id,
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
        });
        self.starts.insert(initiated_event_id, started);
        started
    }

    /// `StartChildWorkflowExecutionFailed`.
    pub fn child_start_failed(
        &mut self,
        initiated_event_id: EventId,
        cause: ExternalFailedCause,
    ) -> EventId {
        let child = self.child(initiated_event_id);
        self.push(EventKind::StartChildWorkflowExecutionFailed {
            workflow_id: child.workflow_id,
            workflow_type: child.workflow_type,
            cause,
            initiated_event_id,
            workflow_task_completed_event_id: self.task_completed,
        })
    }

    /// `ChildWorkflowExecutionCompleted`.
    pub fn child_completed(
        &mut self,
        initiated_event_id: EventId,
        result: Option<Payload>,
    ) -> EventId {
        self.push(EventKind::ChildWorkflowExecutionCompleted {
            result,
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
            initiated_event_id,
            started_event_id: self.started_event_id(initiated_event_id),
        })
    }

    /// `ChildWorkflowExecutionFailed`.
    pub fn child_failed(&mut self, initiated_event_id: EventId, failure: Failure) -> EventId {
        self.push(EventKind::ChildWorkflowExecutionFailed {
            failure: Box::new(failure),
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
            initiated_event_id,
            started_event_id: self.started_event_id(initiated_event_id),
            retry_state: RetryState::RetryPolicyNotSet,
        })
    }

    /// `ChildWorkflowExecutionCanceled`.
    pub fn child_canceled(&mut self, initiated_event_id: EventId) -> EventId {
        self.push(EventKind::ChildWorkflowExecutionCanceled {
            details: Vec::new(),
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
            initiated_event_id,
            started_event_id: self.started_event_id(initiated_event_id),
        })
    }

    /// `ChildWorkflowExecutionTimedOut`.
    pub fn child_timed_out(&mut self, initiated_event_id: EventId) -> EventId {
        self.push(EventKind::ChildWorkflowExecutionTimedOut {
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
            initiated_event_id,
            started_event_id: self.started_event_id(initiated_event_id),
            retry_state: RetryState::Timeout,
        })
    }

    /// `ChildWorkflowExecutionTerminated`.
    pub fn child_terminated(&mut self, initiated_event_id: EventId) -> EventId {
        self.push(EventKind::ChildWorkflowExecutionTerminated {
            execution: self.child_execution(initiated_event_id),
            workflow_type: self.child(initiated_event_id).workflow_type,
            initiated_event_id,
            started_event_id: self.started_event_id(initiated_event_id),
        })
    }

    /// `ExternalWorkflowExecutionSignaled` or `ExternalWorkflowExecutionCancelRequested`, whichever
    /// was asked for.
    pub fn external_delivered(&mut self, initiated_event_id: EventId) -> EventId {
        let kind = match self.event(initiated_event_id) {
            Some(EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. }) => {
                EventKind::ExternalWorkflowExecutionSignaled {
                    initiated_event_id,
                    workflow_id: signal.workflow_id.clone(),
                    run_id: None,
                }
            }
            Some(EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. }) => {
                EventKind::ExternalWorkflowExecutionCancelRequested {
                    initiated_event_id,
                    workflow_id: cancel.workflow_id.clone(),
                    run_id: None,
                }
            }
            _ => EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id,
                workflow_id: id("unknown"),
                run_id: None,
            },
        };
        self.push(kind)
    }

    /// `SignalExternalWorkflowExecutionFailed` or `RequestCancelExternalWorkflowExecutionFailed`,
    /// whichever was asked for.
    pub fn external_failed(
        &mut self,
        initiated_event_id: EventId,
        cause: ExternalFailedCause,
    ) -> EventId {
        let kind = match self.event(initiated_event_id) {
            Some(EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. }) => {
                EventKind::RequestCancelExternalWorkflowExecutionFailed {
                    cause,
                    workflow_id: cancel.workflow_id.clone(),
                    run_id: None,
                    initiated_event_id,
                }
            }
            Some(EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. }) => {
                EventKind::SignalExternalWorkflowExecutionFailed {
                    cause,
                    workflow_id: signal.workflow_id.clone(),
                    run_id: None,
                    initiated_event_id,
                }
            }
            _ => EventKind::SignalExternalWorkflowExecutionFailed {
                cause,
                workflow_id: id("unknown"),
                run_id: None,
                initiated_event_id,
            },
        };
        self.push(kind)
    }
}

fn worker() -> Identity {
    id("worker")
}
