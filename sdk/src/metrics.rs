//! Counts and times of what passes between this process and an engine, through the
//! [`metrics`] facade.
//!
//! The facade is chosen over OpenTelemetry because it asks nothing of those who record: a program
//! installs whatever exporter it likes (for Prometheus or OpenTelemetry, say), or none, and then a record
//! costs an atomic load. The names are those of Temporal's SDKs, so that their dashboards fit; times
//! are in seconds.
//!
//! | metric | kind | labels |
//! | --- | --- | --- |
//! | `temporal_request` | counter | `operation` |
//! | `temporal_request_failure` | counter | `operation`, `status` |
//! | `temporal_request_latency` | histogram | `operation` |
//! | `temporal_workflow_task_queue_poll_succeed` | counter | `task_queue` |
//! | `temporal_workflow_task_execution_latency` | histogram | `task_queue`, `workflow_type` |
//! | `temporal_workflow_task_execution_failed` | counter | `task_queue`, `workflow_type` |
//! | `temporal_workflow_completed` | counter | `task_queue`, `workflow_type` |
//! | `temporal_workflow_canceled` | counter | `task_queue`, `workflow_type` |
//! | `temporal_workflow_failed` | counter | `task_queue`, `workflow_type` |
//! | `temporal_workflow_continue_as_new` | counter | `task_queue`, `workflow_type` |
//! | `temporal_activity_schedule_to_start_latency` | histogram | `task_queue`, `activity_type` |
//! | `temporal_activity_execution_latency` | histogram | `task_queue`, `activity_type` |
//! | `temporal_activity_execution_failed` | counter | `task_queue`, `activity_type` |
//! | `temporal_activity_execution_cancelled` | counter | `task_queue`, `activity_type` |
//! | `temporal_local_activity_execution_failed`: those that have no more attempts | counter | `task_queue`, `workflow_type` |
//! | `temporal_worker_task_slots_used` | gauge | `task_queue`, `worker_type` (`WorkflowWorker`, `ActivityWorker`) |
//! | `temporal_sticky_cache_size`: runs that workers have in memory | gauge | `task_queue` |
//!
//! A workflow task that fails, and one whose answer is refused, count as `temporal_workflow_task_execution_failed`.
//! Of the embedded engine there are besides, recorded every second by a thread of their own, and by
//! [`EmbeddedEngine::stats`](crate::engine::embedded::EmbeddedEngine::stats) for whoever asks:
//!
//! | metric | kind | labels |
//! | --- | --- | --- |
//! | `approximate_backlog_count`: tasks that wait for workers | gauge | `task_queue`, `task_type` (`Workflow`, `Activity`) |
//! | `approximate_backlog_age_seconds`: how long the oldest waits | gauge | `task_queue`, `task_type` |
//! | `steadfast_runs_in_memory`: open runs that the engine has in memory | gauge | |
//! | `steadfast_log_bytes`: the `-wal` | gauge | |
//! | `steadfast_workflow_task_timeout` | counter | |
//! | `steadfast_activity_timeout` | counter | |
//! | `steadfast_workflow_timeout` | counter | |
//!
//! Ids and values of users are never labels.
//!
//! ```
//! use steadfast::{engine::embedded::EmbeddedEngine, metrics::measured, prelude::*};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(measured(EmbeddedEngine::in_memory()?));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "embedded")]
mod gauges;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use ::metrics::{counter, gauge, histogram};
use steadfast_core::{
    command::Command,
    event::{HistoryEvent, WorkflowTaskFailedCause},
    failure::FailureKind,
    ids::{Identity, Namespace, ScheduleId, TaskQueue},
    limit::PayloadLimit,
    payload::Payload,
    run::MARKER_LOCAL_ACTIVITY,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};

use crate::engine::{
    ActivityLease, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine, EngineError,
    EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, ListFilter, ListWorkflowsRequest,
    PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
    ResetWorkflowRequest, SearchAttributeType, SearchAttributes, Signal, SignalWorkflowRequest,
    StartWorkflowRequest, StartedWorkflow, TaskQueueDescription, TerminateWorkflowRequest,
    UntakenTasks, UpdateReply, UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount,
    WorkflowDescription, WorkflowPage,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        ScheduleDescription, SchedulePage, UpdateScheduleRequest,
    },
};

/// An engine whose use is measured. Clients and workers made with it are measured too.
#[must_use]
pub fn measured(engine: Arc<dyn Engine>) -> Arc<dyn Engine> {
    #[cfg(feature = "embedded")]
    if let Some(embedded) = engine.downcast_ref() {
        gauges::record(embedded);
    }
    Arc::new(Measured {
        engine,
        workflow_tasks: Mutex::default(),
        activity_tasks: Mutex::default(),
    })
}

