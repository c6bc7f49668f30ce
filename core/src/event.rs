//! Events: the facts of a history, with the names and attributes of a Temporal Service.
//!
//! Stored histories contain these types in their field order. Fields are added at the end, with
//! `#[serde(default)]`, and never removed or reordered; variants are stored by name.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    failure::{Failure, TimeoutType},
    ids::{
        EventId, Identity, RequestId, RunId, SignalName, TaskQueue, TimerId, UpdateId, UpdateName,
        WorkflowExecution, WorkflowId, WorkflowType,
    },
    options::{Priority, WorkflowTimeouts},
    payload::{Payload, PayloadMap, UserMetadata},
    retry::{RetryPolicy, RetryState},
    time::Timestamp,
    unmodelled::Unmodelled,
};

/// One event of a history.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HistoryEvent {
    /// Its position, counted from 1.
    pub event_id: EventId,
    /// When it was recorded.
    pub event_time: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// What was said of it besides, where somebody who speaks Temporal's protocol said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmodelled: Option<Box<Unmodelled>>,
}

impl HistoryEvent {
    /// An event of which nothing else was said.
    #[must_use]
    pub fn new(event_id: EventId, event_time: Timestamp, kind: EventKind) -> Self {
        Self {
            event_id,
            event_time,
            kind,
            unmodelled: None,
        }
    }
}

/// How an execution came to start.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct WorkflowExecutionStarted {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Where workers pick up its workflow tasks.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travelled with the call.
    pub header: PayloadMap,
    /// Its time limits.
    pub timeouts: WorkflowTimeouts,
    /// Who started it.
    pub identity: Option<Identity>,
    /// The run id that random numbers are seeded from, which a reset keeps in the copied history.
    pub original_execution_run_id: RunId,
    /// The first run of the chain of continued and retried runs.
    pub first_execution_run_id: RunId,
    /// The run that this one continues or retries.
    pub continued_execution_run_id: Option<RunId>,
    /// Why this run follows another.
    pub initiator: Option<ContinueAsNewInitiator>,
    /// How the previous run failed, if this one retries it.
    pub continued_failure: Option<Failure>,
    /// The result of the last completed run, for runs that follow others.
    pub last_completion_result: Option<Payload>,
    /// The parent.
    pub parent: Option<ParentExecution>,
    /// The topmost ancestor.
    pub root: Option<WorkflowExecution>,
    /// When it is run again after a failure.
    pub retry_policy: Option<RetryPolicy>,
    /// The attempt under that policy, counted from 1.
    pub attempt: u32,
    /// When the execution as a whole times out.
    pub execution_expiration_time: Option<Timestamp>,
    /// The wait before the first workflow task.
    pub first_workflow_task_backoff: Duration,
    /// Values shown with the execution.
    pub memo: PayloadMap,
    /// Values that executions are found by.
    pub search_attributes: PayloadMap,
    /// Words for people about this run. One that continues, retries or repeats it has none.
    // Fields are stored by position, so that only the last one may be left out.
    #[serde(default)]
    pub user_metadata: Option<Box<UserMetadata>>,
    /// How urgent its tasks are.
    #[serde(default)]
    pub priority: Option<Box<Priority>>,
    /// When the next run begins once this one has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron_schedule: Option<Box<str>>,
}

/// Why a run follows another.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the initiators of Temporal"
)]
pub enum ContinueAsNewInitiator {
    /// The workflow continued as new.
    Workflow,
    /// The run failed and its retry policy says to try again.
    Retry,
    /// The run's schedule says to run again.
    CronSchedule,
}

/// The parent of a child workflow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ParentExecution {
    /// The parent.
    pub execution: WorkflowExecution,
    /// The event of the parent's history that initiated the child.
    pub initiated_event_id: EventId,
}

