//! What clients and workers ask of an engine, and what it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_core::{
    event::HistoryEvent,
    failure::Failure,
    ids::{
        ActivityId, EventId, Identity, QueryName, RequestId, RunId, SignalName, TaskQueue,
        UpdateId, UpdateName, WorkflowExecution, WorkflowId, WorkflowType,
    },
    options::{Priority, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
    task::{ActivityTask, WorkflowTask},
    unmodelled::Unmodelled,
};
use tokio::sync::watch;

use crate::error::EngineError;

/// Points at an execution: its current run, or a certain one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutionRef {
    /// The workflow id.
    pub workflow_id: WorkflowId,
    /// One run of it; the current one when absent.
    pub run_id: Option<RunId>,
    /// The first run of the chain that the target must belong to. When given, `run_id` is ignored.
    pub first_execution_run_id: Option<RunId>,
}

impl ExecutionRef {
    /// The current run of a workflow id.
    #[must_use]
    pub fn current(workflow_id: WorkflowId) -> Self {
        Self {
            workflow_id,
            run_id: None,
            first_execution_run_id: None,
        }
    }

    /// A certain run.
    #[must_use]
    pub fn run(execution: WorkflowExecution) -> Self {
        Self {
            workflow_id: execution.workflow_id,
            run_id: Some(execution.run_id),
            first_execution_run_id: None,
        }
    }
}

/// Starts an execution.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StartWorkflowRequest {
    /// Its id.
    pub workflow_id: WorkflowId,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Where workers pick up its workflow tasks.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Its time limits.
    pub timeouts: WorkflowTimeouts,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
    /// Whether the id may have been used before.
    pub id_reuse_policy: WorkflowIdReusePolicy,
    /// What happens if the id is in use.
    pub id_conflict_policy: WorkflowIdConflictPolicy,
    /// When it is run again after a failure.
    pub retry_policy: Option<RetryPolicy>,
    /// When it is run, and run again once it has ended, as [`CronSchedule`](crate::schedule::CronSchedule) reads it. Cancelling or
    /// terminating it ends that. Not with a delay of its own.
    #[serde(default)]
    pub cron_schedule: Option<Box<str>>,
    /// The wait before the first workflow task.
    pub start_delay: Duration,
    /// Values shown with the execution.
    pub memo: PayloadMap,
    /// Values that executions are found by.
    pub search_attributes: PayloadMap,
    /// Words for people about the first run.
    pub user_metadata: Option<Box<UserMetadata>>,
    /// How urgent its tasks are.
    pub priority: Option<Box<Priority>>,
    /// What a client of another SDK says of the start besides.
    pub unmodelled: Option<Box<Unmodelled>>,
}

impl StartWorkflowRequest {
    /// Whether an update can come with the start.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] when it cannot, in the words of a Temporal Service: nobody would look at the update
    /// while the start is delayed.
    pub fn check_with_update(&self) -> Result<(), EngineError> {
        if self.start_delay.is_zero() {
            return Ok(());
        }
        Err(EngineError::invalid("WorkflowStartDelay is not supported."))
    }
}

/// Signals an execution.
#[derive(Clone, Debug)]
pub struct SignalWorkflowRequest {
    /// The target.
    pub execution: ExecutionRef,
    /// The signal.
    pub signal: Signal,
}

/// A signal with its arguments.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its name.
    pub name: SignalName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Who signals.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
}

/// The run that a start found or made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartedWorkflow {
    /// The run.
    pub run_id: RunId,
    /// Whether this request made it.
    pub started: bool,
}

/// Asks for the cancellation of an execution.
#[derive(Clone, Debug)]
pub struct CancelWorkflowRequest {
    /// The target.
    pub execution: ExecutionRef,
    /// Why; recorded as the event's `cause`.
    pub reason: String,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
}

/// Stops an execution.
#[derive(Clone, Debug)]
pub struct TerminateWorkflowRequest {
    /// The target.
    pub execution: ExecutionRef,
    /// Why.
    pub reason: String,
    /// Values recorded with the event.
    pub details: Vec<Payload>,
    /// Who asks.
    pub identity: Identity,
}