#[derive(Debug)]
struct Measured {
    engine: Arc<dyn Engine>,
    workflow_tasks: Mutex<HashMap<TaskToken, Taken>>,
    activity_tasks: Mutex<HashMap<TaskToken, Taken>>,
}

/// A task that a worker has.
#[derive(Debug)]
struct Taken {
    since: Instant,
    task_queue: String,
    type_: String,
}

impl Taken {
    /// Notes that a slot of a worker is used, or no more.
    fn occupy(&self, worker_type: &'static str, change: f64) {
        let task_queue = self.task_queue.clone();
        gauge!("temporal_worker_task_slots_used", "task_queue" => task_queue, "worker_type" => worker_type)
            .increment(change);
    }

    fn count(&self, metric: &'static str, of: &'static str) {
        counter!(metric, "task_queue" => self.task_queue.clone(), of => self.type_.clone())
            .increment(1);
    }

    fn time(&self, metric: &'static str, of: &'static str, seconds: f64) {
        histogram!(metric, "task_queue" => self.task_queue.clone(), of => self.type_.clone())
            .record(seconds);
    }
}

/// A run that a worker has in memory, counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct RunInMemory {
    task_queue: String,
}

impl RunInMemory {
    /// Counts a run, if its engine is measured.
    pub(crate) fn of(engine: &dyn Engine, task_queue: &TaskQueue) -> Option<Self> {
        engine.downcast_ref::<Measured>()?;
        let run = Self {
            task_queue: task_queue.as_str().to_owned(),
        };
        run.count(1.0);
        Some(run)
    }

    fn count(&self, change: f64) {
        gauge!("temporal_sticky_cache_size", "task_queue" => self.task_queue.clone())
            .increment(change);
    }
}

impl Drop for RunInMemory {
    fn drop(&mut self) {
        self.count(-1.0);
    }
}

/// Whether a command records a local activity that failed for good.
fn fails_local_activity(command: &&Command) -> bool {
    let Command::RecordMarker(marker) = command else {
        return false;
    };
    marker.marker_name == MARKER_LOCAL_ACTIVITY
        && marker
            .failure
            .as_ref()
            .is_some_and(|failure| !matches!(failure.kind, FailureKind::Cancelled { .. }))
}

const WORKFLOW: &str = "workflow_type";
const ACTIVITY: &str = "activity_type";
const WORKFLOW_WORKER: &str = "WorkflowWorker";
const ACTIVITY_WORKER: &str = "ActivityWorker";

impl Measured {
    fn workflow_task_ended(&self, token: &TaskToken) -> Option<Taken> {
        let taken = locked(&self.workflow_tasks).remove(token)?;
        taken.occupy(WORKFLOW_WORKER, -1.0);
        Some(taken)
    }

    fn activity_task_ended(&self, token: &TaskToken) -> Option<Taken> {
        let taken = locked(&self.activity_tasks).remove(token)?;
        taken.occupy(ACTIVITY_WORKER, -1.0);
        Some(taken)
    }
}

fn locked(tasks: &Mutex<HashMap<TaskToken, Taken>>) -> MutexGuard<'_, HashMap<TaskToken, Taken>> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kind of an error, as the statuses of requests to a Temporal Service are called.
fn status(error: &EngineError) -> &'static str {
    match error {
        EngineError::NotFound { .. } => "NOT_FOUND",
        EngineError::AlreadyStarted { .. } => "ALREADY_EXISTS",
        EngineError::InvalidArgument { .. } | EngineError::WorkflowTaskRefused { .. } => {
            "INVALID_ARGUMENT"
        }
        EngineError::Failed(_) => "FAILED",
        EngineError::ResourceExhausted { .. } => "RESOURCE_EXHAUSTED",
        EngineError::Storage { .. } => "DATA_LOSS",
        EngineError::Unavailable { .. } | EngineError::Stopped { .. } => "UNAVAILABLE",
        EngineError::DeadlineExceeded | EngineError::Unanswered { .. } => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}

async fn requested<T>(
    operation: &'static str,
    request: EngineFuture<'_, T>,
) -> Result<T, EngineError> {
    let began = Instant::now();
    let answer = request.await;
    counter!("temporal_request", "operation" => operation).increment(1);
    histogram!("temporal_request_latency", "operation" => operation)
        .record(began.elapsed().as_secs_f64());
    if let Err(error) = &answer {
        counter!("temporal_request_failure", "operation" => operation, "status" => status(error))
            .increment(1);
    }
    answer
}

macro_rules! counted {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty = $operation:literal;)+) => {$(
        fn $method(&self, $($argument: $type),*) -> EngineFuture<'_, $result> {
            Box::pin(requested($operation, self.engine.$method($($argument),*)))
        }
    )+};
}