/// Why a workflow task failed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum WorkflowTaskFailedCause {
    /// The workflow's code panicked, or the SDK failed.
    WorkflowWorkerUnhandledFailure,
    /// The code does not fit the history.
    NonDeterministicError,
    /// Something arrived while the task was closing the run.
    UnhandledCommand,
    /// The run was closed from outside.
    ForceCloseCommand,
    /// The run was reset to this task.
    ResetWorkflow,
    /// A command to schedule an activity is invalid.
    BadScheduleActivityAttributes,
    /// A command to cancel an activity is invalid.
    BadRequestCancelActivityAttributes,
    /// A command to start a timer is invalid.
    BadStartTimerAttributes,
    /// A command to cancel a timer is invalid.
    BadCancelTimerAttributes,
    /// A command to record a marker is invalid.
    BadRecordMarkerAttributes,
    /// A command to start a child workflow is invalid.
    BadStartChildExecutionAttributes,
    /// A command to cancel another execution is invalid.
    BadRequestCancelExternalWorkflowExecutionAttributes,
    /// A command to signal another execution is invalid.
    BadSignalWorkflowExecutionAttributes,
    /// A command to change search attributes is invalid.
    BadSearchAttributes,
    /// A closing command is invalid.
    BadCloseAttributes,
    /// A command about an update is invalid.
    BadUpdateWorkflowExecutionMessage,
    /// A timer with the same id is open.
    StartTimerDuplicateId,
    /// An activity with the same id is open.
    ScheduleActivityDuplicateId,
    /// A payload is too large.
    PayloadsTooLarge,
    /// Any other cause of a foreign history.
    Unspecified,
}

/// Why a child workflow, an external signal or an external cancel could not reach its target.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ExternalFailedCause {
    /// There is no such execution that could be reached.
    ExternalWorkflowExecutionNotFound,
    /// An execution with the same workflow id is open, or its id may not be used again.
    WorkflowAlreadyExists,
    /// There is no such namespace.
    NamespaceNotFound,
    /// The target has too many signals already.
    SignalCountLimitExceeded,
    /// Any other cause of a foreign history.
    Unspecified,
}

