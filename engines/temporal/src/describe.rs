//! Says where executions stand, and finds them.

use steadfast_core::{
    event::ExecutionStatus,
    failure::{Failure, TimeoutType},
    ids::{RunId, WorkflowExecution},
    options::ParentClosePolicy,
    payload::Payload,
    time::Timestamp,
};
use steadfast_engine::{
    EngineError, ExecutionRef, ListFilter, ListWorkflowsRequest, PendingActivity,
    PendingActivityState, PendingChild, PendingWorkflowTask, REPORTED_PROBLEMS,
    WorkflowDescription, WorkflowPage, spelling::enums::PARENT_CLOSE_POLICIES,
};
use steadfast_wire::{
    Wired,
    values::{
        attempt, count, execution_in, execution_out, id, lacks, optional_execution, optional_id,
        optional_time, search_attributes_in, time_in, type_name,
    },
};
use temporalio_protos::temporal::api::{
    enums::v1::{
        PendingActivityState as ProtoActivityState, WorkflowExecutionStatus as ProtoStatus,
    },
    history::v1::history_event::Attributes,
    workflow::v1 as workflow,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, DescribeWorkflowExecutionRequest,
        GetWorkflowExecutionHistoryReverseRequest, ListWorkflowExecutionsRequest,
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
        let mut description =
            self.info_in(info.ok_or_else(|| lacks("execution's description"))?)?;
        let extended = answer.workflow_extended_info.unwrap_or_default();
        description.cancel_requested = extended.cancel_requested;
        description.reset_run_id = optional_id(&extended.reset_run_id)?;
        let activities = answer.pending_activities.into_iter();
        description.pending_activities = activities
            .map(|activity| self.activity_info_in(activity))
            .collect::<Wired<_>>()?;
        let children = answer.pending_children.into_iter();
        description.pending_children = children
            .map(|child| {
                Ok(PendingChild {
                    workflow_id: id(&child.workflow_id)?,
                    run_id: optional_id(&child.run_id)?,
                    workflow_type: id(&child.workflow_type_name)?,
                    parent_close_policy: PARENT_CLOSE_POLICIES
                        .of_number(child.parent_close_policy)
                        .unwrap_or(ParentClosePolicy::Terminate),
                })
            })
            .collect::<Wired<_>>()?;
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

    fn info_in(&self, info: workflow::WorkflowExecutionInfo) -> Wired<WorkflowDescription> {
        let execution = execution_in(info.execution)?;
        let first: Option<RunId> = optional_id(&info.first_run_id)?;
        Ok(WorkflowDescription {
            first_execution_run_id: first.unwrap_or_else(|| execution.run_id.clone()),
            execution,
            workflow_type: id(&type_name(info.r#type))?,
            task_queue: id(&info.task_queue)?,
            status: status_in(info.status),
            start_time: time_in(info.start_time),
            close_time: optional_time(info.close_time),
            history_length: count(info.history_length),
            history_size_bytes: count(info.history_size_bytes),
            parent: optional_execution(info.parent_execution)?,
            reset_run_id: None,
            cancel_requested: false,
            memo: self.wire.memo_in(info.memo)?,
            search_attributes: search_attributes_in(info.search_attributes),
            pending_workflow_task: None,
            pending_activities: Vec::new(),
            pending_timers: Vec::new(),
            pending_children: Vec::new(),
        })
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

    fn activity_info_in(&self, info: workflow::PendingActivityInfo) -> Wired<PendingActivity> {
        let state = ProtoActivityState::try_from(info.state);
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
            scheduled_time: optional_time(info.scheduled_time),
            next_attempt_time: optional_time(info.next_attempt_schedule_time),
            last_started_time: optional_time(info.last_started_time),
            last_worker: optional_id(&info.last_worker_identity)?,
            last_heartbeat_time: optional_time(info.last_heartbeat_time),
            heartbeat_details: self.wire.payloads_in(info.heartbeat_details)?,
            last_failure: self.wire.optional_failure_in(info.last_failure)?,
        })
    }

    pub(super) async fn list_workflows(
        &self,
        request: ListWorkflowsRequest,
    ) -> Result<WorkflowPage, EngineError> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace(),
            page_size: i32::try_from(request.page_size).unwrap_or(i32::MAX),
            next_page_token: request.next_page_token.unwrap_or_default(),
            query: query(&request.filter)?,
        };
        let answer =
            send!(self, list_workflow_executions, request).map_err(|status| error_of(&status))?;
        let executions = answer.executions.into_iter();
        Ok(WorkflowPage {
            executions: executions
                .map(|info| self.info_in(info))
                .collect::<Wired<_>>()?,
            next_page_token: Some(answer.next_page_token).filter(|token| !token.is_empty()),
        })
    }

    pub(super) async fn count_workflows(&self, filter: ListFilter) -> Result<u64, EngineError> {
        let request = CountWorkflowExecutionsRequest {
            namespace: self.namespace(),
            query: query(&filter)?,
        };
        let answer =
            send!(self, count_workflow_executions, request).map_err(|status| error_of(&status))?;
        Ok(count(answer.count))
    }
}