impl Engine for Measured {
    fn namespace(&self) -> &Namespace {
        self.engine.namespace()
    }

    fn now(&self) -> Timestamp {
        self.engine.now()
    }

    fn payload_limit(&self) -> PayloadLimit {
        self.engine.payload_limit()
    }

    fn inner(&self) -> Option<&dyn Engine> {
        Some(&*self.engine)
    }

    fn close(&self) -> EngineFuture<'_, ()> {
        self.engine.close()
    }

    fn concurrent_polls(&self) -> usize {
        self.engine.concurrent_polls()
    }

    fn close_polls(&self, task_queue: TaskQueue, worker: Identity) -> EngineFuture<'_, ()> {
        self.engine.close_polls(task_queue, worker)
    }

    fn end_polls(&self, task_queue: TaskQueue, worker: Identity) -> EngineFuture<'_, UntakenTasks> {
        self.engine.end_polls(task_queue, worker)
    }

    counted! {
        start_workflow(request: StartWorkflowRequest) -> StartedWorkflow = "StartWorkflowExecution";
        signal_with_start_workflow(start: StartWorkflowRequest, signal: Signal) -> StartedWorkflow
            = "SignalWithStartWorkflowExecution";
        signal_workflow(request: SignalWorkflowRequest) -> () = "SignalWorkflowExecution";
        request_cancel_workflow(request: CancelWorkflowRequest) -> () = "RequestCancelWorkflowExecution";
        terminate_workflow(request: TerminateWorkflowRequest) -> () = "TerminateWorkflowExecution";
        query_workflow(request: QueryWorkflowRequest) -> Payload = "QueryWorkflow";
        update_workflow(request: UpdateWorkflowRequest) -> UpdateReply = "UpdateWorkflowExecution";
        update_with_start_workflow(start: StartWorkflowRequest, update: UpdateWorkflowRequest) -> UpdateWithStartReply
            = "ExecuteMultiOperation";
        poll_update(request: PollUpdateRequest) -> UpdateReply = "PollWorkflowExecutionUpdate";
        describe_workflow(execution: ExecutionRef) -> WorkflowDescription = "DescribeWorkflowExecution";
        describe_task_queue(task_queue: TaskQueue) -> TaskQueueDescription = "DescribeTaskQueue";
        list_workflows(request: ListWorkflowsRequest) -> WorkflowPage = "ListWorkflowExecutions";
        count_workflows(filter: ListFilter) -> u64 = "CountWorkflowExecutions";
        count_workflow_groups(filter: ListFilter) -> WorkflowCount = "CountWorkflowExecutions";
        search_attributes() -> SearchAttributes = "ListSearchAttributes";
        add_search_attributes(attributes: BTreeMap<String, SearchAttributeType>) -> () = "AddSearchAttributes";
        remove_search_attributes(names: Vec<String>) -> () = "RemoveSearchAttributes";
        create_schedule(request: CreateScheduleRequest) -> ConflictToken = "CreateSchedule";
        describe_schedule(schedule_id: ScheduleId) -> ScheduleDescription = "DescribeSchedule";
        update_schedule(request: UpdateScheduleRequest) -> () = "UpdateSchedule";
        patch_schedule(request: PatchScheduleRequest) -> () = "PatchSchedule";
        list_schedules(request: ListSchedulesRequest) -> SchedulePage = "ListSchedules";
        count_schedules(query: String) -> WorkflowCount = "CountSchedules";
        list_schedule_matching_times(request: ListScheduleMatchingTimesRequest) -> Vec<Timestamp> = "ListScheduleMatchingTimes";
        delete_schedule(request: DeleteScheduleRequest) -> () = "DeleteSchedule";
        workflow_history(request: HistoryRequest) -> HistoryPage = "GetWorkflowExecutionHistory";
        open_task_events(execution: ExecutionRef) -> Vec<HistoryEvent> = "GetWorkflowExecutionHistory";
        reset_sticky_queue(execution: ExecutionRef) -> () = "ResetStickyTaskQueue";
        reset_workflow(request: ResetWorkflowRequest) -> steadfast_core::ids::RunId = "ResetWorkflowExecution";
        delete_workflow(execution: ExecutionRef) -> () = "DeleteWorkflowExecution";
        complete_activity(activity: ActivityRef, outcome: ActivityOutcome) -> () = "RespondActivityTaskCompletedById";
        record_activity_heartbeat(activity: ActivityRef, details: Vec<Payload>) -> HeartbeatReply
            = "RecordActivityTaskHeartbeatById";
        record_heartbeat(token: TaskToken, details: Vec<Payload>) -> HeartbeatReply = "RecordActivityTaskHeartbeat";
    }

    fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> EngineFuture<'_, WorkflowTask> {
        Box::pin(async move {
            let task_queue = request.task_queue.as_str().to_owned();
            let task = self.engine.poll_workflow_task(request).await?;
            counter!("temporal_workflow_task_queue_poll_succeed", "task_queue" => task_queue.clone())
                .increment(1);
            let taken = Taken {
                since: Instant::now(),
                task_queue,
                type_: task.workflow_type.as_str().to_owned(),
            };
            taken.occupy(WORKFLOW_WORKER, 1.0);
            locked(&self.workflow_tasks).insert(task.token.clone(), taken);
            Ok(task)
        })
    }

    fn complete_workflow_task(
        &self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
    ) -> EngineFuture<'_, CompletionReply> {
        let taken = self.workflow_task_ended(&token);
        let ending = completion
            .commands
            .iter()
            .find_map(|command| match command {
                Command::CompleteWorkflowExecution { .. } => Some("temporal_workflow_completed"),
                Command::CancelWorkflowExecution { .. } => Some("temporal_workflow_canceled"),
                Command::FailWorkflowExecution { .. } => Some("temporal_workflow_failed"),
                Command::ContinueAsNewWorkflowExecution(_) => {
                    Some("temporal_workflow_continue_as_new")
                }
                _ => None,
            });
        if let Some(taken) = &taken {
            let seconds = taken.since.elapsed().as_secs_f64();
            taken.time(
                "temporal_workflow_task_execution_latency",
                WORKFLOW,
                seconds,
            );
        }
        let lost = completion
            .commands
            .iter()
            .filter(fails_local_activity)
            .count();
        let request = self.engine.complete_workflow_task(token, completion);
        Box::pin(async move {
            let answered = requested("RespondWorkflowTaskCompleted", request).await;
            if let (Ok(_), Some(taken)) = (&answered, &taken) {
                for _ in 0..lost {
                    taken.count("temporal_local_activity_execution_failed", WORKFLOW);
                }
            }
            match (&answered, taken, ending) {
                (Ok(_), Some(taken), Some(ending)) => taken.count(ending, WORKFLOW),
                (Err(EngineError::WorkflowTaskRefused { cause, .. }), Some(taken), _)
                    // Something came meanwhile, which is part of a normal life.
                    if *cause != WorkflowTaskFailedCause::UnhandledCommand =>
                {
                    taken.count("temporal_workflow_task_execution_failed", WORKFLOW);
                }
                _ => {}
            }
            answered
        })
    }

    fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> EngineFuture<'_, ()> {
        if let Some(taken) = self.workflow_task_ended(&token) {
            taken.count("temporal_workflow_task_execution_failed", WORKFLOW);
        }
        let request = self.engine.fail_workflow_task(token, failure);
        Box::pin(requested("RespondWorkflowTaskFailed", request))
    }

    fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> EngineFuture<'_, ActivityLease> {
        Box::pin(async move {
            let task_queue = request.task_queue.as_str().to_owned();
            let lease = self.engine.poll_activity_task(request).await?;
            let task = &lease.task;
            let taken = Taken {
                since: Instant::now(),
                task_queue,
                type_: task.activity_type.as_str().to_owned(),
            };
            let waited = task.started_time.since(task.scheduled_time).as_secs_f64();
            taken.time(
                "temporal_activity_schedule_to_start_latency",
                ACTIVITY,
                waited,
            );
            taken.occupy(ACTIVITY_WORKER, 1.0);
            locked(&self.activity_tasks).insert(task.token.clone(), taken);
            Ok(lease)
        })
    }

    fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()> {
        if let Some(taken) = self.activity_task_ended(&token) {
            let seconds = taken.since.elapsed().as_secs_f64();
            taken.time("temporal_activity_execution_latency", ACTIVITY, seconds);
            match &outcome {
                ActivityOutcome::Completed { .. } => {}
                ActivityOutcome::Failed { .. } => {
                    taken.count("temporal_activity_execution_failed", ACTIVITY);
                }
                ActivityOutcome::Cancelled { .. } => {
                    taken.count("temporal_activity_execution_cancelled", ACTIVITY);
                }
            }
        }
        let operation = match &outcome {
            ActivityOutcome::Completed { .. } => "RespondActivityTaskCompleted",
            ActivityOutcome::Failed { .. } => "RespondActivityTaskFailed",
            ActivityOutcome::Cancelled { .. } => "RespondActivityTaskCanceled",
        };
        let request = self.engine.complete_activity_task(token, outcome);
        Box::pin(requested(operation, request))
    }

    fn hand_over_activity_task(&self, token: TaskToken) -> EngineFuture<'_, ()> {
        let _ = self.activity_task_ended(&token);
        self.engine.hand_over_activity_task(token)
    }
}
