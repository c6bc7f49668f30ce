//! Where executions stand.

use steadfast_core::{event::ExecutionStatus, ids::RunId, options::ParentClosePolicy};
use steadfast_engine::{
    PendingActivity, PendingActivityState, PendingChild, WorkflowDescription,
    spelling::{enums::PARENT_CLOSE_POLICIES, statuses::status_of_number},
};
use temporalio_protos::temporal::api::{
    enums::v1::PendingActivityState as ProtoActivityState, workflow::v1 as workflow,
};

use crate::values::{
    Wire, Wired, activity_timeouts, attempt, count, event_id, execution_in, id, optional_execution,
    optional_id, optional_time, priority_in, retry_policy_in, search_attributes_in, time_in,
    timeout_in, type_name,
};

impl Wire {
    /// What a list and a description say of an execution; what only a description has is left open.
    ///
    /// # Errors
    ///
    /// When something that every execution has is not there.
    pub fn description_in(
        &self,
        info: workflow::WorkflowExecutionInfo,
    ) -> Wired<WorkflowDescription> {
        let execution = execution_in(info.execution)?;
        let first: Option<RunId> = optional_id(&info.first_run_id)?;
        Ok(WorkflowDescription {
            first_execution_run_id: first.unwrap_or_else(|| execution.run_id.clone()),
            execution,
            workflow_type: id(&type_name(info.r#type))?,
            task_queue: id(&info.task_queue)?,
            status: status_in(info.status),
            start_time: time_in(info.start_time),
            execution_time: time_in(info.execution_time.or(info.start_time)),
            close_time: optional_time(info.close_time),
            history_length: count(info.history_length),
            history_size_bytes: count(info.history_size_bytes),
            root: match &info.parent_execution {
                Some(_) => optional_execution(info.root_execution)?,
                None => None,
            },
            parent: optional_execution(info.parent_execution)?,
            reset_run_id: None,
            cancel_requested: false,
            memo: self.memo_in(info.memo)?,
            search_attributes: search_attributes_in(info.search_attributes),
            user_metadata: None,
            priority: priority_in(info.priority),
            pending_workflow_task: None,
            pending_activities: Vec::new(),
            pending_timers: Vec::new(),
            pending_children: Vec::new(),
        })
    }

    /// An activity that is open.
    ///
    /// # Errors
    ///
    /// When something that every activity has is not there.
    pub fn pending_activity_in(
        &self,
        info: workflow::PendingActivityInfo,
    ) -> Wired<PendingActivity> {
        let state = ProtoActivityState::try_from(info.state);
        let options = info.activity_options.unwrap_or_default();
        Ok(PendingActivity {
            activity_id: id(&info.activity_id)?,
            activity_type: id(&info.activity_type.unwrap_or_default().name)?,
            state: match state {
                Ok(ProtoActivityState::Started | ProtoActivityState::PauseRequested) => {
                    PendingActivityState::Started
                }
                Ok(ProtoActivityState::CancelRequested) => PendingActivityState::CancelRequested,
                _ => PendingActivityState::Scheduled,
            },
            attempt: attempt(info.attempt),
            maximum_attempts: u32::try_from(info.maximum_attempts).unwrap_or_default(),
            task_queue: optional_id(&options.task_queue.unwrap_or_default().name)?,
            timeouts: activity_timeouts(
                options.schedule_to_close_timeout,
                options.schedule_to_start_timeout,
                options.start_to_close_timeout,
                options.heartbeat_timeout,
            ),
            retry_policy: retry_policy_in(options.retry_policy),
            scheduled_time: optional_time(info.scheduled_time),
            next_attempt_time: optional_time(info.next_attempt_schedule_time),
            retry_interval: timeout_in(info.current_retry_interval),
            last_attempt_complete_time: optional_time(info.last_attempt_complete_time),
            last_started_time: optional_time(info.last_started_time),
            last_worker: optional_id(&info.last_worker_identity)?,
            last_heartbeat_time: optional_time(info.last_heartbeat_time),
            heartbeat_details: self.payloads_in(info.heartbeat_details)?,
            last_failure: self.optional_failure_in(info.last_failure)?,
        })
    }
}

/// A child that is open.
///
/// # Errors
///
/// When something that every child has is not there.
pub fn pending_child_in(child: &workflow::PendingChildExecutionInfo) -> Wired<PendingChild> {
    Ok(PendingChild {
        workflow_id: id(&child.workflow_id)?,
        run_id: optional_id(&child.run_id)?,
        workflow_type: id(&child.workflow_type_name)?,
        initiated_event_id: event_id(child.initiated_id),
        parent_close_policy: PARENT_CLOSE_POLICIES
            .of_number(child.parent_close_policy)
            .unwrap_or(ParentClosePolicy::Terminate),
    })
}

/// A paused execution is open.
fn status_in(status: i32) -> ExecutionStatus {
    status_of_number(i64::from(status)).unwrap_or(ExecutionStatus::Running)
}
