//! Starting executions.

use std::sync::Arc;

use steadfast_core::event::ExecutionStatus;
use steadfast_engine::StartedWorkflow;
use steadfast_wire::status_out;
use temporalio_protos::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
    StartWorkflowExecutionRequest, StartWorkflowExecutionResponse,
};

use crate::{api::Api, method::Reply, refusal::status_of};

pub(super) async fn start(
    api: Arc<Api>,
    request: StartWorkflowExecutionRequest,
) -> Reply<StartWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let start = api.wire.start_in(request, Api::new_id).map_err(status_of)?;
    let started = api.engine.start_workflow(start).await.map_err(status_of)?;
    Ok(start_out(&started, ExecutionStatus::Running))
}

pub(super) fn start_out(
    started: &StartedWorkflow,
    status: ExecutionStatus,
) -> StartWorkflowExecutionResponse {
    StartWorkflowExecutionResponse {
        run_id: started.run_id.as_str().to_owned(),
        // One that was found may not be the first of its chain.
        first_execution_run_id: match started.started {
            true => started.run_id.as_str().to_owned(),
            false => String::new(),
        },
        started: started.started,
        status: status_out(status),
        ..StartWorkflowExecutionResponse::default()
    }
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
