//! An event of every kind.

use std::sync::Arc;

use steadfast_core::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::{
        EventKind, ExternalFailedCause, HistoryEvent, ParentExecution, WorkflowExecutionStarted,
    },
    failure::Failure,
    ids::{
        ActivityId, ActivityType, InvalidId, SignalName, TaskQueue, TimerId, UpdateId, UpdateName,
        WorkflowId, WorkflowType,
    },
    options::{ActivityTimeouts, Priority, WorkflowTimeouts},
    payload::UserMetadata,
};

use super::parts::{Parts, id};

impl Parts {
    /// An event of every kind.
    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        let mut kinds = self.own();
        kinds.extend(self.tasks());
        kinds.extend(self.children());
        kinds.extend(self.external());
        kinds
    }

    pub(crate) fn named<T>(&self) -> T
    where
        for<'a> T: TryFrom<&'a str, Error = InvalidId>,
    {
        id(&self.name)
    }

    fn timeouts(&self) -> WorkflowTimeouts {
        let [execution_timeout, run_timeout, task_timeout, _] = self.limits;
        WorkflowTimeouts {
            execution_timeout,
            run_timeout,
            task_timeout,
        }
    }

    fn boxed_failure(&self) -> Box<Failure> {
        Box::new(self.failure.clone())
    }

    fn words(&self) -> Option<Box<UserMetadata>> {
        UserMetadata::of(self.single.clone(), self.payloads.first().cloned())
    }

    fn started(&self) -> WorkflowExecutionStarted {
        WorkflowExecutionStarted {
            workflow_id: self.named(),
            workflow_type: self.named(),
            task_queue: self.named(),
            input: self.payloads.clone(),
            header: self.map.clone(),
            timeouts: WorkflowTimeouts {
                task_timeout: Some(self.timeouts().task_timeout()),
                ..self.timeouts()
            },
            identity: self.identity.clone(),
            original_execution_run_id: self.execution.run_id.clone(),
            first_execution_run_id: self.named(),
            continued_execution_run_id: self.run_id.clone(),
            initiator: self.initiator,
            continued_failure: self.maybe_failure.clone(),
            last_completion_result: self.single.clone(),
            parent: self.other.clone().map(|execution| ParentExecution {
                execution,
                initiated_event_id: self.ids[0],
            }),
            root: self.other.clone(),
            retry_policy: self.policy.clone(),
            attempt: self.number,
            execution_expiration_time: self.flag.then_some(self.time),
            first_workflow_task_backoff: self.wait,
            memo: self.map.clone(),
            search_attributes: self.map.clone(),
            user_metadata: self.words(),
            priority: self.priority(),
            cron_schedule: None,
        }
    }

    fn priority(&self) -> Option<Box<Priority>> {
        let priority = Priority {
            priority_key: i32::try_from(self.number % 6).unwrap_or_default(),
            fairness_key: self.named::<UpdateName>().as_str().to_owned(),
            fairness_weight: 0.5,
        };
        self.flag.then(|| Box::new(priority))
    }

    fn own(&self) -> Vec<EventKind> {
        let [completed, first, _] = self.ids;
        let update_id: UpdateId = self.named();
        vec![
            EventKind::WorkflowExecutionStarted(Box::new(self.started())),
            EventKind::WorkflowExecutionCompleted {
                result: self.single.clone(),
                workflow_task_completed_event_id: completed,
                new_execution_run_id: self.run_id.clone(),
            },
            EventKind::WorkflowExecutionFailed {
                failure: self.boxed_failure(),
                retry_state: self.retry_state,
                workflow_task_completed_event_id: completed,
                new_execution_run_id: self.run_id.clone(),
            },
            EventKind::WorkflowExecutionTimedOut {
                retry_state: self.retry_state,
                new_execution_run_id: self.run_id.clone(),
            },
            EventKind::WorkflowExecutionCanceled {
                details: self.payloads.clone(),
                workflow_task_completed_event_id: completed,
            },
            EventKind::WorkflowExecutionTerminated {
                reason: self.name.clone(),
                details: self.payloads.clone(),
                identity: self.identity.clone(),
            },
            EventKind::WorkflowExecutionContinuedAsNew {
                new_execution_run_id: self.named(),
                next: Box::new(ContinueAsNewWorkflowExecution {
                    workflow_type: self.named(),
                    task_queue: self.named(),
                    input: self.payloads.clone(),
                    header: self.map.clone(),
                    timeouts: WorkflowTimeouts {
                        execution_timeout: None,
                        ..self.timeouts()
                    },
                    retry_policy: None,
                    memo: self.flag.then(|| self.map.clone()),
                    search_attributes: (!self.flag).then(|| self.map.clone()),
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::WorkflowExecutionSignaled {
                signal_name: self.named::<SignalName>(),
                input: self.payloads.clone(),
                header: self.map.clone(),
                identity: self.identity.clone(),
                external_workflow_execution: self.other.clone(),
                request_id: self.request_id.clone(),
            },
            EventKind::WorkflowExecutionCancelRequested {
                cause: self.name.clone(),
                identity: self.identity.clone(),
                external_initiated_event_id: first,
                external_workflow_execution: self.other.clone(),
                request_id: None,
            },
            EventKind::WorkflowExecutionUpdateAdmitted {
                update_id: update_id.clone(),
                name: self.named::<UpdateName>(),
                input: self.payloads.clone(),
                identity: self.identity.clone(),
                header: self.map.clone(),
            },
            EventKind::WorkflowExecutionUpdateAccepted {
                update_id: update_id.clone(),
                name: self.named(),
                input: self.payloads.clone(),
                identity: self.identity.clone(),
                accepted_request_sequencing_event_id: first,
                header: self.map.clone(),
            },
            EventKind::WorkflowExecutionUpdateCompleted {
                update_id,
                accepted_event_id: first,
                outcome: Box::new(match &self.single {
                    Some(result) => Ok(result.clone()),
                    None => Err(self.failure.clone()),
                }),
            },
            EventKind::MarkerRecorded {
                marker: Box::new(RecordMarker {
                    marker_name: self.name.clone(),
                    details: [(self.name.clone(), self.payloads.clone())].into(),
                    failure: self.maybe_failure.clone(),
                    user_metadata: self.words(),
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::UpsertWorkflowSearchAttributes {
                search_attributes: self.map.clone(),
                workflow_task_completed_event_id: completed,
            },
            EventKind::WorkflowPropertiesModified {
                upserted_memo: self.map.clone(),
                workflow_task_completed_event_id: completed,
            },
            EventKind::Unknown {
                event_type: "NexusOperationScheduled".to_owned(),
                may_ignore: self.flag,
            },
            EventKind::Unknown {
                event_type: "1234".to_owned(),
                may_ignore: self.flag,
            },
        ]
    }

    fn tasks(&self) -> Vec<EventKind> {
        let [completed, scheduled, started] = self.ids;
        let [close, start, attempt, heartbeat] = self.limits;
        vec![
            EventKind::WorkflowTaskScheduled {
                task_queue: self.named::<TaskQueue>(),
                start_to_close_timeout: self.wait,
                attempt: self.number,
                normal_queue: self.flag.then(|| self.named::<TaskQueue>()),
            },
            EventKind::WorkflowTaskStarted {
                scheduled_event_id: scheduled,
                identity: self.identity.clone(),
                request_id: self.request_id.clone(),
                history_size_bytes: self.size,
                suggest_continue_as_new: self.flag,
            },
            EventKind::WorkflowTaskCompleted {
                scheduled_event_id: scheduled,
                started_event_id: started,
                identity: self.identity.clone(),
            },
            EventKind::WorkflowTaskFailed {
                scheduled_event_id: scheduled,
                started_event_id: started,
                cause: self.task_cause,
                failure: self.maybe_failure.clone().map(Box::new),
                identity: self.identity.clone(),
                base_run_id: self.run_id.clone(),
                new_run_id: self.run_id.clone(),
            },
            EventKind::WorkflowTaskTimedOut {
                scheduled_event_id: scheduled,
                started_event_id: started,
                timeout_type: self.timeout_type,
            },
            EventKind::TimerStarted {
                timer_id: self.named::<TimerId>(),
                start_to_fire_timeout: self.wait,
                workflow_task_completed_event_id: completed,
                user_metadata: self.words(),
            },
            EventKind::TimerFired {
                timer_id: self.named(),
                started_event_id: started,
            },
            EventKind::TimerCanceled {
                timer_id: self.named(),
                started_event_id: started,
                workflow_task_completed_event_id: completed,
                identity: self.identity.clone(),
            },
            EventKind::ActivityTaskScheduled {
                activity: Arc::new(ScheduleActivityTask {
                    activity_id: self.named::<ActivityId>(),
                    activity_type: self.named::<ActivityType>(),
                    task_queue: self.named(),
                    input: self.payloads.clone(),
                    header: self.map.clone(),
                    timeouts: ActivityTimeouts {
                        schedule_to_close_timeout: close,
                        schedule_to_start_timeout: start,
                        start_to_close_timeout: attempt,
                        heartbeat_timeout: heartbeat,
                    },
                    retry_policy: self.policy.clone(),
                    user_metadata: self.words(),
                    priority: self.priority(),
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::ActivityTaskStarted {
                scheduled_event_id: scheduled,
                identity: self.identity.clone(),
                request_id: self.request_id.clone(),
                attempt: self.number,
                last_failure: self.maybe_failure.clone().map(Box::new),
            },
            EventKind::ActivityTaskCompleted {
                result: self.single.clone(),
                scheduled_event_id: scheduled,
                started_event_id: started,
                identity: self.identity.clone(),
            },
            EventKind::ActivityTaskFailed {
                failure: self.boxed_failure(),
                scheduled_event_id: scheduled,
                started_event_id: started,
                identity: self.identity.clone(),
                retry_state: self.retry_state,
            },
            EventKind::ActivityTaskTimedOut {
                failure: self.boxed_failure(),
                scheduled_event_id: scheduled,
                started_event_id: started,
                retry_state: self.retry_state,
            },
            EventKind::ActivityTaskCancelRequested {
                scheduled_event_id: scheduled,
                workflow_task_completed_event_id: completed,
            },
            EventKind::ActivityTaskCanceled {
                details: self.payloads.clone(),
                latest_cancel_requested_event_id: completed,
                scheduled_event_id: scheduled,
                started_event_id: started,
                identity: self.identity.clone(),
            },
        ]
    }

    fn children(&self) -> Vec<EventKind> {
        let [completed, initiated, started] = self.ids;
        let execution = || self.execution.clone();
        let workflow_type = || self.named::<WorkflowType>();
        vec![
            EventKind::StartChildWorkflowExecutionInitiated {
                child: Box::new(StartChildWorkflowExecution {
                    workflow_id: self.named::<WorkflowId>(),
                    workflow_type: workflow_type(),
                    task_queue: self.named(),
                    input: self.payloads.clone(),
                    header: self.map.clone(),
                    timeouts: self.timeouts(),
                    parent_close_policy: self.close_policy,
                    workflow_id_reuse_policy: self.reuse_policy,
                    retry_policy: self.policy.clone(),
                    memo: self.map.clone(),
                    search_attributes: self.map.clone(),
                    user_metadata: self.words(),
                    priority: self.priority(),
                    cron_schedule: None,
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::StartChildWorkflowExecutionFailed {
                workflow_id: self.named(),
                workflow_type: workflow_type(),
                cause: ExternalFailedCause::WorkflowAlreadyExists,
                initiated_event_id: initiated,
                workflow_task_completed_event_id: completed,
            },
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id: initiated,
                execution: execution(),
                workflow_type: workflow_type(),
            },
            EventKind::ChildWorkflowExecutionCompleted {
                result: self.single.clone(),
                execution: execution(),
                workflow_type: workflow_type(),
                initiated_event_id: initiated,
                started_event_id: started,
            },
            EventKind::ChildWorkflowExecutionFailed {
                failure: self.boxed_failure(),
                execution: execution(),
                workflow_type: workflow_type(),
                initiated_event_id: initiated,
                started_event_id: started,
                retry_state: self.retry_state,
            },
            EventKind::ChildWorkflowExecutionCanceled {
                details: self.payloads.clone(),
                execution: execution(),
                workflow_type: workflow_type(),
                initiated_event_id: initiated,
                started_event_id: started,
            },
            EventKind::ChildWorkflowExecutionTimedOut {
                execution: execution(),
                workflow_type: workflow_type(),
                initiated_event_id: initiated,
                started_event_id: started,
                retry_state: self.retry_state,
            },
            EventKind::ChildWorkflowExecutionTerminated {
                execution: execution(),
                workflow_type: workflow_type(),
                initiated_event_id: initiated,
                started_event_id: started,
            },
        ]
    }

    fn external(&self) -> Vec<EventKind> {
        let [completed, initiated, _] = self.ids;
        let workflow_id = || self.named::<WorkflowId>();
        let run_id = || self.run_id.clone();
        vec![
            EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                cancel: Box::new(RequestCancelExternalWorkflowExecution {
                    namespace: self.namespace.clone(),
                    workflow_id: workflow_id(),
                    run_id: run_id(),
                    child_workflow_only: self.flag,
                    reason: self.name.clone(),
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::RequestCancelExternalWorkflowExecutionFailed {
                cause: ExternalFailedCause::ExternalWorkflowExecutionNotFound,
                workflow_id: workflow_id(),
                run_id: run_id(),
                initiated_event_id: initiated,
            },
            EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id: initiated,
                workflow_id: workflow_id(),
                run_id: run_id(),
            },
            EventKind::SignalExternalWorkflowExecutionInitiated {
                signal: Box::new(SignalExternalWorkflowExecution {
                    namespace: self.namespace.clone(),
                    workflow_id: workflow_id(),
                    run_id: run_id(),
                    signal_name: self.named(),
                    input: self.payloads.clone(),
                    header: self.map.clone(),
                    child_workflow_only: self.flag,
                }),
                workflow_task_completed_event_id: completed,
            },
            EventKind::SignalExternalWorkflowExecutionFailed {
                cause: ExternalFailedCause::SignalCountLimitExceeded,
                workflow_id: workflow_id(),
                run_id: run_id(),
                initiated_event_id: initiated,
            },
            EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id: initiated,
                workflow_id: workflow_id(),
                run_id: run_id(),
            },
        ]
    }

    /// An event of a kind.
    pub(crate) fn event(&self, kind: EventKind) -> HistoryEvent {
        HistoryEvent::new(self.ids[0], self.time, kind)
    }
}
