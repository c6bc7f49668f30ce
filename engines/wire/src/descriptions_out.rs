//! Where executions stand, as a service tells it.

use steadfast_core::event::{EventKind, ExecutionStatus, HistoryEvent, WorkflowExecutionStarted};
use steadfast_engine::{
    PendingActivity, PendingActivityState, PendingChild, PendingWorkflowTask, WorkflowDescription,
    spelling::{enums::PARENT_CLOSE_POLICIES, statuses::status_number},
};
use temporalio_protos::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1 as common,
    enums::v1::{PendingActivityState as ProtoActivityState, PendingWorkflowTaskState},
    workflow::v1 as workflow,
    workflowservice::v1::DescribeWorkflowExecutionResponse,
};

use crate::{
    events::Home,
    values::{
        Wire, Wired, attempt_out, count_out, duration_out, event_id_out, execution_out,
        normal_queue, priority_out, recorded_policy_out, search_attributes_out, text, time_out,
        timeout_out, workflow_type,
    },
};

impl Wire {
    /// What a list and a description say of an execution.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn info_out(
        &self,
        description: WorkflowDescription,
        home: &Home,
    ) -> Wired<workflow::WorkflowExecutionInfo> {
        let execution = execution_out(
            &description.execution.workflow_id,
            Some(&description.execution.run_id),
        );
        let parent_namespace_id = match description.parent {
            Some(_) => home.namespace_id.clone(),
            None => String::new(),
        };
        Ok(workflow::WorkflowExecutionInfo {
            root_execution: match (&description.root, &description.parent) {
                (Some(root), _) => execution_out(&root.workflow_id, Some(&root.run_id)),
                (None, Some(_)) => None,
                (None, None) => execution.clone(),
            },
            execution,
            r#type: workflow_type(description.workflow_type),
            start_time: Some(time_out(description.start_time)),
            execution_time: Some(time_out(description.execution_time)),
            close_time: description.close_time.map(time_out),
            execution_duration: description
                .close_time
                .map(|closed| duration_out(closed.since(description.execution_time))),
            status: status_out(description.status),
            history_length: count_out(description.history_length),
            history_size_bytes: count_out(description.history_size_bytes),
            parent_namespace_id,
            parent_execution: description
                .parent
                .and_then(|parent| execution_out(&parent.workflow_id, Some(&parent.run_id))),
            // Tools look into them without asking whether they are there.
            memo: Some(self.memo_out(description.memo)?.unwrap_or_default()),
            search_attributes: Some(
                search_attributes_out(description.search_attributes).unwrap_or_default(),
            ),
            task_queue: text(Some(description.task_queue)),
            first_run_id: text(Some(description.first_execution_run_id)),
            priority: priority_out(description.priority),
            ..Default::default()
        })
    }

    /// All that a service says of one execution. `first` is the first event of its history; without it the
    /// time limits are not told.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn describe_out(
        &self,
        mut description: WorkflowDescription,
        first: Option<&HistoryEvent>,
        home: &Home,
    ) -> Wired<DescribeWorkflowExecutionResponse> {
        let activities = std::mem::take(&mut description.pending_activities);
        let children = std::mem::take(&mut description.pending_children);
        let task = description.pending_workflow_task.take();
        let words = description.user_metadata.take().map(|words| *words);
        Ok(DescribeWorkflowExecutionResponse {
            execution_config: Some(workflow::WorkflowExecutionConfig {
                user_metadata: self.user_metadata_out(words)?,
                ..config(&description, first)
            }),
            workflow_extended_info: Some(extended(&description, first)),
            workflow_execution_info: Some(self.info_out(description, home)?),
            pending_activities: activities
                .into_iter()
                .map(|activity| self.pending_activity_out(activity))
                .collect::<Wired<_>>()?,
            pending_children: children.iter().map(pending_child_out).collect(),
            pending_workflow_task: task.as_ref().map(pending_workflow_task_out),
            ..Default::default()
        })
    }

    /// An activity that is open.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn pending_activity_out(
        &self,
        activity: PendingActivity,
    ) -> Wired<workflow::PendingActivityInfo> {
        let state = match activity.state {
            PendingActivityState::Started => ProtoActivityState::Started,
            PendingActivityState::CancelRequested => ProtoActivityState::CancelRequested,
            _ => ProtoActivityState::Scheduled,
        };
        let timeouts = activity.timeouts;
        Ok(workflow::PendingActivityInfo {
            activity_options: Some(ActivityOptions {
                task_queue: activity.task_queue.as_ref().and_then(normal_queue),
                schedule_to_close_timeout: timeout_out(timeouts.schedule_to_close_timeout),
                schedule_to_start_timeout: timeout_out(timeouts.schedule_to_start_timeout),
                start_to_close_timeout: timeout_out(timeouts.start_to_close_timeout),
                heartbeat_timeout: timeout_out(timeouts.heartbeat_timeout),
                retry_policy: activity.retry_policy.map(recorded_policy_out),
                ..ActivityOptions::default()
            }),
            current_retry_interval: timeout_out(activity.retry_interval),
            last_attempt_complete_time: activity.last_attempt_complete_time.map(time_out),
            activity_id: text(Some(activity.activity_id)),
            activity_type: Some(common::ActivityType {
                name: text(Some(activity.activity_type)),
            }),
            state: state.into(),
            attempt: attempt_out(activity.attempt),
            maximum_attempts: attempt_out(activity.maximum_attempts),
            scheduled_time: activity.scheduled_time.map(time_out),
            next_attempt_schedule_time: activity.next_attempt_time.map(time_out),
            last_started_time: activity.last_started_time.map(time_out),
            last_worker_identity: text(activity.last_worker),
            last_heartbeat_time: activity.last_heartbeat_time.map(time_out),
            heartbeat_details: self.payloads_out(activity.heartbeat_details)?,
            last_failure: self.optional_failure_out(activity.last_failure)?,
            ..Default::default()
        })
    }
}

