//! Starting executions.

use std::sync::Arc;

use temporalio_protos::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    workflowservice::v1::{
        SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
        StartWorkflowExecutionRequest, StartWorkflowExecutionResponse,
    },
};

use crate::{api::Api, method::Reply, refusal::status_of};

pub(super) async fn start(
    api: Arc<Api>,
    request: StartWorkflowExecutionRequest,
) -> Reply<StartWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let start = api.wire.start_in(request, Api::new_id).map_err(status_of)?;
    let started = api.engine.start_workflow(start).await.map_err(status_of)?;
    Ok(StartWorkflowExecutionResponse {
        run_id: started.run_id.as_str().to_owned(),
        started: started.started,
        status: WorkflowExecutionStatus::Running.into(),
        ..StartWorkflowExecutionResponse::default()
    })
}

pub(super) async fn signal_with_start(
    api: Arc<Api>,
    request: SignalWithStartWorkflowExecutionRequest,
) -> Reply<SignalWithStartWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let (start, signal) = api
        .wire
        .signal_with_start_in(request, Api::new_id)
        .map_err(status_of)?;
    let started = api
        .engine
        .signal_with_start_workflow(start, signal)
        .await
        .map_err(status_of)?;
    Ok(SignalWithStartWorkflowExecutionResponse {
        run_id: started.run_id.as_str().to_owned(),
        started: started.started,
        ..SignalWithStartWorkflowExecutionResponse::default()
    })
}
