//! Holds back the answers to workflow tasks, on any engine, so that something can happen while a worker has a task.

use std::{collections::BTreeMap, sync::Arc};

use steadfast::{
    core::{
        event::HistoryEvent,
        ids::{Identity, Namespace, RunId, ScheduleId, TaskQueue},
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
        schedule::{
            ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
            ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
            ScheduleDescription, SchedulePage, UpdateScheduleRequest,
        },
    },
};
use tokio::sync::watch;

/// What a gate is told, and what it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// Answers beyond this number are held back.
    allowed: watch::Sender<usize>,
    /// How many answers came.
    came: watch::Sender<usize>,
    /// How the engine took the answers.
    taken: watch::Sender<Vec<String>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            allowed: watch::channel(usize::MAX).0,
            came: watch::channel(0).0,
            taken: watch::channel(Vec::new()).0,
        }
    }

    /// Holds back the next answer and those after it.
    pub(crate) fn close(&self) {
        self.allowed.send_replace(*self.came.borrow());
    }

    /// Waits until an answer is held back: its task is still with the worker.
    pub(crate) async fn holds(&self) {
        let allowed = *self.allowed.borrow();
        let mut came = self.came.subscribe();
        came.wait_for(|came| *came > allowed).await.unwrap();
    }

    /// Holds back nothing any more.
    pub(crate) fn open(&self) {
        self.allowed.send_replace(usize::MAX);
    }

    /// Waits until the engine took an answer in this way: `taken`, or the text of the error.
    pub(crate) async fn took(&self, how: &str) {
        let mut taken = self.taken.subscribe();
        taken
            .wait_for(|taken| taken.iter().any(|taken| taken == how))
            .await
            .unwrap();
    }

    async fn pass(&self) {
        let mut number = 0;
        self.came.send_modify(|came| {
            *came += 1;
            number = *came;
        });
        let mut allowed = self.allowed.subscribe();
        allowed
            .wait_for(|allowed| number <= *allowed)
            .await
            .unwrap();
    }

    fn note(&self, answer: &Result<CompletionReply, EngineError>) {
        let how = answer
            .as_ref()
            .map_or_else(ToString::to_string, |_| "taken".to_owned());
        self.taken.send_modify(|taken| taken.push(how));
    }
}

/// An engine behind a gate.
#[derive(Debug)]
pub(crate) struct Gated {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) gate: Gate,
}

/// Methods that only pass on what they get.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {$(
        fn $method(&self, $($argument: $type),*) -> EngineFuture<'_, $result> {
            self.engine.$method($($argument),*)
        }
    )+};
}

impl Engine for Gated {
    fn namespace(&self) -> &Namespace {
        self.engine.namespace()
    }

    fn now(&self) -> Timestamp {
        self.engine.now()
    }

    fn payload_limit(&self) -> PayloadLimit {
        self.engine.payload_limit()
    }

    fn concurrent_polls(&self) -> usize {
        self.engine.concurrent_polls()
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
        open_task_events(execution: ExecutionRef) -> Vec<HistoryEvent>;
        reset_sticky_queue(execution: ExecutionRef) -> ();
        reset_workflow(request: ResetWorkflowRequest) -> RunId;
        delete_workflow(execution: ExecutionRef) -> ();
        complete_activity(activity: ActivityRef, outcome: ActivityOutcome) -> ();
        record_activity_heartbeat(activity: ActivityRef, details: Vec<Payload>) -> HeartbeatReply;
        hand_over_activity_task(token: TaskToken) -> ();
        poll_workflow_task(request: PollWorkflowTaskRequest) -> WorkflowTask;
        fail_workflow_task(token: TaskToken, failure: WorkflowTaskFailure) -> ();
        poll_activity_task(request: PollActivityTaskRequest) -> ActivityLease;
        close_polls(task_queue: TaskQueue, worker: Identity) -> ();
        end_polls(task_queue: TaskQueue, worker: Identity) -> UntakenTasks;
        complete_activity_task(token: TaskToken, outcome: ActivityOutcome) -> ();
        record_heartbeat(token: TaskToken, details: Vec<Payload>) -> HeartbeatReply;
    }

    fn complete_workflow_task(
        &self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
    ) -> EngineFuture<'_, CompletionReply> {
        Box::pin(async move {
            self.gate.pass().await;
            let answer = self.engine.complete_workflow_task(token, completion).await;
            self.gate.note(&answer);
            answer
        })
    }
}