/// A child that is open.
pub fn pending_child_out(child: &PendingChild) -> workflow::PendingChildExecutionInfo {
    workflow::PendingChildExecutionInfo {
        workflow_id: text(Some(&child.workflow_id)),
        run_id: text(child.run_id.as_ref()),
        workflow_type_name: text(Some(&child.workflow_type)),
        initiated_id: event_id_out(child.initiated_event_id),
        parent_close_policy: PARENT_CLOSE_POLICIES.number(child.parent_close_policy),
    }
}

/// A workflow task that waits for a worker, or that one has.
pub fn pending_workflow_task_out(task: &PendingWorkflowTask) -> workflow::PendingWorkflowTaskInfo {
    let scheduled = Some(time_out(task.scheduled_time));
    workflow::PendingWorkflowTaskInfo {
        state: match task.started_time {
            Some(_) => PendingWorkflowTaskState::Started,
            None => PendingWorkflowTaskState::Scheduled,
        }
        .into(),
        scheduled_time: scheduled,
        original_scheduled_time: scheduled,
        started_time: task.started_time.map(time_out),
        attempt: attempt_out(task.attempt),
    }
}

/// The number of a status.
pub fn status_out(status: ExecutionStatus) -> i32 {
    i32::try_from(status_number(status)).unwrap_or_default()
}

fn started_of(first: Option<&HistoryEvent>) -> Option<&WorkflowExecutionStarted> {
    match &first?.kind {
        EventKind::WorkflowExecutionStarted(started) => Some(started),
        _ => None,
    }
}

fn config(
    description: &WorkflowDescription,
    first: Option<&HistoryEvent>,
) -> workflow::WorkflowExecutionConfig {
    let timeouts = started_of(first).map(|started| started.timeouts.effective());
    workflow::WorkflowExecutionConfig {
        task_queue: normal_queue(&description.task_queue),
        default_workflow_task_timeout: timeouts
            .as_ref()
            .map(|timeouts| duration_out(timeouts.task_timeout())),
        workflow_execution_timeout: timeout_out(
            timeouts.as_ref().and_then(|it| it.execution_timeout),
        ),
        workflow_run_timeout: timeout_out(timeouts.as_ref().and_then(|it| it.run_timeout)),
        ..Default::default()
    }
}

fn extended(
    description: &WorkflowDescription,
    first: Option<&HistoryEvent>,
) -> workflow::WorkflowExecutionExtendedInfo {
    let started = started_of(first);
    let expiration = started.and_then(|started| started.execution_expiration_time);
    let run_timeout = started.and_then(|started| started.timeouts.effective().run_timeout);
    let run_expiration = run_timeout.map(|timeout| description.execution_time.after(timeout));
    workflow::WorkflowExecutionExtendedInfo {
        execution_expiration_time: expiration.map(time_out),
        // A run ends with its execution at the latest.
        run_expiration_time: run_expiration
            .into_iter()
            .chain(expiration)
            .min()
            .map(time_out),
        cancel_requested: description.cancel_requested,
        original_start_time: first.map(|first| time_out(first.event_time)),
        reset_run_id: text(description.reset_run_id.as_ref()),
        ..Default::default()
    }
}
