//! The scripts of the conformance suite, told to our own server.
//!
//! A script says when a poll is made. Our client of a service leaves one open for a moment, which would take the next task
//! before its time; so a worker here shuts down after each poll, and its sticky queue with it. Where tasks go then is judged
//! by the scenarios with workers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast::{
    core::{
        ids::{Identity, Namespace, RunId, ScheduleId, TaskQueue, WorkflowExecution},
        limit::PayloadLimit,
        payload::Payload,
        task::{
            ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
            WorkflowTaskFailure,
        },
        time::Timestamp,
    },
    engine::{
        ActivityLease, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine, EngineError,
        EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, ListFilter, ListWorkflowsRequest,
        PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
        ResetWorkflowRequest, SearchAttributeType, SearchAttributes, Signal, SignalWorkflowRequest,
        StartWorkflowRequest, StartedWorkflow, TerminateWorkflowRequest, UntakenTasks, UpdateReply,
        UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount, WorkflowDescription,
        WorkflowPage,
        embedded::{EmbeddedEngine, ManualClock},
        schedule::{
            ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
            ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
            ScheduleDescription, SchedulePage, UpdateScheduleRequest,
        },
        temporal::TemporalEngine,
    },
};
use steadfast_engine::conformance::{self, World};

use crate::here::Served;

/// A client of our server whose polls end when they have brought something.
#[derive(Debug)]
struct Client {
    engine: Arc<TemporalEngine>,
    served: Arc<EmbeddedEngine>,
    untaken: Mutex<BTreeMap<TaskQueue, UntakenTasks>>,
    /// The runs of the tasks that were taken.
    given: Mutex<BTreeMap<TaskToken, WorkflowExecution>>,
}

impl Client {
    /// Ends the polls of a worker, and keeps what they still brought.
    async fn end(&self, queue: TaskQueue, worker: Identity) -> Result<(), EngineError> {
        let untaken = self.engine.end_polls(queue.clone(), worker).await?;
        let mut all = self.untaken.lock().unwrap();
        let kept = all.entry(queue).or_default();
        kept.workflow_tasks.extend(untaken.workflow_tasks);
        kept.activity_tasks.extend(untaken.activity_tasks);
        Ok(())
    }

    /// Whether a worker has the workflow task of a run.
    async fn has_task(&self, execution: &ExecutionRef) -> Result<bool, EngineError> {
        let described = self.served.describe_workflow(execution.clone()).await?;
        let task = described.pending_workflow_task;
        Ok(task.is_some_and(|task| task.started_time.is_some()))
    }

    /// Waits until something is ready in a queue, and at least a moment: a script sees thus that nothing comes.
    async fn wait_for(
        &self,
        ready: impl Fn((bool, bool)) -> bool,
        queue: &TaskQueue,
    ) -> Result<(), EngineError> {
        tokio::task::yield_now().await;
        if ready(self.served.ready(queue)?) {
            Ok(())
        } else {
            std::future::pending().await
        }
    }

    /// Something that was brought and not taken.
    fn kept<T>(
        &self,
        queue: &TaskQueue,
        take: impl FnOnce(&mut UntakenTasks) -> Option<T>,
    ) -> Option<T> {
        take(self.untaken.lock().unwrap().get_mut(queue)?)
    }
}

/// Methods that only pass on what they get.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {$(
        fn $method(&self, $($argument: $type),*) -> EngineFuture<'_, $result> {
            self.engine.$method($($argument),*)
        }
    )+};
}

impl Engine for Client {
    fn namespace(&self) -> &Namespace {
        self.engine.namespace()
    }

    fn now(&self) -> Timestamp {
        self.served.now()
    }

    fn payload_limit(&self) -> PayloadLimit {
        self.engine.payload_limit()
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
        create_schedule(request: CreateScheduleRequest) -> ConflictToken;
        describe_schedule(schedule_id: ScheduleId) -> ScheduleDescription;
        update_schedule(request: UpdateScheduleRequest) -> ();
        patch_schedule(request: PatchScheduleRequest) -> ();
        list_schedules(request: ListSchedulesRequest) -> SchedulePage;
        count_schedules(query: String) -> WorkflowCount;
        list_schedule_matching_times(request: ListScheduleMatchingTimesRequest) -> Vec<Timestamp>;
        delete_schedule(request: DeleteScheduleRequest) -> ();
        workflow_history(request: HistoryRequest) -> HistoryPage;
        reset_workflow(request: ResetWorkflowRequest) -> RunId;
        delete_workflow(execution: ExecutionRef) -> ();
        complete_activity(activity: ActivityRef, outcome: ActivityOutcome) -> ();
        record_activity_heartbeat(activity: ActivityRef, details: Vec<Payload>) -> HeartbeatReply;
        complete_workflow_task(token: TaskToken, completion: WorkflowTaskCompletion) -> CompletionReply;
        complete_activity_task(token: TaskToken, outcome: ActivityOutcome) -> ();
        record_heartbeat(token: TaskToken, details: Vec<Payload>) -> HeartbeatReply;
    }

    fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> EngineFuture<'_, WorkflowTask> {
        Box::pin(async move {
            let queue = request.task_queue.clone();
            if let Some(task) = self.kept(&queue, |kept| kept.workflow_tasks.pop()) {
                return Ok(task);
            }
            self.wait_for(|ready| ready.0, &queue).await?;
            let worker = request.worker.clone();
            let task = self.engine.poll_workflow_task(request).await?;
            let given = (task.token.clone(), task.execution.clone());
            self.given.lock().unwrap().extend([given]);
            self.end(queue, worker).await?;
            Ok(task)
        })
    }

    fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> EngineFuture<'_, ActivityLease> {
        Box::pin(async move {
            let queue = request.task_queue.clone();
            if let Some(task) = self.kept(&queue, |kept| kept.activity_tasks.pop()) {
                return Ok(task);
            }
            self.wait_for(|ready| ready.1, &queue).await?;
            let worker = request.worker.clone();
            let task = self.engine.poll_activity_task(request).await?;
            self.end(queue, worker).await?;
            Ok(task)
        })
    }

    /// The client reports a failure that is not the first after a while, and does not wait for that.
    fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let execution = self.given.lock().unwrap().remove(&token);
            self.engine.fail_workflow_task(token, failure).await?;
            let execution = ExecutionRef::run(execution.expect("the task was taken here"));
            while self.has_task(&execution).await? {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Hand(ManualClock);

impl From<ManualClock> for Hand {
    fn from(clock: ManualClock) -> Self {
        Self(clock)
    }
}

impl conformance::Time<Client> for Hand {
    fn pass(&self, duration: Duration) {
        self.0.advance(duration);
    }

    fn pass_to_next_timer(&self) -> bool {
        self.0.advance_to_next_timer().is_some()
    }

    fn settled<'a>(&'a self, client: &'a Client) -> EngineFuture<'a, ()> {
        Box::pin(client.served.settled())
    }
}

fn judge(script: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let served = Served::new().await;
        let client = Client {
            engine: Arc::clone(&served.client),
            served: Arc::clone(&served.engine),
            untaken: Mutex::default(),
            given: Mutex::default(),
        };
        let mut world = World::<_, Hand>::new(Arc::new(client), served.clock.clone());
        tokio::time::timeout(Duration::from_secs(60), world.run(script))
            .await
            .expect("a step waited for something that did not happen");
    });
}

steadfast_engine::conformance_tests!(judge);
