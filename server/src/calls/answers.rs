//! What workers answer: queries and updates.

use std::{sync::Arc, time::Duration};

use steadfast_core::{
    event::{EventKind, ExecutionStatus},
    failure::Failure,
    ids::{EventId, UpdateId, WorkflowExecution},
    payload::Payload,
};
use steadfast_engine::{ExecutionRef, HistoryRequest, HistoryWait, UpdateReply, UpdateStage};
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
    refusal::{status_of, update_not_found, workflow_not_ready},
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
            return Ok(proto::UpdateWorkflowExecutionResponse {
                update_ref: Some(reference(&execution, &update_id)),
                stage: Stage::Admitted.into(),
                ..proto::UpdateWorkflowExecutionResponse::default()
            });
        }
    };
    let mut outcome = reply.outcome;
    if outcome.is_none() && wanted == UpdateStage::Completed {
        // The same id is the same update.
        update.wait_for = wanted;
        update.execution = ExecutionRef::run(reply.execution.clone());
        if let Ok(ended) = timeout_at(deadline, api.engine.update_workflow(update)).await {
            outcome = ended.map_err(status_of)?.outcome;
        }
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
    let execution = api.describe(execution).await?.execution;
    let mut search = Search::new(&execution, &update_id);
    // Without a wait first: whoever polls for what never was is told so at once.
    let mut outcome = search.outcome(&api, HistoryWait::No).await?;
    if !search.is_accepted {
        return Err(update_not_found(update_id.as_str()));
    }
    if outcome.is_none() && wait_for == Some(UpdateStage::Completed) {
        let ended = search.outcome(&api, HistoryWait::NewEvent);
        if let Ok(ended) = timeout(api.long_poll, ended).await {
            outcome = ended?;
        }
    }
    Ok(proto::PollWorkflowExecutionUpdateResponse {
        stage: stage_of(outcome.as_ref()).into(),
        outcome: outcome_out(&api, outcome)?,
        update_ref: Some(reference(&execution, &update_id)),
    })
}

/// Looks for an update in a history, of which only the id is known.
struct Search<'a> {
    execution: &'a WorkflowExecution,
    update_id: &'a UpdateId,
    /// The first event that was not looked at.
    next: EventId,
    is_accepted: bool,
}

impl<'a> Search<'a> {
    fn new(execution: &'a WorkflowExecution, update_id: &'a UpdateId) -> Self {
        Self {
            execution,
            update_id,
            next: EventId(1),
            is_accepted: false,
        }
    }

    /// The outcome, if it is in what was not looked at yet; else, when it may wait, once it comes or the run ends.
    async fn outcome(
        &mut self,
        api: &Api,
        wait: HistoryWait,
    ) -> Reply<Option<Result<Payload, Failure>>> {
        loop {
            let page = api.engine.workflow_history(HistoryRequest {
                execution: ExecutionRef::run(self.execution.clone()),
                from: self.next,
                page_size: PAGE,
                wait,
            });
            let page = page.await.map_err(status_of)?;
            let mut is_closed = page.events.is_empty();
            for event in page.events {
                self.next = event.event_id.next();
                is_closed |= event.kind.is_closing();
                match event.kind {
                    EventKind::WorkflowExecutionUpdateAccepted { update_id, .. }
                        if update_id == *self.update_id =>
                    {
                        self.is_accepted = true;
                    }
                    EventKind::WorkflowExecutionUpdateCompleted {
                        update_id, outcome, ..
                    } if update_id == *self.update_id => return Ok(Some(*outcome)),
                    _ => {}
                }
            }
            if is_closed && self.is_accepted {
                return Ok(Some(Err(UpdateReply::accepted_and_closed())));
            }
            if is_closed || (page.next.is_none() && wait == HistoryWait::No) {
                return Ok(None);
            }
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
