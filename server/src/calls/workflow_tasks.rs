//! Workflow tasks: given to workers of other processes, and answered by them.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use steadfast_core::{
    failure::{Failure, FailureKind},
    payload::Bytes,
    task::{TaskToken, WorkflowTask, WorkflowTaskCompletion, WorkflowTaskFailure},
};
use steadfast_wire::{
    OwnRun, Wired, requests,
    values::{event_id_out, normal_queue},
};
use temporalio_protos::temporal::api::{
    query::v1::WorkflowQueryResult, workflowservice::v1 as proto,
};
use tonic::Status;

use super::history;
use crate::{api::Api, method::Reply, refusal::status_of};

/// What the answer to a task has to bring along.
#[derive(Clone, PartialEq, prost::Message)]
struct Token {
    /// The engine's token.
    #[prost(bytes = "vec", tag = "1")]
    token: Vec<u8>,
    /// Which question it is, if it is only one.
    #[prost(string, tag = "2")]
    query: String,
    /// The type of the run.
    #[prost(string, tag = "3")]
    workflow_type: String,
    /// The queue of its workflow tasks.
    #[prost(string, tag = "4")]
    task_queue: String,
}

impl Token {
    fn open(token: &[u8]) -> Reply<Self> {
        match Self::decode(token) {
            Ok(token) if !token.token.is_empty() => Ok(token),
            _ => Err(Status::invalid_argument("Invalid TaskToken.")),
        }
    }

    /// What the engine knows the task by.
    fn of_engine(&self) -> TaskToken {
        TaskToken(Bytes::from(self.token.clone()))
    }
}

pub(super) async fn poll(
    api: Arc<Api>,
    request: proto::PollWorkflowTaskQueueRequest,
) -> Reply<proto::PollWorkflowTaskQueueResponse> {
    api.check_namespace(&request.namespace)?;
    let queue = request.task_queue.clone().unwrap_or_default();
    let poll = requests::workflow_poll_in(request.task_queue, &request.identity);
    let polling = api.engine.poll_workflow_task(poll.map_err(status_of)?);
    let polled = api
        .workers
        .wait(&request.worker_instance_key, api.long_poll, polling);
    let Some(task) = polled.await else {
        return Ok(proto::PollWorkflowTaskQueueResponse::default());
    };
    let normal = match queue.normal_name.as_str() {
        "" => queue.name,
        _ => queue.normal_name,
    };
    task_out(&api, task.map_err(status_of)?, &normal)
}

/// A task, with as much of its history as a message should have.
fn task_out(
    api: &Api,
    task: WorkflowTask,
    normal: &str,
) -> Reply<proto::PollWorkflowTaskQueueResponse> {
    let run_id = task.execution.run_id.clone();
    let query = match task.started_event_id.is_some() {
        true => None,
        false => task.queries.keys().next().cloned(),
    };
    let token = Token {
        token: task.token.0.as_slice().to_vec(),
        query: query.unwrap_or_default(),
        workflow_type: task.workflow_type.as_str().to_owned(),
        task_queue: normal.to_owned(),
    };
    let mut response = api
        .wire
        .workflow_task_out(task, &api.home)
        .map_err(status_of)?;
    response.task_token = token.encode_to_vec();
    if let Some(history) = &mut response.history {
        response.next_page_token = history::cut_for_worker(run_id, &mut history.events);
    }
    response.workflow_execution_task_queue = normal_queue(normal);
    Ok(response)
}

pub(super) async fn complete(
    api: Arc<Api>,
    request: proto::RespondWorkflowTaskCompletedRequest,
) -> Reply<proto::RespondWorkflowTaskCompletedResponse> {
    api.check_namespace(&request.namespace)?;
    let token = Token::open(&request.task_token)?;
    let own = OwnRun {
        workflow_type: token.workflow_type.clone(),
        task_queue: token.task_queue.clone(),
    };
    let token = token.of_engine();
    let completion = match api.wire.completion_in(request, &own) {
        Ok(completion) => completion,
        Err(misunderstood) => {
            let message = misunderstood.message;
            let kind = FailureKind::Server {
                non_retryable: false,
            };
            let failure = WorkflowTaskFailure {
                cause: misunderstood.cause,
                failure: Failure::new(message.clone(), kind),
            };
            let failed = api.engine.fail_workflow_task(token, failure).await;
            failed.map_err(status_of)?;
            return Err(Status::invalid_argument(message));
        }
    };
    let reply = api.engine.complete_workflow_task(token, completion).await;
    let reply = reply.map_err(status_of)?;
    let activities = reply.activity_tasks.into_iter();
    let activities = activities.map(|lease| api.wire.activity_task_out(lease.task));
    Ok(proto::RespondWorkflowTaskCompletedResponse {
        activity_tasks: activities.collect::<Wired<_>>().map_err(status_of)?,
        reset_history_event_id: reply.reset_history_event_id.map_or(0, event_id_out),
        ..proto::RespondWorkflowTaskCompletedResponse::default()
    })
}

pub(super) async fn fail(
    api: Arc<Api>,
    request: proto::RespondWorkflowTaskFailedRequest,
) -> Reply<proto::RespondWorkflowTaskFailedResponse> {
    api.check_namespace(&request.namespace)?;
    let token = Token::open(&request.task_token)?.of_engine();
    let failure = api.wire.task_failure_in(request).map_err(status_of)?;
    let failed = api.engine.fail_workflow_task(token, failure).await;
    failed.map_err(status_of)?;
    Ok(proto::RespondWorkflowTaskFailedResponse::default())
}

pub(super) async fn answer_query(
    api: Arc<Api>,
    request: proto::RespondQueryTaskCompletedRequest,
) -> Reply<proto::RespondQueryTaskCompletedResponse> {
    api.check_namespace(&request.namespace)?;
    let token = Token::open(&request.task_token)?;
    let result = api.wire.query_result_in(WorkflowQueryResult {
        result_type: request.completed_type,
        answer: request.query_result,
        error_message: request.error_message,
        failure: request.failure,
    });
    let results = BTreeMap::from([(token.query.clone(), result.map_err(status_of)?)]);
    let completion = WorkflowTaskCompletion {
        query_results: results,
        ..WorkflowTaskCompletion::default()
    };
    let answered = api
        .engine
        .complete_workflow_task(token.of_engine(), completion)
        .await;
    answered.map_err(status_of)?;
    Ok(proto::RespondQueryTaskCompletedResponse::default())
}

pub(super) async fn reset_sticky(
    api: Arc<Api>,
    request: proto::ResetStickyTaskQueueRequest,
) -> Reply<proto::ResetStickyTaskQueueResponse> {
    api.check_namespace(&request.namespace)?;
    let execution = requests::execution_in(request.execution).map_err(status_of)?;
    let reset = api.engine.reset_sticky_queue(execution).await;
    reset.map_err(status_of)?;
    Ok(proto::ResetStickyTaskQueueResponse::default())
}
