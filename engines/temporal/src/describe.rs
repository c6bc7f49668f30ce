//! Says where executions stand.

use steadfast_core::{
    failure::{Failure, TimeoutType},
    ids::WorkflowExecution,
};
use steadfast_engine::{EngineError, ExecutionRef, PendingWorkflowTask, WorkflowDescription};
use steadfast_wire::{
    Wired, pending_child_in,
    values::{attempt, execution_out, lacks, optional_id, optional_time, time_in},
};
use temporalio_protos::temporal::api::{
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryReverseRequest,
    },
};

use super::{
    Connection,
    client::{current, send},
    service::Patience,
    status::error_of,
};

/// So many of the last events are looked through for the failure of a workflow task.
const LAST_EVENTS: i32 = 20;

impl Connection {
    pub(super) async fn describe_workflow(
        &self,
        execution: ExecutionRef,
    ) -> Result<WorkflowDescription, EngineError> {
        let described = self.describe(current(&execution)).await?;
        match &execution.first_execution_run_id {
            // Another chain has the id today.
            Some(first) if described.first_execution_run_id != *first => {
                self.describe(execution_out(&execution.workflow_id, Some(first)))
                    .await
            }
            _ => Ok(described),
        }
    }

    async fn describe(
        &self,
        execution: Option<temporalio_protos::temporal::api::common::v1::WorkflowExecution>,
    ) -> Result<WorkflowDescription, EngineError> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: self.namespace(),
            execution,
        };
        let answer = send!(self, describe_workflow_execution, request)
            .map_err(|status| error_of(&status))?;
        let info = answer.workflow_execution_info;
        let mut description = self
            .wire
            .description_in(info.ok_or_else(|| lacks("execution's description"))?)?;
        let extended = answer.workflow_extended_info.unwrap_or_default();
        description.cancel_requested = extended.cancel_requested;
        description.reset_run_id = optional_id(&extended.reset_run_id)?;
        let config = answer.execution_config.unwrap_or_default();
        description.user_metadata = self.wire.user_metadata_in(config.user_metadata)?;
        let activities = answer.pending_activities.into_iter();
        description.pending_activities = activities
            .map(|activity| self.wire.pending_activity_in(activity))
            .collect::<Wired<_>>()?;
        let children = answer.pending_children.iter();
        description.pending_children = children.map(pending_child_in).collect::<Wired<_>>()?;
        if let Some(task) = answer.pending_workflow_task {
            let attempt = attempt(task.attempt);
            let last_failure = if attempt > 1 {
                self.last_task_failure(&description.execution).await
            } else {
                None
            };
            description.pending_workflow_task = Some(PendingWorkflowTask {
                attempt,
                scheduled_time: time_in(task.scheduled_time),
                started_time: optional_time(task.started_time),
                next_attempt_time: None,
                worker: None,
                last_failure,
            });
        }
        Ok(description)
    }

    /// Why the workflow task of a run failed last: history has the first failure of those in a row.
    async fn last_task_failure(&self, execution: &WorkflowExecution) -> Option<Failure> {
        let request = GetWorkflowExecutionHistoryReverseRequest {
            namespace: self.namespace(),
            execution: execution_out(&execution.workflow_id, Some(&execution.run_id)),
            maximum_page_size: LAST_EVENTS,
            ..GetWorkflowExecutionHistoryReverseRequest::default()
        };
        let page = send!(self, get_workflow_execution_history_reverse, request).ok()?;
        let events = page.history.unwrap_or_default().events;
        events
            .into_iter()
            .find_map(|event| match event.attributes? {
                Attributes::WorkflowTaskFailedEventAttributes(failed) => {
                    self.wire.optional_failure_in(failed.failure).ok()?
                }
                Attributes::WorkflowTaskTimedOutEventAttributes(_) => Some(Failure::timeout(
                    "the worker did not answer the workflow task in time",
                    TimeoutType::StartToClose,
                )),
                _ => None,
            })
    }
}
