//! What workers answer: queries and updates.

use std::{sync::Arc, time::Duration};

use steadfast_core::{
    event::ExecutionStatus,
    failure::Failure,
    ids::{UpdateId, WorkflowExecution},
    payload::Payload,
};
use steadfast_engine::{ExecutionRef, PollUpdateRequest, UpdateReply, UpdateStage};
use steadfast_wire::{requests, status_out, update_stage_out};
use temporalio_protos::temporal::api::{
    common::v1 as common, enums::v1::QueryRejectCondition, query::v1::QueryRejected,
    update::v1 as update, workflowservice::v1 as proto,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    api::Api,
    method::Reply,
    refusal::{status_of, workflow_not_ready},
};

pub(super) async fn query(
    api: Arc<Api>,
    request: proto::QueryWorkflowRequest,
) -> Reply<proto::QueryWorkflowResponse> {
    api.check_namespace(&request.namespace)?;
    let condition = request.query_reject_condition();
    if !matches!(
        condition,
        QueryRejectCondition::Unspecified | QueryRejectCondition::None
    ) {
        let execution = requests::execution_in(request.execution.clone()).map_err(status_of)?;
        let status = api.describe(execution).await?.status;
        if is_rejected(condition, status) {
            let status = status_out(status);
            return Ok(proto::QueryWorkflowResponse {
                query_rejected: Some(QueryRejected { status }),
                ..proto::QueryWorkflowResponse::default()
            });
        }
    }
    let query = api
        .wire
        .query_in(request, api.long_poll)
        .map_err(status_of)?;
    let described = api.describe(query.execution.clone()).await?;
    if described.history_length == 1 && described.pending_workflow_task.is_none() {
        // It waits for its first task, as a delayed one does: no worker will know it before.
        return Err(workflow_not_ready());
    }
    let answer = api.engine.query_workflow(query).await.map_err(status_of)?;
    Ok(proto::QueryWorkflowResponse {
        query_result: api.wire.single_out(Some(answer)).map_err(status_of)?,
        ..proto::QueryWorkflowResponse::default()
    })
}

/// Whether nobody wants an answer from an execution that stands there.
fn is_rejected(condition: QueryRejectCondition, status: ExecutionStatus) -> bool {
    let ended_well = matches!(
        status,
        ExecutionStatus::Running | ExecutionStatus::Completed | ExecutionStatus::ContinuedAsNew
    );
    match condition {
        QueryRejectCondition::NotOpen => status != ExecutionStatus::Running,
        QueryRejectCondition::NotCompletedCleanly => !ended_well,
        _ => false,
    }
}

pub(super) async fn update(
    api: Arc<Api>,
    request: proto::UpdateWorkflowExecutionRequest,
) -> Reply<proto::UpdateWorkflowExecutionResponse> {
    api.check_namespace(&request.namespace)?;
    let deadline = Instant::now() + api.long_poll;
    let mut update = api
        .wire
        .update_in(request, Api::new_id, Duration::MAX)
        .map_err(status_of)?;
    let wanted = update.wait_for;
    // How far it has come is told when time is up, so the two steps are waited for one after the other.
    update.wait_for = UpdateStage::Accepted;
    let update_id = update.update_id.clone();
    let accepting = api.engine.update_workflow(update.clone());
    let reply = match timeout_at(deadline, accepting).await {
        Ok(reply) => reply.map_err(status_of)?,
        // Nobody has taken it yet. Whoever asks again with the same id waits for the same update.
        Err(_) => {
            let execution = api.describe(update.execution).await?.execution;
            return update_out(&api, admitted(execution), &update_id);
        }
    };
    let reply = until_reached(&api, reply, &update_id, wanted, deadline).await?;
    update_out(&api, reply, &update_id)
}

/// Waits until an update has come as far as is wanted, and tells how far it has come when time is up.
pub(super) async fn until_reached(
    api: &Api,
    reply: UpdateReply,
    update_id: &UpdateId,
    wanted: UpdateStage,
    deadline: Instant,
) -> Reply<UpdateReply> {
    if reply.stage >= wanted {
        return Ok(reply);
    }
    let reached = api.engine.poll_update(PollUpdateRequest {
        execution: ExecutionRef::run(reply.execution.clone()),
        update_id: update_id.clone(),
        wait_for: wanted,
    });
    match timeout_at(deadline, reached).await {
        Ok(reached) => reached.map_err(status_of),
        Err(_) => Ok(reply),
    }
}

/// What is said of an update that nobody has accepted when time is up.
pub(super) fn admitted(execution: WorkflowExecution) -> UpdateReply {
    UpdateReply {
        execution,
        stage: UpdateStage::Admitted,
        outcome: None,
    }
}

pub(super) async fn poll_update(
    api: Arc<Api>,
    request: proto::PollWorkflowExecutionUpdateRequest,
) -> Reply<proto::PollWorkflowExecutionUpdateResponse> {
    api.check_namespace(&request.namespace)?;
    let deadline = Instant::now() + api.long_poll;
    let mut poll = requests::poll_update_in(request).map_err(status_of)?;
    let (update_id, wanted) = (poll.update_id.clone(), poll.wait_for);
    // Without a wait first: how far it has come is told when time is up.
    poll.wait_for = UpdateStage::Admitted;
    let mut reply = api
        .engine
        .poll_update(poll.clone())
        .await
        .map_err(status_of)?;
    for stage in [UpdateStage::Accepted, UpdateStage::Completed] {
        if stage <= wanted {
            reply = until_reached(&api, reply, &update_id, stage, deadline).await?;
        }
    }
    Ok(proto::PollWorkflowExecutionUpdateResponse {
        stage: update_stage_out(reply.stage).into(),
        outcome: outcome_out(&api, reply.outcome)?,
        update_ref: Some(reference(&reply.execution, &update_id)),
    })
}

pub(super) fn update_out(
    api: &Api,
    reply: UpdateReply,
    update_id: &UpdateId,
) -> Reply<proto::UpdateWorkflowExecutionResponse> {
    Ok(proto::UpdateWorkflowExecutionResponse {
        update_ref: Some(reference(&reply.execution, update_id)),
        stage: update_stage_out(reply.stage).into(),
        outcome: outcome_out(api, reply.outcome)?,
        ..proto::UpdateWorkflowExecutionResponse::default()
    })
}

fn reference(execution: &WorkflowExecution, update_id: &UpdateId) -> update::UpdateRef {
    update::UpdateRef {
        workflow_execution: Some(common::WorkflowExecution {
            workflow_id: execution.workflow_id.as_str().to_owned(),
            run_id: execution.run_id.as_str().to_owned(),
        }),
        update_id: update_id.as_str().to_owned(),
    }
}

fn outcome_out(
    api: &Api,
    outcome: Option<Result<Payload, Failure>>,
) -> Reply<Option<update::Outcome>> {
    let outcome = outcome.map(|outcome| api.wire.outcome_out(outcome));
    outcome.transpose().map_err(status_of)
}
