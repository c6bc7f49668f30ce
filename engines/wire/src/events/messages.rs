//! The attributes that are commands, and the first event: the largest of them.

use std::collections::{BTreeMap, HashMap};

use steadfast_core::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::{ParentExecution, WorkflowExecutionStarted},
    ids::RunId,
    options::WorkflowTimeouts,
    payload::Payload,
};
use steadfast_engine::spelling::{
    enums::{INITIATORS, PARENT_CLOSE_POLICIES, REUSE_POLICIES},
    markers,
};
use temporalio_protos::temporal::api::{common::v1::Payloads, history::v1 as proto};

use crate::values::{
    Wire, Wired, activity_timeouts, attempt, cron_schedule, duration_in, event_id, id,
    optional_execution, optional_id, optional_time, priority_in, queue_name, retry_policy_in,
    search_attributes_in, target, timeout_in, type_name,
};

impl Wire {
    pub(super) fn started_in(
        &self,
        a: proto::WorkflowExecutionStartedEventAttributes,
    ) -> Wired<WorkflowExecutionStarted> {
        let original: RunId = id(&a.original_execution_run_id)?;
        let first: Option<RunId> = optional_id(&a.first_execution_run_id)?;
        let initiated_event_id = event_id(a.parent_initiated_event_id);
        let parent = optional_execution(a.parent_workflow_execution)?;
        Ok(WorkflowExecutionStarted {
            workflow_id: id(&a.workflow_id)?,
            workflow_type: id(&type_name(a.workflow_type))?,
            task_queue: queue_name(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: timeout_in(a.workflow_execution_timeout),
                run_timeout: timeout_in(a.workflow_run_timeout),
                task_timeout: timeout_in(a.workflow_task_timeout),
            },
            identity: optional_id(&a.identity)?,
            first_execution_run_id: first.unwrap_or_else(|| original.clone()),
            original_execution_run_id: original,
            continued_execution_run_id: optional_id(&a.continued_execution_run_id)?,
            initiator: INITIATORS.of_number(a.initiator),
            continued_failure: self.optional_failure_in(a.continued_failure)?,
            last_completion_result: self.single_in(a.last_completion_result)?,
            parent: parent.map(|execution| ParentExecution {
                execution,
                initiated_event_id,
            }),
            root: optional_execution(a.root_workflow_execution)?,
            retry_policy: retry_policy_in(a.retry_policy),
            attempt: attempt(a.attempt),
            execution_expiration_time: optional_time(a.workflow_execution_expiration_time),
            first_workflow_task_backoff: duration_in(a.first_workflow_task_backoff),
            memo: self.memo_in(a.memo)?,
            search_attributes: search_attributes_in(a.search_attributes),
            user_metadata: None,
            priority: priority_in(a.priority),
            cron_schedule: cron_schedule(&a.cron_schedule),
        })
    }

    pub(super) fn continue_as_new_in(
        &self,
        a: proto::WorkflowExecutionContinuedAsNewEventAttributes,
    ) -> Wired<ContinueAsNewWorkflowExecution> {
        Ok(ContinueAsNewWorkflowExecution {
            workflow_type: id(&type_name(a.workflow_type))?,
            task_queue: queue_name(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: None,
                run_timeout: timeout_in(a.workflow_run_timeout),
                task_timeout: timeout_in(a.workflow_task_timeout),
            },
            retry_policy: None,
            memo: match a.memo {
                Some(memo) => Some(self.memo_in(Some(memo))?),
                None => None,
            },
            search_attributes: a
                .search_attributes
                .map(|attributes| search_attributes_in(Some(attributes))),
        })
    }

    pub(super) fn activity_in(
        &self,
        a: proto::ActivityTaskScheduledEventAttributes,
    ) -> Wired<ScheduleActivityTask> {
        Ok(ScheduleActivityTask {
            activity_id: id(&a.activity_id)?,
            activity_type: id(&a.activity_type.unwrap_or_default().name)?,
            task_queue: queue_name(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: activity_timeouts(
                a.schedule_to_close_timeout,
                a.schedule_to_start_timeout,
                a.start_to_close_timeout,
                a.heartbeat_timeout,
            ),
            retry_policy: retry_policy_in(a.retry_policy),
            user_metadata: None,
            priority: priority_in(a.priority),
        })
    }

    pub(super) fn child_in(
        &self,
        a: proto::StartChildWorkflowExecutionInitiatedEventAttributes,
    ) -> Wired<StartChildWorkflowExecution> {
        Ok(StartChildWorkflowExecution {
            workflow_id: id(&a.workflow_id)?,
            workflow_type: id(&type_name(a.workflow_type))?,
            task_queue: queue_name(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: timeout_in(a.workflow_execution_timeout),
                run_timeout: timeout_in(a.workflow_run_timeout),
                task_timeout: timeout_in(a.workflow_task_timeout),
            },
            parent_close_policy: PARENT_CLOSE_POLICIES
                .of_number(a.parent_close_policy)
                .unwrap_or_default(),
            workflow_id_reuse_policy: REUSE_POLICIES
                .of_number(a.workflow_id_reuse_policy)
                .unwrap_or_default(),
            retry_policy: retry_policy_in(a.retry_policy),
            memo: self.memo_in(a.memo)?,
            search_attributes: search_attributes_in(a.search_attributes),
            user_metadata: None,
            priority: priority_in(a.priority),
            cron_schedule: cron_schedule(&a.cron_schedule),
        })
    }

    pub(super) fn marker_in(&self, a: proto::MarkerRecordedEventAttributes) -> Wired<RecordMarker> {
        Ok(RecordMarker {
            details: self.marker_details_in(&a.marker_name, a.details)?,
            marker_name: a.marker_name,
            failure: self.optional_failure_in(a.failure)?,
            user_metadata: None,
        })
    }

    /// The values of a marker in the form of a run.
    pub(crate) fn marker_details_in(
        &self,
        name: &str,
        details: HashMap<String, Payloads>,
    ) -> Wired<BTreeMap<String, Vec<Payload>>> {
        let plain = markers::data_key(name);
        let details = details.into_iter().map(|(key, payloads)| {
            let payloads = match plain == Some(key.as_str()) {
                true => Self::default().payloads_in(Some(payloads)),
                false => self.payloads_in(Some(payloads)),
            };
            Ok((key, payloads?))
        });
        let details = details.collect::<Wired<_>>()?;
        Ok(markers::details_in(name, details))
    }

    pub(super) fn external_signal_in(
        &self,
        a: proto::SignalExternalWorkflowExecutionInitiatedEventAttributes,
    ) -> Wired<SignalExternalWorkflowExecution> {
        let (workflow_id, run_id) = target(a.workflow_execution)?;
        Ok(SignalExternalWorkflowExecution {
            namespace: optional_id(&a.namespace)?,
            workflow_id,
            run_id,
            signal_name: id(&a.signal_name)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            child_workflow_only: a.child_workflow_only,
        })
    }
}

pub(super) fn external_cancel_in(
    a: proto::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) -> Wired<RequestCancelExternalWorkflowExecution> {
    let (workflow_id, run_id) = target(a.workflow_execution)?;
    Ok(RequestCancelExternalWorkflowExecution {
        namespace: optional_id(&a.namespace)?,
        workflow_id,
        run_id,
        child_workflow_only: a.child_workflow_only,
        reason: a.reason,
    })
}