/// What happened: an event type of Temporal with its attributes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are Temporal's attributes and named alike"
)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machines decide every event by name"
)]
pub enum EventKind {
    WorkflowExecutionStarted(Box<WorkflowExecutionStarted>),
    WorkflowExecutionCompleted {
        result: Option<Payload>,
        workflow_task_completed_event_id: EventId,
        new_execution_run_id: Option<RunId>,
    },
    WorkflowExecutionFailed {
        failure: Box<Failure>,
        retry_state: RetryState,
        workflow_task_completed_event_id: EventId,
        new_execution_run_id: Option<RunId>,
    },
    WorkflowExecutionTimedOut {
        retry_state: RetryState,
        new_execution_run_id: Option<RunId>,
    },
    WorkflowExecutionCanceled {
        details: Vec<Payload>,
        workflow_task_completed_event_id: EventId,
    },
    WorkflowExecutionTerminated {
        reason: String,
        details: Vec<Payload>,
        identity: Option<Identity>,
    },
    WorkflowExecutionContinuedAsNew {
        new_execution_run_id: RunId,
        next: Box<ContinueAsNewWorkflowExecution>,
        workflow_task_completed_event_id: EventId,
    },
    WorkflowExecutionSignaled {
        signal_name: SignalName,
        input: Vec<Payload>,
        header: PayloadMap,
        identity: Option<Identity>,
        external_workflow_execution: Option<WorkflowExecution>,
        request_id: Option<RequestId>,
    },
    WorkflowExecutionCancelRequested {
        /// The reason.
        cause: String,
        identity: Option<Identity>,
        external_initiated_event_id: EventId,
        external_workflow_execution: Option<WorkflowExecution>,
        request_id: Option<RequestId>,
    },
    WorkflowExecutionUpdateAdmitted {
        update_id: UpdateId,
        name: UpdateName,
        input: Vec<Payload>,
        identity: Option<Identity>,
        #[serde(default, skip_serializing_if = "PayloadMap::is_empty")]
        header: PayloadMap,
    },
    WorkflowExecutionUpdateAccepted {
        update_id: UpdateId,
        name: UpdateName,
        input: Vec<Payload>,
        identity: Option<Identity>,
        accepted_request_sequencing_event_id: EventId,
        #[serde(default, skip_serializing_if = "PayloadMap::is_empty")]
        header: PayloadMap,
    },
    WorkflowExecutionUpdateCompleted {
        update_id: UpdateId,
        accepted_event_id: EventId,
        outcome: Box<Result<Payload, Failure>>,
    },
    WorkflowTaskScheduled {
        task_queue: TaskQueue,
        start_to_close_timeout: Duration,
        attempt: u32,
        /// The queue that everybody polls, if this one is for the runs that one worker has in memory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        normal_queue: Option<TaskQueue>,
    },
    WorkflowTaskStarted {
        scheduled_event_id: EventId,
        identity: Option<Identity>,
        request_id: Option<RequestId>,
        history_size_bytes: u64,
        suggest_continue_as_new: bool,
    },
    WorkflowTaskCompleted {
        scheduled_event_id: EventId,
        started_event_id: EventId,
        identity: Option<Identity>,
    },
    WorkflowTaskFailed {
        scheduled_event_id: EventId,
        started_event_id: EventId,
        cause: WorkflowTaskFailedCause,
        failure: Option<Box<Failure>>,
        identity: Option<Identity>,
        base_run_id: Option<RunId>,
        new_run_id: Option<RunId>,
    },
    WorkflowTaskTimedOut {
        scheduled_event_id: EventId,
        started_event_id: EventId,
        timeout_type: TimeoutType,
    },
    ActivityTaskScheduled {
        #[serde(with = "crate::shared")]
        activity: Arc<ScheduleActivityTask>,
        workflow_task_completed_event_id: EventId,
    },
    ActivityTaskStarted {
        scheduled_event_id: EventId,
        identity: Option<Identity>,
        request_id: Option<RequestId>,
        attempt: u32,
        last_failure: Option<Box<Failure>>,
    },
    ActivityTaskCompleted {
        result: Option<Payload>,
        scheduled_event_id: EventId,
        started_event_id: EventId,
        identity: Option<Identity>,
    },
    ActivityTaskFailed {
        failure: Box<Failure>,
        scheduled_event_id: EventId,
        started_event_id: EventId,
        identity: Option<Identity>,
        retry_state: RetryState,
    },
    ActivityTaskTimedOut {
        failure: Box<Failure>,
        scheduled_event_id: EventId,
        started_event_id: EventId,
        retry_state: RetryState,
    },
    ActivityTaskCancelRequested {
        scheduled_event_id: EventId,
        workflow_task_completed_event_id: EventId,
    },
    ActivityTaskCanceled {
        details: Vec<Payload>,
        latest_cancel_requested_event_id: EventId,
        scheduled_event_id: EventId,
        started_event_id: EventId,
        identity: Option<Identity>,
    },
    TimerStarted {
        timer_id: TimerId,
        start_to_fire_timeout: Duration,
        workflow_task_completed_event_id: EventId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_metadata: Option<Box<UserMetadata>>,
    },
    TimerFired {
        timer_id: TimerId,
        started_event_id: EventId,
    },
    TimerCanceled {
        timer_id: TimerId,
        started_event_id: EventId,
        workflow_task_completed_event_id: EventId,
        identity: Option<Identity>,
    },
    MarkerRecorded {
        marker: Box<RecordMarker>,
        workflow_task_completed_event_id: EventId,
    },
    StartChildWorkflowExecutionInitiated {
        child: Box<StartChildWorkflowExecution>,
        workflow_task_completed_event_id: EventId,
    },
    StartChildWorkflowExecutionFailed {
        workflow_id: WorkflowId,
        workflow_type: WorkflowType,
        cause: ExternalFailedCause,
        initiated_event_id: EventId,
        workflow_task_completed_event_id: EventId,
    },
    ChildWorkflowExecutionStarted {
        initiated_event_id: EventId,
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
    },
    ChildWorkflowExecutionCompleted {
        result: Option<Payload>,
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
        initiated_event_id: EventId,
        started_event_id: EventId,
    },
    ChildWorkflowExecutionFailed {
        failure: Box<Failure>,
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
        initiated_event_id: EventId,
        started_event_id: EventId,
        retry_state: RetryState,
    },
    ChildWorkflowExecutionCanceled {
        details: Vec<Payload>,
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
        initiated_event_id: EventId,
        started_event_id: EventId,
    },
    ChildWorkflowExecutionTimedOut {
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
        initiated_event_id: EventId,
        started_event_id: EventId,
        retry_state: RetryState,
    },
    ChildWorkflowExecutionTerminated {
        execution: WorkflowExecution,
        workflow_type: WorkflowType,
        initiated_event_id: EventId,
        started_event_id: EventId,
    },
    RequestCancelExternalWorkflowExecutionInitiated {
        cancel: Box<RequestCancelExternalWorkflowExecution>,
        workflow_task_completed_event_id: EventId,
    },
    RequestCancelExternalWorkflowExecutionFailed {
        cause: ExternalFailedCause,
        workflow_id: WorkflowId,
        run_id: Option<RunId>,
        initiated_event_id: EventId,
    },
    ExternalWorkflowExecutionCancelRequested {
        initiated_event_id: EventId,
        workflow_id: WorkflowId,
        run_id: Option<RunId>,
    },
    SignalExternalWorkflowExecutionInitiated {
        signal: Box<SignalExternalWorkflowExecution>,
        workflow_task_completed_event_id: EventId,
    },
    SignalExternalWorkflowExecutionFailed {
        cause: ExternalFailedCause,
        workflow_id: WorkflowId,
        run_id: Option<RunId>,
        initiated_event_id: EventId,
    },
    ExternalWorkflowExecutionSignaled {
        initiated_event_id: EventId,
        workflow_id: WorkflowId,
        run_id: Option<RunId>,
    },
    UpsertWorkflowSearchAttributes {
        search_attributes: PayloadMap,
        workflow_task_completed_event_id: EventId,
    },
    WorkflowPropertiesModified {
        upserted_memo: PayloadMap,
        workflow_task_completed_event_id: EventId,
    },
    /// An event of a foreign history that this version does not know.
    Unknown {
        event_type: String,
        /// Whether the service says that a worker may pass over it.
        may_ignore: bool,
    },
}

