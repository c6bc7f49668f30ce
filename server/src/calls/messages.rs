//! What is said to executions, and what ends them from outside.

use std::sync::Arc;

use steadfast_wire::requests;
use temporalio_protos::temporal::api::workflowservice::v1 as proto;

use crate::{api::Api, method::Reply, refusal::status_of};

pub(super) async fn signal(
    api: Arc<Api>,
    request: proto::SignalWorkflowExecutionRequest,
) -> Reply<proto::SignalWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let signal = api
        .wire
        .signal_in(request, Api::new_id)
        .map_err(status_of)?;
    api.engine
        .signal_workflow(signal)
        .await
        .map_err(status_of)?;
    Ok(proto::SignalWorkflowExecutionResponse::default())
}

pub(super) async fn request_cancel(
    api: Arc<Api>,
    request: proto::RequestCancelWorkflowExecutionRequest,
) -> Reply<proto::RequestCancelWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let cancel = requests::cancel_in(request, Api::new_id).map_err(status_of)?;
    api.engine
        .request_cancel_workflow(cancel)
        .await
        .map_err(status_of)?;
    Ok(proto::RequestCancelWorkflowExecutionResponse::default())
}

pub(super) async fn terminate(
    api: Arc<Api>,
    request: proto::TerminateWorkflowExecutionRequest,
) -> Reply<proto::TerminateWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let terminate = api.wire.terminate_in(request).map_err(status_of)?;
    api.engine
        .terminate_workflow(terminate)
        .await
        .map_err(status_of)?;
    Ok(proto::TerminateWorkflowExecutionResponse::default())
}

pub(super) async fn reset(
    api: Arc<Api>,
    request: proto::ResetWorkflowExecutionRequest,
) -> Reply<proto::ResetWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let reset = requests::reset_in(request).map_err(status_of)?;
    let run_id = api.engine.reset_workflow(reset).await.map_err(status_of)?;
    Ok(proto::ResetWorkflowExecutionResponse {
        run_id: run_id.as_str().to_owned(),
    })
}

pub(super) async fn delete(
    api: Arc<Api>,
    request: proto::DeleteWorkflowExecutionRequest,
) -> Reply<proto::DeleteWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let execution = requests::delete_in(request).map_err(status_of)?;
    api.engine
        .delete_workflow(execution)
        .await
        .map_err(status_of)?;
    Ok(proto::DeleteWorkflowExecutionResponse::default())
}
