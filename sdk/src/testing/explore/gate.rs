//! Numbers the points that an execution passes, and does there what the schedule says.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use steadfast_core::{
    ids::{Namespace, ScheduleId, WorkflowId},
    limit::PayloadLimit,
    payload::Payload,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};

use super::schedule::Schedule;
use crate::{
    client::new_request_id,
    engine::{
        ActivityLease, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine, EngineError,
        EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, ListFilter, ListWorkflowsRequest,
        PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
        ResetWorkflowRequest, SearchAttributeType, SearchAttributes, Signal, SignalWorkflowRequest,
        StartWorkflowRequest, StartedWorkflow, TerminateWorkflowRequest, UpdateReply,
        UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount, WorkflowDescription,
        WorkflowPage,
        embedded::EmbeddedEngine,
        schedule::{
            ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
            ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
            ScheduleDescription, SchedulePage, UpdateScheduleRequest,
        },
    },
};

/// Numbers points and does what the schedule says.
#[derive(Debug)]
pub(super) struct Gate {
    engine: Arc<EmbeddedEngine>,
    workflow_id: WorkflowId,
    schedule: Schedule,
    points: Mutex<Vec<String>>,
    crashed: AtomicBool,
}

impl Gate {
    pub(super) fn new(
        engine: Arc<EmbeddedEngine>,
        workflow_id: WorkflowId,
        schedule: Schedule,
    ) -> Self {
        Self {
            engine,
            workflow_id,
            schedule,
            points: Mutex::default(),
            crashed: AtomicBool::new(false),
        }
    }

    /// Passes a point. `true` when the worker crashes there.
    pub(super) async fn pass(&self, what: impl Into<String>) -> Result<bool, EngineError> {
        let number = {
            let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
            points.push(what.into());
            points.len() - 1
        };
        if self.schedule.cancel == Some(number) {
            let request = CancelWorkflowRequest {
                execution: ExecutionRef::current(self.workflow_id.clone()),
                reason: "explored".to_owned(),
                identity: steadfast_core::ids::Identity::new("explorer")
                    .expect("not empty and not long"),
                request_id: new_request_id()
                    .map_err(|error| EngineError::invalid(error.to_string()))?,
            };
            self.engine.request_cancel_workflow(request).await?;
        }
        let crash = self.schedule.crash == Some(number);
        if crash {
            self.crashed.store(true, Ordering::Release);
        }
        Ok(crash)
    }

    /// Whether the worker has crashed and did not come back yet.
    pub(super) fn take_crash(&self) -> bool {
        self.crashed.swap(false, Ordering::AcqRel)
    }

    /// What the points were.
    pub(super) fn points(&self) -> Vec<String> {
        self.points
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The engine as activities see it: every heartbeat and every outcome is a point.
#[derive(Debug)]
pub(super) struct GatedEngine {
    pub(super) gate: Arc<Gate>,
}

impl GatedEngine {
    fn engine(&self) -> &EmbeddedEngine {
        &self.gate.engine
    }

    /// Passes a point; a call in which the worker crashes never returns.
    async fn pass(&self, what: &str) -> Result<(), EngineError> {
        if self.gate.pass(what).await? {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

macro_rules! forwarded {
    ($($name:ident($($argument:ident: $ty:ty),*) -> $output:ty;)+) => {$(
        fn $name(&self, $($argument: $ty),*) -> EngineFuture<'_, $output> {
            self.engine().$name($($argument),*)
        }
    )+};
}

impl Engine for GatedEngine {
    fn namespace(&self) -> &Namespace {
        self.engine().namespace()
    }

    fn now(&self) -> Timestamp {
        self.engine().now()
    }

    fn payload_limit(&self) -> PayloadLimit {
        self.engine().payload_limit()
    }

    forwarded! {
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
        reset_workflow(request: ResetWorkflowRequest) -> steadfast_core::ids::RunId;
        delete_workflow(execution: ExecutionRef) -> ();
        complete_activity(activity: ActivityRef, outcome: ActivityOutcome) -> ();
        record_activity_heartbeat(activity: ActivityRef, details: Vec<Payload>) -> HeartbeatReply;
        hand_over_activity_task(token: TaskToken) -> ();
        poll_workflow_task(request: PollWorkflowTaskRequest) -> WorkflowTask;
        complete_workflow_task(token: TaskToken, completion: WorkflowTaskCompletion) -> CompletionReply;
        fail_workflow_task(token: TaskToken, failure: WorkflowTaskFailure) -> ();
        poll_activity_task(request: PollActivityTaskRequest) -> ActivityLease;
    }

    fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let what = match &outcome {
                ActivityOutcome::Completed { .. } => {
                    "an activity completed, before that is recorded"
                }
                ActivityOutcome::Failed { .. } => "an activity failed, before that is recorded",
                ActivityOutcome::Cancelled { .. } => {
                    "an activity ended as cancelled, before that is recorded"
                }
            };
            self.pass(what).await?;
            self.engine().complete_activity_task(token, outcome).await
        })
    }

    fn record_heartbeat(
        &self,
        token: TaskToken,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply> {
        Box::pin(async move {
            self.pass("an activity heartbeats").await?;
            self.engine().record_heartbeat(token, details).await
        })
    }
}
