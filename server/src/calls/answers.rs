//! What workers answer: queries and updates.

use std::{sync::Arc, time::Duration};

use steadfast_core::{
    event::{EventKind, ExecutionStatus},
    failure::Failure,
    ids::{EventId, UpdateId, WorkflowExecution},
    payload::Payload,
};
use steadfast_engine::{ExecutionRef, HistoryRequest, HistoryWait, UpdateStage};
use steadfast_wire::{
    requests::{self, UpdatePoll},
    status_out,
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    enums::v1::{QueryRejectCondition, UpdateWorkflowExecutionLifecycleStage as Stage},
    query::v1::QueryRejected,
    update::v1 as update,
    workflowservice::v1 as proto,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    api::Api,
    method::Reply,
    refusal::{status_of, update_not_found},
};

/// So many events are read at a time.
const PAGE: usize = 1_000;

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
        let described = api.engine.describe_workflow(execution).await;
        let status = described.map_err(status_of)?.status;
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
    let (execution, update_id) = (update.execution.clone(), update.update_id.clone());
    let reply = match timeout_at(deadline, api.engine.update_workflow(update)).await {
        Ok(reply) => reply.map_err(status_of)?,
        // Nobody has taken it yet. Whoever asks again with the same id waits for the same update.
        Err(_) => {
            let described = api.engine.describe_workflow(execution).await;
            let execution = described.map_err(status_of)?.execution;
            return Ok(proto::UpdateWorkflowExecutionResponse {
                update_ref: Some(reference(&execution, &update_id)),
                stage: Stage::Admitted.into(),
                ..proto::UpdateWorkflowExecutionResponse::default()
            });
        }
    };
    let mut outcome = reply.outcome;
    if outcome.is_none() && wanted == UpdateStage::Completed {
        let known = known(&api, &reply.execution, &update_id, Some(wanted));
        outcome = match timeout_at(deadline, known).await {
            Ok(known) => known?.and_then(|known| known.outcome),
            Err(_) => None,
        };
    }
    Ok(proto::UpdateWorkflowExecutionResponse {
        update_ref: Some(reference(&reply.execution, &update_id)),
        stage: stage_of(outcome.as_ref()).into(),
        outcome: outcome_out(&api, outcome)?,
        ..proto::UpdateWorkflowExecutionResponse::default()
    })
}

pub(super) async fn poll_update(
    api: Arc<Api>,
    request: proto::PollWorkflowExecutionUpdateRequest,
) -> Reply<proto::PollWorkflowExecutionUpdateResponse> {
    api.check_namespace(&request.namespace)?;
    let UpdatePoll {
        execution,
        update_id,
        wait_for,
    } = requests::poll_update_in(request).map_err(status_of)?;
    let described = api.engine.describe_workflow(execution).await;
    let execution = described.map_err(status_of)?.execution;
    // Without a wait first: whoever polls for what never was is told so at once.
    let Some(mut found) = known(&api, &execution, &update_id, None).await? else {
        return Err(update_not_found(update_id.as_str()));
    };
    if found.outcome.is_none() && wait_for == Some(UpdateStage::Completed) {
        let more = known(&api, &execution, &update_id, wait_for);
        if let Ok(more) = timeout(api.long_poll, more).await {
            found = more?.unwrap_or(found);
        }
    }
    Ok(proto::PollWorkflowExecutionUpdateResponse {
        stage: stage_of(found.outcome.as_ref()).into(),
        outcome: outcome_out(&api, found.outcome)?,
        update_ref: Some(reference(&execution, &update_id)),
    })
}

/// An update that was accepted.
struct Known {
    outcome: Option<Result<Payload, Failure>>,
}

/// What a history knows of an update; waits for its outcome if that is wanted, or for the end of the run. `None` if it knows
/// nothing.
async fn known(
    api: &Api,
    execution: &WorkflowExecution,
    update_id: &UpdateId,
    wait_for: Option<UpdateStage>,
) -> Reply<Option<Known>> {
    let mut from = EventId(1);
    let mut found = None;
    loop {
        let wait = match wait_for {
            Some(_) => HistoryWait::NewEvent,
            None => HistoryWait::No,
        };
        let page = api.engine.workflow_history(HistoryRequest {
            execution: ExecutionRef::run(execution.clone()),
            from,
            page_size: PAGE,
            wait,
        });
        let page = page.await.map_err(status_of)?;
        let mut is_closed = page.events.is_empty();
        for event in page.events {
            from = event.event_id.next();
            is_closed |= event.kind.is_closing();
            match event.kind {
                EventKind::WorkflowExecutionUpdateAccepted { update_id: id, .. }
                    if id == *update_id =>
                {
                    found = Some(Known { outcome: None });
                }
                EventKind::WorkflowExecutionUpdateCompleted {
                    update_id: id,
                    outcome,
                    ..
                } if id == *update_id => {
                    return Ok(Some(Known {
                        outcome: Some(*outcome),
                    }));
                }
                _ => {}
            }
        }
        if is_closed && found.is_some() {
            // M3: one that was accepted and whose run ended has failed.
            return Ok(Some(Known {
                outcome: Some(Err(Failure::application(
                    "Workflow Update failed because the Workflow completed before the Update completed.",
                    "AcceptedUpdateCompletedWorkflow",
                ))),
            }));
        }
        if is_closed || (page.next.is_none() && wait_for.is_none()) {
            return Ok(found);
        }
    }
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

fn stage_of(outcome: Option<&Result<Payload, Failure>>) -> Stage {
    match outcome {
        Some(_) => Stage::Completed,
        None => Stage::Accepted,
    }
}

fn outcome_out(
    api: &Api,
    outcome: Option<Result<Payload, Failure>>,
) -> Reply<Option<update::Outcome>> {
    let outcome = outcome.map(|outcome| api.wire.outcome_out(outcome));
    outcome.transpose().map_err(status_of)
}
