//! The attributes that are commands, and those of the first event, as a service tells them.

use steadfast_core::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::WorkflowExecutionStarted,
    ids::{EventId, Namespace, RunId},
};
use steadfast_engine::spelling::enums::{INITIATORS, PARENT_CLOSE_POLICIES, REUSE_POLICIES};
use temporalio_protos::temporal::api::{common::v1 as common, history::v1 as proto};

use super::event_out::{EventWriter, Home, run};
use crate::values::{
    Wired, attempt_out, duration_out, event_id_out, execution_out, normal_queue, priority_out,
    recorded_policy_out, search_attributes_out, text, time_out, timeout_out, workflow_type,
};

impl EventWriter<'_> {
    pub(super) fn started(
        self,
        started: WorkflowExecutionStarted,
    ) -> Wired<proto::WorkflowExecutionStartedEventAttributes> {
        let wire = self.wire;
        let parent = started.parent;
        let parent_home = match parent {
            Some(_) => self.home.clone(),
            None => Home::default(),
        };
        Ok(proto::WorkflowExecutionStartedEventAttributes {
            workflow_id: text(Some(started.workflow_id)),
            workflow_type: workflow_type(started.workflow_type),
            task_queue: normal_queue(started.task_queue),
            input: wire.payloads_out(started.input)?,
            header: wire.header_out(started.header)?,
            workflow_execution_timeout: timeout_out(started.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(started.timeouts.run_timeout),
            // Workers want to be told.
            workflow_task_timeout: Some(duration_out(started.timeouts.task_timeout())),
            identity: text(started.identity),
            original_execution_run_id: text(Some(started.original_execution_run_id)),
            first_execution_run_id: text(Some(started.first_execution_run_id)),
            continued_execution_run_id: text(started.continued_execution_run_id),
            initiator: started
                .initiator
                .map_or(0, |initiator| INITIATORS.number(initiator)),
            continued_failure: wire.optional_failure_out(started.continued_failure)?,
            last_completion_result: wire.single_out(started.last_completion_result)?,
            parent_workflow_namespace: parent_home.namespace,
            parent_workflow_namespace_id: parent_home.namespace_id,
            parent_initiated_event_id: parent
                .as_ref()
                .map_or(0, |parent| event_id_out(parent.initiated_event_id)),
            parent_workflow_execution: parent.as_ref().and_then(|parent| run(&parent.execution)),
            root_workflow_execution: started.root.as_ref().and_then(run),
            retry_policy: started.retry_policy.map(recorded_policy_out),
            attempt: attempt_out(started.attempt),
            workflow_execution_expiration_time: started.execution_expiration_time.map(time_out),
            first_workflow_task_backoff: Some(duration_out(started.first_workflow_task_backoff)),
            memo: wire.memo_out(started.memo)?,
            search_attributes: search_attributes_out(started.search_attributes),
            priority: priority_out(started.priority),
            cron_schedule: started.cron_schedule.map(String::from).unwrap_or_default(),
            ..Default::default()
        })
    }

    pub(super) fn continued_as_new(
        self,
        new_run_id: RunId,
        next: ContinueAsNewWorkflowExecution,
        completed: EventId,
    ) -> Wired<proto::WorkflowExecutionContinuedAsNewEventAttributes> {
        Ok(proto::WorkflowExecutionContinuedAsNewEventAttributes {
            new_execution_run_id: text(Some(new_run_id)),
            workflow_type: workflow_type(next.workflow_type),
            task_queue: normal_queue(next.task_queue),
            input: self.wire.payloads_out(next.input)?,
            header: self.wire.header_out(next.header)?,
            workflow_run_timeout: timeout_out(next.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(next.timeouts.task_timeout),
            workflow_task_completed_event_id: event_id_out(completed),
            // Nothing at all is inherited, and is not the same as nothing in it.
            memo: match next.memo {
                Some(memo) => Some(self.wire.memo_out(memo)?.unwrap_or_default()),
                None => None,
            },
            search_attributes: next
                .search_attributes
                .map(|attributes| search_attributes_out(attributes).unwrap_or_default()),
            ..Default::default()
        })
    }

    pub(super) fn scheduled(
        self,
        activity: ScheduleActivityTask,
        completed: EventId,
    ) -> Wired<proto::ActivityTaskScheduledEventAttributes> {
        let timeouts = activity.timeouts;
        Ok(proto::ActivityTaskScheduledEventAttributes {
            activity_id: text(Some(activity.activity_id)),
            activity_type: Some(common::ActivityType {
                name: text(Some(activity.activity_type)),
            }),
            task_queue: normal_queue(activity.task_queue),
            input: self.wire.payloads_out(activity.input)?,
            header: self.wire.header_out(activity.header)?,
            schedule_to_close_timeout: timeout_out(timeouts.schedule_to_close_timeout),
            schedule_to_start_timeout: timeout_out(timeouts.schedule_to_start_timeout),
            start_to_close_timeout: timeout_out(timeouts.start_to_close_timeout),
            heartbeat_timeout: timeout_out(timeouts.heartbeat_timeout),
            retry_policy: activity.retry_policy.map(recorded_policy_out),
            priority: priority_out(activity.priority),
            workflow_task_completed_event_id: event_id_out(completed),
            ..Default::default()
        })
    }

    pub(super) fn child_initiated(
        self,
        child: StartChildWorkflowExecution,
        completed: EventId,
    ) -> Wired<proto::StartChildWorkflowExecutionInitiatedEventAttributes> {
        let home = self.home.clone();
        Ok(proto::StartChildWorkflowExecutionInitiatedEventAttributes {
            namespace: home.namespace,
            namespace_id: home.namespace_id,
            workflow_id: text(Some(child.workflow_id)),
            workflow_type: workflow_type(child.workflow_type),
            task_queue: normal_queue(child.task_queue),
            input: self.wire.payloads_out(child.input)?,
            header: self.wire.header_out(child.header)?,
            workflow_execution_timeout: timeout_out(child.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(child.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(child.timeouts.task_timeout),
            parent_close_policy: PARENT_CLOSE_POLICIES.number(child.parent_close_policy),
            workflow_id_reuse_policy: REUSE_POLICIES.number(child.workflow_id_reuse_policy),
            retry_policy: child.retry_policy.map(recorded_policy_out),
            memo: self.wire.memo_out(child.memo)?,
            search_attributes: search_attributes_out(child.search_attributes),
            priority: priority_out(child.priority),
            cron_schedule: child.cron_schedule.map(String::from).unwrap_or_default(),
            workflow_task_completed_event_id: event_id_out(completed),
            ..Default::default()
        })
    }

    pub(super) fn marker(
        self,
        marker: RecordMarker,
        completed: EventId,
    ) -> Wired<proto::MarkerRecordedEventAttributes> {
        let details = self
            .wire
            .marker_details_out(&marker.marker_name, marker.details)?;
        Ok(proto::MarkerRecordedEventAttributes {
            marker_name: marker.marker_name,
            details,
            workflow_task_completed_event_id: event_id_out(completed),
            header: None,
            failure: self.wire.optional_failure_out(marker.failure)?,
        })
    }

    pub(super) fn signal_initiated(
        self,
        signal: SignalExternalWorkflowExecution,
        completed: EventId,
    ) -> Wired<proto::SignalExternalWorkflowExecutionInitiatedEventAttributes> {
        let target = self.target_home(signal.namespace);
        Ok(
            proto::SignalExternalWorkflowExecutionInitiatedEventAttributes {
                namespace: target.namespace,
                namespace_id: target.namespace_id,
                workflow_execution: execution_out(&signal.workflow_id, signal.run_id.as_ref()),
                signal_name: text(Some(signal.signal_name)),
                input: self.wire.payloads_out(signal.input)?,
                header: self.wire.header_out(signal.header)?,
                child_workflow_only: signal.child_workflow_only,
                workflow_task_completed_event_id: event_id_out(completed),
                ..Default::default()
            },
        )
    }

    pub(super) fn cancel_initiated(
        self,
        cancel: RequestCancelExternalWorkflowExecution,
        completed: EventId,
    ) -> proto::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        let target = self.target_home(cancel.namespace);
        proto::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
            namespace: target.namespace,
            namespace_id: target.namespace_id,
            workflow_execution: execution_out(&cancel.workflow_id, cancel.run_id.as_ref()),
            child_workflow_only: cancel.child_workflow_only,
            reason: cancel.reason,
            workflow_task_completed_event_id: event_id_out(completed),
            ..Default::default()
        }
    }

    /// Where a target lives. A service records the name that it was told, if any; only of this namespace is the id known.
    fn target_home(self, namespace: Option<Namespace>) -> Home {
        let is_here = namespace
            .as_ref()
            .is_none_or(|namespace| namespace.as_str() == self.home.namespace);
        Home {
            namespace: text(namespace),
            namespace_id: match is_here {
                true => self.home.namespace_id.clone(),
                false => String::new(),
            },
        }
    }
}
