//! A start and an update in one step.

use std::{sync::Arc, time::Duration};

use steadfast_core::{event::ExecutionStatus, ids::WorkflowId, time::Timestamp};
use steadfast_engine::{
    EngineError, ExecutionRef, StartedWorkflow, UpdateStage, UpdateWithStartReply,
    WorkflowDescription,
};
use steadfast_wire::requests::UpdateWithStart;
use temporalio_protos::temporal::api::workflowservice::v1::{
    self as proto,
    execute_multi_operation_response::{self, response::Response},
};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use super::{
    answers::{admitted, until_reached, update_out},
    start::start_out,
};
use crate::{
    api::Api,
    method::Reply,
    refusal::{operation_aborted, status_of, update_with_start_failed},
};

pub(super) async fn execute(
    api: Arc<Api>,
    request: proto::ExecuteMultiOperationRequest,
) -> Reply<proto::ExecuteMultiOperationResponse> {
    api.check_namespace(&request.namespace)?;
    let deadline = Instant::now() + api.long_poll;
    let since = api.engine.now();
    let operations = api
        .wire
        .update_with_start_in(request, Api::new_id, Duration::MAX)
        .map_err(status_of)?;
    let (start, mut update) = match operations {
        UpdateWithStart {
            start: Ok(start),
            update: Ok(update),
        } => (start, update),
        UpdateWithStart { start, update } => {
            let [start, update] = [start.err(), update.err()].map(|error| error.map(status_of));
            return Err(failed(
                start.as_ref(),
                update.as_ref(),
                &operation_aborted(),
            ));
        }
    };
    let (update_id, wanted) = (update.update_id.clone(), update.wait_for);
    let workflow_id = start.workflow_id.clone();
    // How far it has come is told when time is up, so the two steps are waited for one after the other.
    update.wait_for = UpdateStage::Accepted;
    let accepting = api.engine.update_with_start_workflow(start, update);
    let (started, mut update) = match timeout_at(deadline, accepting).await {
        Ok(Ok(UpdateWithStartReply { started, update })) => (started, update),
        Ok(Err(error)) => return Err(refused(&api, error, &workflow_id, since).await),
        // Nobody has taken it yet. Whoever asks again with the same ids waits for the same update.
        Err(_) => {
            let described = api.describe(ExecutionRef::current(workflow_id)).await?;
            let started = StartedWorkflow {
                run_id: described.execution.run_id.clone(),
                started: is_new(&described, since),
            };
            (started, admitted(described.execution))
        }
    };
    if update.stage >= UpdateStage::Accepted {
        update = until_reached(&api, update, &update_id, wanted, deadline).await?;
    }
    let mut status = ExecutionStatus::Running;
    if !started.started && update.stage == UpdateStage::Completed {
        // What was asked before has its outcome also when its run is closed.
        let run = ExecutionRef::run(update.execution.clone());
        status = api.describe(run).await?.status;
    }
    let responses = [
        Response::StartWorkflow(start_out(&started, status)),
        Response::UpdateWorkflow(update_out(&api, update, &update_id)?),
    ];
    let responses = responses.map(|response| execute_multi_operation_response::Response {
        response: Some(response),
    });
    Ok(proto::ExecuteMultiOperationResponse {
        responses: responses.into(),
    })
}

/// Whether a run was started after a request came.
fn is_new(run: &WorkflowDescription, since: Timestamp) -> bool {
    run.start_time >= since
}

/// Which of the two an engine refused, and what became of the other one.
async fn refused(
    api: &Api,
    error: EngineError,
    workflow_id: &WorkflowId,
    since: Timestamp,
) -> Status {
    let is_of_update = matches!(
        error,
        EngineError::NotFound { .. } | EngineError::Unanswered { .. } | EngineError::Failed(_)
    );
    let status = status_of(error);
    if !is_of_update {
        return failed(Some(&status), None, &operation_aborted());
    }
    let target = ExecutionRef::current(workflow_id.clone());
    let started = match api.describe(target).await {
        Ok(described) if is_new(&described, since) => Status::new(Code::Ok, ""),
        Ok(_) | Err(_) => operation_aborted(),
    };
    failed(None, Some(&status), &started)
}

/// What is said of both operations: one that did not fail ended otherwise.
fn failed(start: Option<&Status>, update: Option<&Status>, otherwise: &Status) -> Status {
    let first = start.or(update).unwrap_or(otherwise);
    update_with_start_failed(
        first,
        [start.unwrap_or(otherwise), update.unwrap_or(otherwise)],
    )
}
