//! The engine that is a Temporal Service: histories and queues live in a cluster, self-hosted or in
//! the cloud, and this process talks to it over gRPC.
//!
//! This module keeps no state of executions. It turns what the service says into the vocabulary of
//! steadfast and back, and keeps the contract of an [engine](steadfast_engine::Engine) where the protocol needs help:
//! polls belong to the engine, so that one that is dropped loses no task (E7); task tokens carry all
//! that an answer needs; what may pass is tried again, an answer until the service takes or refuses
//! it.
//!
//! # Where it differs from the embedded engine
//!
//! A running activity hears of a cancellation only in the answer to a heartbeat. A search finds what
//! happened a moment ago only a moment later. A request that is repeated with the same id starts and
//! signals once, but resets twice. An update that nobody accepts in time is kept by the service, and
//! the embedded engine withdraws it. Closed executions are kept for as long as the namespace says.
//!
//! # Why plain gRPC
//!
//! The messages are those of `temporalio-protos`, which needs no `protoc`. The connection is tonic's.
//! Temporal's own `temporalio-client` would save `service.rs` and `environment.rs` and cost half as
//! much again: 217 crates and 138 seconds to build, where these are 140 and 72 (debug, two cores).

mod answers;
mod client;
mod describe;
mod environment;
mod history;
mod limits;
mod messages;
mod options;
mod polls;
mod schedules;
mod service;
mod sources;
mod status;
mod tasks;
mod token;
mod url;
mod visibility;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use steadfast_core::{
    ids::{Identity, Namespace, RunId, ScheduleId, TaskQueue},
    limit::PayloadLimit,
    payload::Payload,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};
use steadfast_engine::{
    ActivityLease, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine, EngineError,
    EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, ListFilter, ListWorkflowsRequest,
    PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
    ResetWorkflowRequest, SearchAttributeType, SearchAttributes, Signal, SignalWorkflowRequest,
    StartWorkflowRequest, StartedWorkflow, TerminateWorkflowRequest, UntakenTasks, UpdateReply,
    UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount, WorkflowDescription, WorkflowPage,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        ScheduleDescription, SchedulePage, UpdateScheduleRequest,
    },
};
use steadfast_wire::Wire;
#[doc(inline)]
pub use steadfast_wire::read_history;

pub use self::options::{TemporalOptions, TlsOptions};
use self::{
    history::Bookmarks,
    limits::Limits,
    polls::Promise,
    service::Service,
    sources::Sources,
    token::{WorkflowToken, open},
};

/// A Temporal Service as an engine; see the [module](self) for how it works.
///
/// # Examples
///
/// ```no_run
/// use steadfast::{Client, engine::temporal::{TemporalEngine, TemporalOptions}};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = TemporalOptions::new("temporal.example.com:7233").namespace("orders")?;
/// let client = Client::new(TemporalEngine::connect(options).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TemporalEngine {
    connection: Arc<Connection>,
    sources: Sources,
    payload_limit: PayloadLimit,
    namespace: Namespace,
    polls: usize,
}

/// What every request needs.
#[derive(Debug)]
struct Connection {
    service: Service,
    limits: Limits,
    wire: Wire,
    namespace: Namespace,
    sticky_timeout: Duration,
    bookmarks: Bookmarks,
}

impl Connection {
    fn namespace(&self) -> String {
        self.namespace.as_str().to_owned()
    }
}

impl TemporalEngine {
    /// Connects to a service. From then on the connection is made again whenever it is lost.
    ///
    /// # Errors
    ///
    /// When nobody answers, the namespace does not exist, or the options are not valid. The text says
    /// what to do.
    pub async fn connect(options: TemporalOptions) -> Result<Arc<Self>, EngineError> {
        let namespace = match options.namespace.clone() {
            Some(namespace) => namespace,
            None => Namespace::new("default").expect("not empty and not long"),
        };
        let (service, limits) = Service::connect(&options, &namespace).await?;
        let payload_limit = limits.of_values(options.codec.clone());
        Ok(Arc::new(Self {
            connection: Arc::new(Connection {
                service,
                limits,
                wire: Wire {
                    codec: options.codec,
                    encode_failures: options.encode_failures,
                    verbatim: false,
                },
                namespace: namespace.clone(),
                sticky_timeout: options.sticky_timeout,
                bookmarks: Bookmarks::default(),
            }),
            sources: Sources::default(),
            payload_limit,
            namespace,
            polls: options.polls,
        }))
    }
}

/// Methods that only pass on what they get.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {$(
        fn $method(&self, $($argument: $type),*) -> EngineFuture<'_, $result> {
            Box::pin(self.connection.$method($($argument),*))
        }
    )+};
}

impl Engine for TemporalEngine {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn payload_limit(&self) -> PayloadLimit {
        self.payload_limit.clone()
    }