impl TerminateWorkflowRequest {
    /// The reason that is recorded when nobody gave one, as on a Temporal Service.
    pub const DEFAULT_REASON: &str = "terminated by user via frontend";
}

/// Asks a workflow's code about its state.
#[derive(Clone, Debug)]
pub struct QueryWorkflowRequest {
    /// The target, open or closed.
    pub execution: ExecutionRef,
    /// The query's name.
    pub name: QueryName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// How long to wait for the answer, by the engine's clock; `Duration::MAX` for as long as it takes.
    pub answer_timeout: Duration,
}

/// Sends an update and waits for its outcome.
#[derive(Clone, Debug)]
pub struct UpdateWorkflowRequest {
    /// The target.
    pub execution: ExecutionRef,
    /// The update's id; the same id gets the same outcome.
    pub update_id: UpdateId,
    /// Its name.
    pub name: UpdateName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Who asks.
    pub identity: Identity,
    /// How far the update must have come before the engine answers. A Temporal Service refuses to answer at once, when it is
    /// only [`Admitted`](UpdateStage::Admitted).
    pub wait_for: UpdateStage,
    /// How long to wait until the update is accepted or rejected, by the engine's clock; `Duration::MAX`
    /// for as long as it takes. Once it is accepted, its outcome may take any time.
    pub answer_timeout: Duration,
}

impl UpdateWorkflowRequest {
    /// Whether the update can come with the start of a workflow id: it is for the current run of the same id, whichever that
    /// will be.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] when it is not, in the words of a Temporal Service.
    pub fn check_with_start(&self, workflow_id: &WorkflowId) -> Result<(), EngineError> {
        let ExecutionRef {
            workflow_id: target,
            run_id,
            first_execution_run_id,
        } = &self.execution;
        if first_execution_run_id.is_some() {
            return Err(EngineError::invalid("FirstExecutionRunId is not allowed."));
        }
        if run_id.is_some() {
            return Err(EngineError::invalid("RunId is not allowed."));
        }
        if target != workflow_id {
            return Err(EngineError::invalid(
                "WorkflowId is not consistent with previous operation(s).",
            ));
        }
        Ok(())
    }
}

/// Asks how far an update has come that somebody sent before.
#[derive(Clone, Debug)]
pub struct PollUpdateRequest {
    /// The execution that it was sent to.
    pub execution: ExecutionRef,
    /// The update.
    pub update_id: UpdateId,
    /// How far it must have come before the engine answers; [`Admitted`](UpdateStage::Admitted) waits for nothing.
    pub wait_for: UpdateStage,
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the stages of a Temporal Service"
)]
pub enum UpdateStage {
    /// The engine has it, and no worker has accepted it yet. It is in memory only, and goes with the process that has it.
    Admitted,
    /// Its handler runs.
    Accepted,
    /// Its handler ended.
    Completed,
}

/// What an update led to.
#[derive(Clone, Debug)]
pub struct UpdateReply {
    /// The run that took it.
    pub execution: WorkflowExecution,
    /// How far it has come. One that was rejected is completed.
    pub stage: UpdateStage,
    /// The outcome, once it is known. A rejection is an outcome too.
    pub outcome: Option<Result<Payload, Failure>>,
}

/// What an update with a start led to.
#[derive(Clone, Debug)]
pub struct UpdateWithStartReply {
    /// The run that was found or made. A request that is repeated finds it.
    pub started: StartedWorkflow,
    /// What the update led to.
    pub update: UpdateReply,
}

impl UpdateReply {
    /// What became of an update that was accepted by a run which then closed, as a Temporal Service says it (M3).
    #[must_use]
    pub fn accepted_and_closed() -> Failure {
        let message =
            "Workflow Update failed because the Workflow completed before the Update completed.";
        Failure::application(message, "AcceptedUpdateCompletedWorkflow").non_retryable()
    }
}

