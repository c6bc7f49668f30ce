//! The boundary between steadfast and whatever keeps histories and hands out tasks.
//!
//! An [`Engine`] is used by clients and workers and knows neither; it never runs user code. Users of steadfast find
//! everything here as `steadfast::engine`, `steadfast::codec` and `steadfast::history_json`; this package is for those
//! who write an engine.

pub mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
mod description;
mod error;
pub mod history_json;
mod request;
pub mod schedule;
mod search_attributes;
pub mod spelling;
pub mod unmodelled;
mod visibility;

use std::{any::Any, collections::BTreeMap, fmt, time::SystemTime};

use futures_util::future::BoxFuture;
use steadfast_core::{
    event::HistoryEvent,
    ids::{Identity, Namespace, RunId, ScheduleId, TaskQueue},
    limit::PayloadLimit,
    payload::Payload,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};

use self::schedule::{
    ConflictToken, CreateScheduleRequest, DeleteScheduleRequest, ListScheduleMatchingTimesRequest,
    ListSchedulesRequest, PatchScheduleRequest, ScheduleDescription, SchedulePage,
    UpdateScheduleRequest,
};

pub use self::{
    description::{
        PendingActivity, PendingActivityState, PendingChild, PendingTimer, PendingWorkflowTask,
        Poller, TaskQueueDescription, WorkflowDescription,
    },
    error::EngineError,
    request::{
        ActivityLease, ActivityNotice, ActivityRef, CancelWorkflowRequest, CompletionReply,
        ExecutionRef, HistoryPage, HistoryRequest, HistoryWait, PollActivityTaskRequest,
        PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest, ResetWorkflowRequest,
        Signal, SignalWorkflowRequest, StartWorkflowRequest, StartedWorkflow,
        TerminateWorkflowRequest, UntakenTasks, UpdateReply, UpdateStage, UpdateWithStartReply,
        UpdateWorkflowRequest,
    },
    search_attributes::{REPORTED_PROBLEMS, SearchAttributeType, SearchAttributes},
    visibility::{ListFilter, ListWorkflowsRequest, WorkflowCount, WorkflowGroup, WorkflowPage},
};

/// What a call of an engine gives.
pub type EngineFuture<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// Keeps histories and hands out tasks.
///
/// # The contract
///
/// * E1. A task token completes, fails or times out at most once; a later answer with it is
///   [`EngineError::NotFound`].
/// * E2. The events of an answered task, the tasks and timers that follow from them and the new
///   status are committed together or not at all. What a call acknowledged survives a crash.
/// * E3. The events of a run are totally ordered, their ids count from 1 without gaps, and nothing
///   follows a closing event.
/// * E4. At most one workflow task of a run is with a worker at a time. What arrives meanwhile is
///   recorded after the answer's own events, and a closing answer is then refused.
/// * E5. At most one run of a workflow id is open.
/// * E6. A cancel request is recorded at most once per run and schedules a workflow task; it is
///   accepted, and not recorded, when the run is closed.
/// * E7. A poll that is dropped loses no task.
/// * E8. An activity is handed to a worker only after its scheduling is durable, and an attempt
///   whose outcome was acknowledged is never run again.
/// * E9. No event appears before what caused it, and event times never decrease within a run.
/// * E10. A request repeated with the same request id has no second effect.
pub trait Engine: Any + fmt::Debug + Send + Sync {
    /// The namespace that all requests are about.
    fn namespace(&self) -> &Namespace;