    fn concurrent_polls(&self) -> usize {
        self.polls
    }

    pass_on! {
        start_workflow(request: StartWorkflowRequest) -> StartedWorkflow;
        signal_with_start_workflow(start: StartWorkflowRequest, signal: Signal) -> StartedWorkflow;
        signal_workflow(request: SignalWorkflowRequest) -> ();
        request_cancel_workflow(request: CancelWorkflowRequest) -> ();
        terminate_workflow(request: TerminateWorkflowRequest) -> ();
        query_workflow(request: QueryWorkflowRequest) -> Payload;
        update_workflow(request: UpdateWorkflowRequest) -> UpdateReply;
        update_with_start_workflow(start: StartWorkflowRequest, update: UpdateWorkflowRequest) -> UpdateWithStartReply;
        poll_update(request: PollUpdateRequest) -> UpdateReply;
        describe_workflow(execution: ExecutionRef) -> WorkflowDescription;
        list_workflows(request: ListWorkflowsRequest) -> WorkflowPage;
        count_workflows(filter: ListFilter) -> u64;
        count_workflow_groups(filter: ListFilter) -> WorkflowCount;
        search_attributes() -> SearchAttributes;
        add_search_attributes(attributes: BTreeMap<String, SearchAttributeType>) -> ();
        remove_search_attributes(names: Vec<String>) -> ();
        workflow_history(request: HistoryRequest) -> HistoryPage;
        reset_workflow(request: ResetWorkflowRequest) -> RunId;
        delete_workflow(execution: ExecutionRef) -> ();
        create_schedule(request: CreateScheduleRequest) -> ConflictToken;
        describe_schedule(schedule_id: ScheduleId) -> ScheduleDescription;
        update_schedule(request: UpdateScheduleRequest) -> ();
        patch_schedule(request: PatchScheduleRequest) -> ();
        list_schedules(request: ListSchedulesRequest) -> SchedulePage;
        count_schedules(query: String) -> WorkflowCount;
        list_schedule_matching_times(request: ListScheduleMatchingTimesRequest) -> Vec<Timestamp>;
        delete_schedule(request: DeleteScheduleRequest) -> ();
        complete_activity(activity: ActivityRef, outcome: ActivityOutcome) -> ();
        record_activity_heartbeat(activity: ActivityRef, details: Vec<Payload>) -> HeartbeatReply;
    }

    fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> EngineFuture<'_, WorkflowTask> {
        let PollWorkflowTaskRequest {
            task_queue, worker, ..
        } = request;
        Box::pin(async move {
            loop {
                let sources = self.sources.of(&self.connection, &task_queue, &worker);
                // Another worker of the same name has ended, and its polls with it.
                if let Some(task) = sources.workflow.next().await {
                    return task;
                }
            }
        })
    }

    fn close_polls(&self, task_queue: TaskQueue, worker: Identity) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            self.sources.close(task_queue, worker).await;
            Ok(())
        })
    }

    fn end_polls(&self, task_queue: TaskQueue, worker: Identity) -> EngineFuture<'_, UntakenTasks> {
        Box::pin(async move {
            self.sources.close(task_queue.clone(), worker.clone()).await;
            Ok(self.sources.end(task_queue, worker))
        })
    }

    fn complete_workflow_task(
        &self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
    ) -> EngineFuture<'_, CompletionReply> {
        Box::pin(async move {
            let token: WorkflowToken = open(&token)?;
            let sources = self.sources.find(&token.task_queue, &token.identity);
            let promise = sources.as_ref().and_then(|sources| sources.eager());
            let eager = promise.as_ref().map_or(0, Promise::tasks);
            let brought = self
                .connection
                .complete_workflow_task(token, completion, eager)
                .await?;
            if let (Some(sources), Some(promise)) = (sources, promise) {
                sources.bring(brought, &promise).await;
            }
            Ok(CompletionReply::default())
        })
    }

    fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let token = open(&token)?;
            self.connection.fail_workflow_task(token, failure).await
        })
    }

    fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> EngineFuture<'_, ActivityLease> {
        let PollActivityTaskRequest {
            task_queue,
            worker,
            max_tasks_per_second,
            ..
        } = request;
        Box::pin(async move {
            loop {
                let sources = self.sources.of(&self.connection, &task_queue, &worker);
                sources.limit(max_tasks_per_second);
                if let Some(task) = sources.activity.next().await {
                    return task;
                }
            }
        })
    }

    fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let token = open(&token)?;
            self.connection.complete_activity_task(token, outcome).await
        })
    }

    fn record_heartbeat(
        &self,
        token: TaskToken,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply> {
        Box::pin(async move {
            let token = open(&token)?;
            self.connection.record_heartbeat(token, details).await
        })
    }
}