/// Asks for a part of a history.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The run.
    pub execution: ExecutionRef,
    /// The first event wanted.
    pub from: EventId,
    /// How many events at most.
    pub page_size: usize,
    /// Waits until the run has such an event when it does not yet.
    pub wait: HistoryWait,
}

/// What a history request waits for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the waits of a Temporal Service"
)]
pub enum HistoryWait {
    /// Nothing.
    #[default]
    No,
    /// An event at or after `from`, or the end of the run.
    NewEvent,
    /// The closing event; then only that event is returned.
    Close,
}

/// A part of a history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The run.
    pub execution: WorkflowExecution,
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// The first event of the next page; absent on the last one.
    pub next: Option<EventId>,
}

/// Resets a run to a point of its history.
#[derive(Clone, Debug)]
pub struct ResetWorkflowRequest {
    /// The base run.
    pub execution: ExecutionRef,
    /// The event to reset to: one that ends or starts a workflow task.
    pub workflow_task_finish_event_id: EventId,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request, which gets the same new run.
    pub request_id: RequestId,
    /// Does not apply signals after the point again.
    pub exclude_signals: bool,
    /// Does not apply updates after the point again.
    pub exclude_updates: bool,
}

/// Polls for a workflow task.
#[derive(Clone, Debug)]
pub struct PollWorkflowTaskRequest {
    /// Where to look.
    pub task_queue: TaskQueue,
    /// Who polls. Tasks of runs that this worker answered before contain only new events.
    pub worker: Identity,
    /// Whether the worker is in another process. Then only its [sticky queue](steadfast_core::task::StickyQueue) gives tasks with only new
    /// events, and a task that brings nothing but questions brings one, as Temporal's protocol has it.
    pub remote: bool,
}

/// Polls for an activity task.
#[derive(Clone, Debug)]
pub struct PollActivityTaskRequest {
    /// Where to look.
    pub task_queue: TaskQueue,
    /// Who polls.
    pub worker: Identity,
    /// How many tasks of the queue all its workers together may be given in a second, for an engine
    /// that more than one process polls.
    pub max_tasks_per_second: Option<f64>,
    /// Whether the worker is in another process, so that an attempt goes on when this one ends.
    pub remote: bool,
}

/// Tasks that came for a worker which polls no more.
#[derive(Debug, Default)]
pub struct UntakenTasks {
    /// Workflow tasks.
    pub workflow_tasks: Vec<WorkflowTask>,
    /// Activity tasks.
    pub activity_tasks: Vec<ActivityLease>,
}

/// What an engine says to an answered workflow task.
#[derive(Debug, Default)]
pub struct CompletionReply {
    /// The worker said that it [goes back](steadfast_core::task::WorkflowTaskCompletion::goes_back), and the task led to nothing: what the worker has seen of
    /// the task never was, and the last event that it knows of a task is this `WorkflowTaskStarted`.
    pub reset_history_event_id: Option<EventId>,
    /// Activities that the worker [asked for](steadfast_core::task::WorkflowTaskCompletion::eager_activities), started for it.
    pub activity_tasks: Vec<ActivityLease>,
}

/// An activity task and the way by which an engine that can tells its worker about a
/// cancellation without waiting for a heartbeat.
#[derive(Debug)]
pub struct ActivityLease {
    /// The task.
    pub task: ActivityTask,
    /// Changes when the engine has something to say; absent when only heartbeats tell.
    pub notices: Option<watch::Receiver<ActivityNotice>>,
}

/// What an engine has to say to a running activity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the activity's context decides every notice by name"
)]
pub enum ActivityNotice {
    /// Nothing.
    #[default]
    None,
    /// The workflow asked for its cancellation.
    CancelRequested,
    /// A time limit of this attempt passed.
    TimedOut,
    /// Its run is closed, or the activity is no longer known.
    NotFound,
}

/// Points at an activity without its token, for completing it from elsewhere.
#[derive(Clone, Debug)]
pub struct ActivityRef {
    /// The run that scheduled it.
    pub execution: ExecutionRef,
    /// Its id.
    pub activity_id: ActivityId,
}