/// A paused execution is open.
fn status_in(status: i32) -> ExecutionStatus {
    match ProtoStatus::try_from(status) {
        Ok(ProtoStatus::Completed) => ExecutionStatus::Completed,
        Ok(ProtoStatus::Failed) => ExecutionStatus::Failed,
        Ok(ProtoStatus::Canceled) => ExecutionStatus::Cancelled,
        Ok(ProtoStatus::Terminated) => ExecutionStatus::Terminated,
        Ok(ProtoStatus::ContinuedAsNew) => ExecutionStatus::ContinuedAsNew,
        Ok(ProtoStatus::TimedOut) => ExecutionStatus::TimedOut,
        _ => ExecutionStatus::Running,
    }
}

/// The filter in the service's query language.
fn query(filter: &ListFilter) -> Wired<String> {
    let mut conditions = Vec::new();
    if let Some(status) = filter.status {
        let name = match status {
            ExecutionStatus::Cancelled => "Canceled".to_owned(),
            status => status.to_string(),
        };
        conditions.push(format!("ExecutionStatus = '{name}'"));
    }
    if let Some(workflow_type) = &filter.workflow_type {
        conditions.push(format!("WorkflowType = {}", quoted(workflow_type.as_str())));
    }
    if let Some(workflow_id) = &filter.workflow_id {
        conditions.push(format!("WorkflowId = {}", quoted(workflow_id.as_str())));
    }
    if filter.reported_problems {
        conditions.push(format!("{REPORTED_PROBLEMS} IS NOT NULL"));
    }
    let time = |name: &str, operator: &str, time: Timestamp| format!("{name} {operator} '{time}'");
    if let Some(since) = filter.started_since {
        conditions.push(time("StartTime", ">=", since));
    }
    if let Some(before) = filter.started_before {
        conditions.push(time("StartTime", "<", before));
    }
    for (name, value) in &filter.search_attributes {
        conditions.push(format!("`{}` = {}", name.replace('`', ""), literal(value)?));
    }
    Ok(conditions.join(" AND "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn literal(value: &Payload) -> Wired<String> {
    let json: Option<serde_json::Value> = serde_json::from_slice(value.data.as_slice()).ok();
    match json {
        Some(serde_json::Value::String(text)) => Ok(quoted(&text)),
        Some(json @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
            Ok(json.to_string())
        }
        _ => Err(EngineError::invalid(
            "executions are found by search attributes that are texts, numbers or truth values",
        )),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::ids::{WorkflowId, WorkflowType};

    use super::*;

    #[test]
    fn a_filter_is_a_query_that_cannot_be_broken_out_of() {
        let filter = ListFilter {
            status: Some(ExecutionStatus::Cancelled),
            workflow_type: Some(WorkflowType::new("Order").unwrap()),
            workflow_id: Some(WorkflowId::new("a' OR 'a' = 'a").unwrap()),
            started_since: Some(Timestamp::EPOCH),
            search_attributes: [
                ("City", Payload::json(&b"\"Rome\""[..])),
                ("Rank", Payload::json(&b"7"[..])),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            ..ListFilter::default()
        };
        assert_eq!(
            query(&filter).unwrap(),
            "ExecutionStatus = 'Canceled' AND WorkflowType = 'Order' AND WorkflowId = 'a\\' OR \\'a\\' = \\'a' AND \
             StartTime >= '1970-01-01T00:00:00Z' AND `City` = 'Rome' AND `Rank` = 7"
        );
    }
}