impl EventKind {
    /// The event type, as Temporal spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::WorkflowExecutionStarted(_) => "WorkflowExecutionStarted",
            Self::WorkflowExecutionCompleted { .. } => "WorkflowExecutionCompleted",
            Self::WorkflowExecutionFailed { .. } => "WorkflowExecutionFailed",
            Self::WorkflowExecutionTimedOut { .. } => "WorkflowExecutionTimedOut",
            Self::WorkflowExecutionCanceled { .. } => "WorkflowExecutionCanceled",
            Self::WorkflowExecutionTerminated { .. } => "WorkflowExecutionTerminated",
            Self::WorkflowExecutionContinuedAsNew { .. } => "WorkflowExecutionContinuedAsNew",
            Self::WorkflowExecutionSignaled { .. } => "WorkflowExecutionSignaled",
            Self::WorkflowExecutionCancelRequested { .. } => "WorkflowExecutionCancelRequested",
            Self::WorkflowExecutionUpdateAdmitted { .. } => "WorkflowExecutionUpdateAdmitted",
            Self::WorkflowExecutionUpdateAccepted { .. } => "WorkflowExecutionUpdateAccepted",
            Self::WorkflowExecutionUpdateCompleted { .. } => "WorkflowExecutionUpdateCompleted",
            Self::WorkflowTaskScheduled { .. } => "WorkflowTaskScheduled",
            Self::WorkflowTaskStarted { .. } => "WorkflowTaskStarted",
            Self::WorkflowTaskCompleted { .. } => "WorkflowTaskCompleted",
            Self::WorkflowTaskFailed { .. } => "WorkflowTaskFailed",
            Self::WorkflowTaskTimedOut { .. } => "WorkflowTaskTimedOut",
            Self::ActivityTaskScheduled { .. } => "ActivityTaskScheduled",
            Self::ActivityTaskStarted { .. } => "ActivityTaskStarted",
            Self::ActivityTaskCompleted { .. } => "ActivityTaskCompleted",
            Self::ActivityTaskFailed { .. } => "ActivityTaskFailed",
            Self::ActivityTaskTimedOut { .. } => "ActivityTaskTimedOut",
            Self::ActivityTaskCancelRequested { .. } => "ActivityTaskCancelRequested",
            Self::ActivityTaskCanceled { .. } => "ActivityTaskCanceled",
            Self::TimerStarted { .. } => "TimerStarted",
            Self::TimerFired { .. } => "TimerFired",
            Self::TimerCanceled { .. } => "TimerCanceled",
            Self::MarkerRecorded { .. } => "MarkerRecorded",
            Self::StartChildWorkflowExecutionInitiated { .. } => {
                "StartChildWorkflowExecutionInitiated"
            }
            Self::StartChildWorkflowExecutionFailed { .. } => "StartChildWorkflowExecutionFailed",
            Self::ChildWorkflowExecutionStarted { .. } => "ChildWorkflowExecutionStarted",
            Self::ChildWorkflowExecutionCompleted { .. } => "ChildWorkflowExecutionCompleted",
            Self::ChildWorkflowExecutionFailed { .. } => "ChildWorkflowExecutionFailed",
            Self::ChildWorkflowExecutionCanceled { .. } => "ChildWorkflowExecutionCanceled",
            Self::ChildWorkflowExecutionTimedOut { .. } => "ChildWorkflowExecutionTimedOut",
            Self::ChildWorkflowExecutionTerminated { .. } => "ChildWorkflowExecutionTerminated",
            Self::RequestCancelExternalWorkflowExecutionInitiated { .. } => {
                "RequestCancelExternalWorkflowExecutionInitiated"
            }
            Self::RequestCancelExternalWorkflowExecutionFailed { .. } => {
                "RequestCancelExternalWorkflowExecutionFailed"
            }
            Self::ExternalWorkflowExecutionCancelRequested { .. } => {
                "ExternalWorkflowExecutionCancelRequested"
            }
            Self::SignalExternalWorkflowExecutionInitiated { .. } => {
                "SignalExternalWorkflowExecutionInitiated"
            }
            Self::SignalExternalWorkflowExecutionFailed { .. } => {
                "SignalExternalWorkflowExecutionFailed"
            }
            Self::ExternalWorkflowExecutionSignaled { .. } => "ExternalWorkflowExecutionSignaled",
            Self::UpsertWorkflowSearchAttributes { .. } => "UpsertWorkflowSearchAttributes",
            Self::WorkflowPropertiesModified { .. } => "WorkflowPropertiesModified",
            Self::Unknown { event_type, .. } => event_type,
        }
    }

    /// Words for people about what happened.
    #[must_use]
    pub fn user_metadata(&self) -> Option<&UserMetadata> {
        match self {
            Self::WorkflowExecutionStarted(started) => started.user_metadata.as_deref(),
            Self::ActivityTaskScheduled { activity, .. } => activity.user_metadata.as_deref(),
            Self::TimerStarted { user_metadata, .. } => user_metadata.as_deref(),
            Self::StartChildWorkflowExecutionInitiated { child, .. } => {
                child.user_metadata.as_deref()
            }
            Self::MarkerRecorded { marker, .. } => marker.user_metadata.as_deref(),
            _ => None,
        }
    }

    /// Says words for people about what happened. An event that has no place for them stays as it is.
    pub fn set_user_metadata(&mut self, words: Option<Box<UserMetadata>>) {
        match self {
            Self::WorkflowExecutionStarted(started) => started.user_metadata = words,
            Self::ActivityTaskScheduled { activity, .. } => {
                Arc::make_mut(activity).user_metadata = words;
            }
            Self::TimerStarted { user_metadata, .. } => *user_metadata = words,
            Self::StartChildWorkflowExecutionInitiated { child, .. } => child.user_metadata = words,
            Self::MarkerRecorded { marker, .. } => marker.user_metadata = words,
            _ => {}
        }
    }

    /// Whether the event is the answer to a command, and so follows the completion of the workflow
    /// task that contained the command.
    #[must_use]
    pub fn is_command_event(&self) -> bool {
        matches!(
            self,
            Self::ActivityTaskScheduled { .. }
                | Self::ActivityTaskCancelRequested { .. }
                | Self::TimerStarted { .. }
                | Self::TimerCanceled { .. }
                | Self::MarkerRecorded { .. }
                | Self::StartChildWorkflowExecutionInitiated { .. }
                | Self::RequestCancelExternalWorkflowExecutionInitiated { .. }
                | Self::SignalExternalWorkflowExecutionInitiated { .. }
                | Self::UpsertWorkflowSearchAttributes { .. }
                | Self::WorkflowPropertiesModified { .. }
                | Self::WorkflowExecutionUpdateAccepted { .. }
                | Self::WorkflowExecutionUpdateCompleted { .. }
                | Self::WorkflowExecutionCompleted { .. }
                | Self::WorkflowExecutionFailed { .. }
                | Self::WorkflowExecutionCanceled { .. }
                | Self::WorkflowExecutionContinuedAsNew { .. }
        )
    }

    /// Whether this is an event of a foreign history that a worker may pass over.
    pub(crate) fn may_be_ignored(&self) -> bool {
        matches!(
            self,
            Self::Unknown {
                may_ignore: true,
                ..
            }
        )
    }

    /// Whether nothing can follow the event.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(
            self,
            Self::WorkflowExecutionCompleted { .. }
                | Self::WorkflowExecutionFailed { .. }
                | Self::WorkflowExecutionTimedOut { .. }
                | Self::WorkflowExecutionCanceled { .. }
                | Self::WorkflowExecutionTerminated { .. }
                | Self::WorkflowExecutionContinuedAsNew { .. }
        )
    }
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the statuses of Temporal"
)]
pub enum ExecutionStatus {
    /// It is open.
    Running,
    /// Its run function returned a result.
    Completed,
    /// Its run function returned an error.
    Failed,
    /// Its cancellation was requested and it ended with it.
    Cancelled,
    /// It was stopped from outside.
    Terminated,
    /// It went on in another run.
    ContinuedAsNew,
    /// A time limit passed.
    TimedOut,
}

impl ExecutionStatus {
    /// The status after a closing event; `None` for any other.
    #[must_use]
    pub fn after(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::WorkflowExecutionCompleted { .. } => Some(Self::Completed),
            EventKind::WorkflowExecutionFailed { .. } => Some(Self::Failed),
            EventKind::WorkflowExecutionTimedOut { .. } => Some(Self::TimedOut),
            EventKind::WorkflowExecutionCanceled { .. } => Some(Self::Cancelled),
            EventKind::WorkflowExecutionTerminated { .. } => Some(Self::Terminated),
            EventKind::WorkflowExecutionContinuedAsNew { .. } => Some(Self::ContinuedAsNew),
            _ => None,
        }
    }
}

/// Writes the status as `steadfast` spells it, such as `Cancelled`.
impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::TimedOut => "TimedOut",
        })
    }
}