    /// What the engine takes for the time; the time of this process by default.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::EPOCH.after(since.unwrap_or_default())
    }

    /// The largest values that the engine takes; 2 MiB (2,097,152 bytes) by default. Code that makes a larger
    /// one is told at once (F8).
    fn payload_limit(&self) -> PayloadLimit {
        PayloadLimit::default()
    }

    /// The engine that this one passes everything on to, if it is made of another one: to measure it, say.
    /// `downcast_ref` of an engine looks there too.
    fn inner(&self) -> Option<&dyn Engine> {
        None
    }

    /// Closes what the engine holds, if it holds something that others may want: it answers nobody after that.
    fn close(&self) -> EngineFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    // The client half.

    /// Starts an execution.
    fn start_workflow(&self, request: StartWorkflowRequest) -> EngineFuture<'_, StartedWorkflow>;

    /// Signals the open execution of a workflow id, starting one first if there is none.
    fn signal_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        signal: Signal,
    ) -> EngineFuture<'_, StartedWorkflow>;

    /// Signals an execution.
    fn signal_workflow(&self, request: SignalWorkflowRequest) -> EngineFuture<'_, ()>;

    /// Asks for the cancellation of an execution.
    fn request_cancel_workflow(&self, request: CancelWorkflowRequest) -> EngineFuture<'_, ()>;

    /// Stops an execution.
    fn terminate_workflow(&self, request: TerminateWorkflowRequest) -> EngineFuture<'_, ()>;

    /// Asks a workflow's code about its state. Waits for a worker.
    fn query_workflow(&self, request: QueryWorkflowRequest) -> EngineFuture<'_, Payload>;

    /// Sends an update and waits until it has come as far as the request says.
    fn update_workflow(&self, request: UpdateWorkflowRequest) -> EngineFuture<'_, UpdateReply>;

    /// Sends an update to the open execution of a workflow id, starting one first if there is none, and waits until the update
    /// has come as far as the request says.
    ///
    /// * What happens while an execution is open the conflict policy of the start says:
    ///   [`UseExisting`](steadfast_core::options::WorkflowIdConflictPolicy::UseExisting) updates it,
    ///   [`Fail`](steadfast_core::options::WorkflowIdConflictPolicy::Fail) is [`EngineError::AlreadyStarted`],
    ///   [`TerminateExisting`](steadfast_core::options::WorkflowIdConflictPolicy::TerminateExisting) ends it and starts another.
    /// * Whatever the policies say, a request that is repeated has no second effect (E10): the request id of the start finds its
    ///   run while that is open, the update id finds the update while its run is the last of the workflow id, with the
    ///   outcome if that run is closed.
    /// * The first workflow task of a run that was started brings the update; none comes before it. The start survives a
    ///   crash (E2) before any worker sees either. The update does so once a worker has accepted it: of a process that
    ///   ends before, the run stays without it, and nobody was told anything. So whoever got no answer repeats the request
    ///   with both ids, which brings the update to the same run.
    /// * If the open run closes before it has accepted the update, the start is tried again. A run that this request started
    ///   and that closes so is [`EngineError::NotFound`].
    /// * What is refused before is refused whole: nothing is started. A run that was started stays so whatever becomes of
    ///   the update: rejected, which is an outcome, or [`EngineError::Unanswered`].
    ///
    /// The update is for the current run of the id that the start has, and the start has no delay; everything else is
    /// [`EngineError::InvalidArgument`].
    fn update_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        update: UpdateWorkflowRequest,
    ) -> EngineFuture<'_, UpdateWithStartReply>;

    /// Waits until an update that was sent before has come as far as the request says. An update that nobody knows is
    /// [`EngineError::NotFound`]: it was never sent, was rejected, or was not accepted before its process ended.
    fn poll_update(&self, request: PollUpdateRequest) -> EngineFuture<'_, UpdateReply>;

    /// Says where an execution stands.
    fn describe_workflow(&self, execution: ExecutionRef) -> EngineFuture<'_, WorkflowDescription>;

    /// Says who polled a task queue in the last five minutes, or waits for its tasks. An engine that cannot tell says
    /// [`Unsupported`](EngineError::Unsupported), as it does by default.
    fn describe_task_queue(&self, task_queue: TaskQueue) -> EngineFuture<'_, TaskQueueDescription> {
        let _ = task_queue;
        unsupported("this engine does not tell who polls a task queue")
    }

    /// Lists executions, in the engine's order: what started last comes first, or, on a Temporal Service, what is
    /// open, and then what closed last.
    fn list_workflows(&self, request: ListWorkflowsRequest) -> EngineFuture<'_, WorkflowPage>;

    /// Counts executions.
    fn count_workflows(&self, filter: ListFilter) -> EngineFuture<'_, u64>;

    /// Counts executions, and those of each group if the query of the filter ends with `GROUP BY ExecutionStatus`.
    ///
    /// An engine that does not group says [`EngineError::Unsupported`].
    fn count_workflow_groups(&self, filter: ListFilter) -> EngineFuture<'_, WorkflowCount> {
        let _ = filter;
        unsupported("executions are not counted by groups here; count each group by itself")
    }

    /// Says which search attributes there are.
    ///
    /// An engine that knows nothing of types says [`EngineError::Unsupported`], here and when some are added or
    /// removed.
    fn search_attributes(&self) -> EngineFuture<'_, SearchAttributes> {
        unsupported("search attributes are not listed here")
    }

    /// Adds search attributes; those that are there already stay what they are.
    fn add_search_attributes(
        &self,
        attributes: BTreeMap<String, SearchAttributeType>,
    ) -> EngineFuture<'_, ()> {
        let _ = attributes;
        unsupported("search attributes are not added here")
    }

    /// Removes search attributes: executions are not found by them any more. Those that are not there are passed over.
    fn remove_search_attributes(&self, names: Vec<String>) -> EngineFuture<'_, ()> {
        let _ = names;
        unsupported("search attributes are not removed here")
    }

    /// Reads a part of a history.
    fn workflow_history(&self, request: HistoryRequest) -> EngineFuture<'_, HistoryPage>;

    /// The events of the workflow task that a worker has, if an engine records them only with its answer: they follow
    /// the last one of the history.
    fn open_task_events(&self, execution: ExecutionRef) -> EngineFuture<'_, Vec<HistoryEvent>> {
        let _ = execution;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Resets a run and returns the new one.
    fn reset_workflow(&self, request: ResetWorkflowRequest) -> EngineFuture<'_, RunId>;

    /// Deletes a run with its history, terminating it first if it is open.
    fn delete_workflow(&self, execution: ExecutionRef) -> EngineFuture<'_, ()>;

    /// Ends an activity from outside its worker, which returned without an outcome.
    fn complete_activity(
        &self,
        activity: ActivityRef,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()>;

    /// Says from outside its worker that an activity is alive.
    fn record_activity_heartbeat(
        &self,
        activity: ActivityRef,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply>;

    // Schedules. An engine that has none says [`EngineError::Unsupported`], as it does by default.

    /// Creates a schedule.
    ///
    /// * From then on, whenever a time of its spec has come, its action is taken: once, by one commit with what it starts (E2),
    ///   whatever crashes, and however the clock jumps. What was due while nobody could take it is taken as soon as somebody can, if
    ///   it is in the catch-up window, and counted as missed otherwise.
    /// * The times are those after the creation. Nothing is due while the schedule is paused or has no actions left, and that is
    ///   not made up for later.
    /// * An action whose execution cannot be started is given up: an execution with its id is open, say. One that was taken already is not
    ///   taken again: the execution of a time has an id that is used once. Those that are triggered or backfilled may use it again.
    /// * At most [`MAX_BUFFERED_ACTIONS`](schedule::MAX_BUFFERED_ACTIONS) actions wait for executions to end; more are dropped, and counted.
    ///
    /// # Errors
    ///
    /// [`EngineError::ScheduleExists`] if there is one with the id, unless the request is repeated;
    /// [`EngineError::InvalidArgument`] if the spec or the action is not valid, in the words of a Temporal Service.
    fn create_schedule(&self, request: CreateScheduleRequest) -> EngineFuture<'_, ConflictToken> {
        let _ = request;
        no_schedules()
    }

    /// Says what a schedule is, what it led to and when its next actions are. One that nobody knows is
    /// [`EngineError::NotFound`], here and in all that follows.
    fn describe_schedule(&self, schedule_id: ScheduleId) -> EngineFuture<'_, ScheduleDescription> {
        let _ = schedule_id;
        no_schedules()
    }

    /// Replaces a schedule. What it led to stays; so do the actions that wait, for which the new policies count. Times before
    /// the update are not taken, even if jitter put them off until after it.
    ///
    /// # Errors
    ///
    /// [`EngineError::ScheduleChanged`] if the request has a token and the schedule was changed since: by an update, by being paused or
    /// unpaused, or by an action that counted. A Temporal Service may accept such a request and then do nothing.
    fn update_schedule(&self, request: UpdateScheduleRequest) -> EngineFuture<'_, ()> {
        let _ = request;
        no_schedules()
    }

    /// Triggers, backfills, pauses or unpauses a schedule. A long backfill goes on after the answer, and is as durable as the schedule.
    fn patch_schedule(&self, request: PatchScheduleRequest) -> EngineFuture<'_, ()> {
        let _ = request;
        no_schedules()
    }

    /// Lists schedules, by their ids or in the engine's order.
    fn list_schedules(&self, request: ListSchedulesRequest) -> EngineFuture<'_, SchedulePage> {
        let _ = request;
        no_schedules()
    }

    /// Counts the schedules that a query in Temporal's language has; all, if it is empty.
    fn count_schedules(&self, query: String) -> EngineFuture<'_, WorkflowCount> {
        let _ = query;
        no_schedules()
    }

    /// Tells the times of a schedule, with jitter: those after the start and up to the end, a thousand at most.
    fn list_schedule_matching_times(
        &self,
        request: ListScheduleMatchingTimesRequest,
    ) -> EngineFuture<'_, Vec<Timestamp>> {
        let _ = request;
        no_schedules()
    }

    /// Deletes a schedule. The executions that it started go on.
    fn delete_schedule(&self, request: DeleteScheduleRequest) -> EngineFuture<'_, ()> {
        let _ = request;
        no_schedules()
    }

    // The worker half.

    /// How many polls of each kind a worker should have open at a time, as its slots allow. One is
    /// enough where tasks come without delay.
    fn concurrent_polls(&self) -> usize {
        1
    }

    /// Waits for a workflow task.
    fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> EngineFuture<'_, WorkflowTask>;

    /// Says that a worker is about to poll a queue no more, and waits a moment for tasks that are on
    /// their way to it: its open polls still give them.
    fn close_polls(&self, _task_queue: TaskQueue, _worker: Identity) -> EngineFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Says that a worker polls a queue no more, and gives the tasks that came for it and that nobody
    /// took. It has to run them: they are with it.
    fn end_polls(
        &self,
        _task_queue: TaskQueue,
        _worker: Identity,
    ) -> EngineFuture<'_, UntakenTasks> {
        Box::pin(std::future::ready(Ok(UntakenTasks::default())))
    }

    /// Forgets that a worker has an execution in memory: the next task contains the whole history, and anybody may
    /// have it. An engine that does not keep workers and executions together has nothing to do.
    fn reset_sticky_queue(&self, execution: ExecutionRef) -> EngineFuture<'_, ()> {
        let _ = execution;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Answers a workflow task. An engine may start activities for the worker that asked for them, as many as it likes.
    fn complete_workflow_task(
        &self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
    ) -> EngineFuture<'_, CompletionReply>;

    /// Says that a workflow task could not be answered; it is tried again.
    fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> EngineFuture<'_, ()>;

    /// Waits for an activity task.
    fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> EngineFuture<'_, ActivityLease>;

    /// Says how an attempt at an activity ended.
    fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()>;

    /// Says that an activity is alive.
    fn record_heartbeat(
        &self,
        token: TaskToken,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply>;

    /// Says that an attempt goes on outside this process, after its function returned. Only its
    /// token, its id and its time limits end it from now on, also after a restart.
    ///
    /// An engine for which an attempt never dies with the worker's process has nothing to do.
    fn hand_over_activity_task(&self, token: TaskToken) -> EngineFuture<'_, ()> {
        let _ = token;
        Box::pin(std::future::ready(Ok(())))
    }
}

fn no_schedules<T: Send + 'static>() -> EngineFuture<'static, T> {
    unsupported("this engine has no schedules")
}

fn unsupported<T: Send + 'static>(what: &str) -> EngineFuture<'static, T> {
    let message = what.to_owned();
    Box::pin(std::future::ready(Err(EngineError::Unsupported {
        message,
    })))
}

impl dyn Engine {
    /// The engine of a type, if this is one or passes everything on to one: what only that engine offers is
    /// asked of it.
    #[must_use]
    pub fn downcast_ref<E: Engine>(&self) -> Option<&E> {
        let engine: &dyn Any = self;
        engine
            .downcast_ref()
            .or_else(|| self.inner()?.downcast_ref())
    }
}
