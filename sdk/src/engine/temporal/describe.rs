//! Says where executions stand, and finds them.

use steadfast_core::{event::ExecutionStatus, ids::RunId, payload::Payload, time::Timestamp};
use temporalio_protos::temporal::api::{
    enums::v1::{
        PendingActivityState as ProtoActivityState, WorkflowExecutionStatus as ProtoStatus,
    },
    workflow::v1 as workflow,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, DescribeWorkflowExecutionRequest,
        ListWorkflowExecutionsRequest,
    },
};

use super::{
    Connection,
    client::{current, send},
    service::Patience,
    status::error_of,
    wire::{
        Wired, attempt, count, execution_in, execution_out, id, lacks, optional_execution,
        optional_id, optional_time, search_attributes_in, time_in, type_name,
    },
};
use crate::engine::{
    EngineError, ExecutionRef, ListFilter, ListWorkflowsRequest, PendingActivity,
    PendingActivityState, WorkflowDescription, WorkflowPage,
};

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
            .filter(|child| !child.run_id.is_empty())
            .map(|child| {
                Ok(steadfast_core::ids::WorkflowExecution {
                    workflow_id: id(&child.workflow_id)?,
                    run_id: id(&child.run_id)?,
                })
            })
            .collect::<Wired<_>>()?;
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
            pending_activities: Vec::new(),
            pending_children: Vec::new(),
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
