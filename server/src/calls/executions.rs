//! Where executions stand, and which there are.

use std::sync::Arc;

use steadfast_core::ids::EventId;
use steadfast_engine::{
    ExecutionRef, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
};
use steadfast_wire::{Wired, requests, values::search_attribute_out};
use temporalio_protos::temporal::api::{
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{self as proto, count_workflow_executions_response::AggregationGroup},
};

use crate::{api::Api, attribute_types::name_types, method::Reply, refusal::status_of};

/// How many executions a page has if nobody says, and at most, as on a service.
pub(super) const PAGE: usize = 1_000;

pub(super) async fn describe(
    api: Arc<Api>,
    request: proto::DescribeWorkflowExecutionRequest,
) -> Reply<proto::DescribeWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let execution = requests::execution_in(request.execution).map_err(status_of)?;
    let described = api.describe(execution).await?;
    let first = api
        .engine
        .workflow_history(HistoryRequest {
            execution: ExecutionRef::run(described.execution.clone()),
            from: EventId(1),
            page_size: 1,
            wait: HistoryWait::No,
        })
        .await
        .map_err(status_of)?;
    let mut told = api
        .wire
        .describe_out(described, first.events.first(), &api.home)
        .map_err(status_of)?;
    name_types_of(&api, told.workflow_execution_info.iter_mut()).await?;
    Ok(told)
}

pub(super) async fn list(
    api: Arc<Api>,
    request: proto::ListWorkflowExecutionsRequest,
) -> Reply<proto::ListWorkflowExecutionsResponse> {
    api.check_namespace(&request.namespace)?;
    let size = usize::try_from(request.page_size).unwrap_or_default();
    let page = api
        .engine
        .list_workflows(ListWorkflowsRequest {
            filter: ListFilter::from(request.query),
            page_size: if size == 0 { PAGE } else { size.min(PAGE) },
            next_page_token: Some(request.next_page_token).filter(|token| !token.is_empty()),
        })
        .await
        .map_err(status_of)?;
    let executions = page.executions.into_iter();
    let executions = executions.map(|described| api.wire.info_out(described, &api.home));
    let mut executions: Vec<_> = executions.collect::<Wired<_>>().map_err(status_of)?;
    name_types_of(&api, executions.iter_mut()).await?;
    Ok(proto::ListWorkflowExecutionsResponse {
        executions,
        next_page_token: page.next_page_token.unwrap_or_default(),
    })
}

async fn name_types_of(
    api: &Api,
    executions: impl Iterator<Item = &mut WorkflowExecutionInfo>,
) -> Reply<()> {
    let values = executions.filter_map(|info| info.search_attributes.as_mut());
    name_types(api, values.collect()).await
}

pub(super) async fn count(
    api: Arc<Api>,
    request: proto::CountWorkflowExecutionsRequest,
) -> Reply<proto::CountWorkflowExecutionsResponse> {
    api.check_namespace(&request.namespace)?;
    let filter = ListFilter::from(request.query);
    let counted = api
        .engine
        .count_workflow_groups(filter)
        .await
        .map_err(status_of)?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let groups = counted.groups.into_iter().map(|group| AggregationGroup {
        group_values: vec![search_attribute_out(group.value)],
        count: number(group.count),
    });
    Ok(proto::CountWorkflowExecutionsResponse {
        count: number(counted.count),
        groups: groups.collect(),
    })
}

/// The same as a list here; a service makes it cheaper.
pub(super) async fn scan(
    api: Arc<Api>,
    request: proto::ScanWorkflowExecutionsRequest,
) -> Reply<proto::ScanWorkflowExecutionsResponse> {
    let listed = list(
        api,
        proto::ListWorkflowExecutionsRequest {
            namespace: request.namespace,
            page_size: request.page_size,
            next_page_token: request.next_page_token,
            query: request.query,
        },
    );
    let listed = listed.await?;
    Ok(proto::ScanWorkflowExecutionsResponse {
        executions: listed.executions,
        next_page_token: listed.next_page_token,
    })
}
