//! Activities: given to workers of other processes, ended, or said to be alive, by their token or by their id.

use std::sync::Arc;

use steadfast_wire::requests;
use temporalio_protos::temporal::api::workflowservice::v1 as proto;

use crate::{api::Api, method::Reply, refusal::status_of};

/// Methods that end an activity.
macro_rules! ends {
    ($($name:ident($request:ident) -> $response:ident = $read:ident, $end:ident;)*) => {
        $(
            pub(super) async fn $name(
                api: Arc<Api>,
                request: proto::$request,
            ) -> Reply<proto::$response> {
                api.check_namespace(&request.namespace)?;
                let (activity, outcome) = api.wire.$read(request).map_err(status_of)?;
                api.engine
                    .$end(activity, outcome)
                    .await
                    .map_err(status_of)?;
                Ok(proto::$response::default())
            }
        )*
    };
}

ends! {
    complete(RespondActivityTaskCompletedRequest) -> RespondActivityTaskCompletedResponse
        = attempt_completed_in, complete_activity_task;
    fail(RespondActivityTaskFailedRequest) -> RespondActivityTaskFailedResponse
        = attempt_failed_in, complete_activity_task;
    cancel(RespondActivityTaskCanceledRequest) -> RespondActivityTaskCanceledResponse
        = attempt_cancelled_in, complete_activity_task;
    complete_by_id(RespondActivityTaskCompletedByIdRequest) -> RespondActivityTaskCompletedByIdResponse
        = activity_completed_in, complete_activity;
    fail_by_id(RespondActivityTaskFailedByIdRequest) -> RespondActivityTaskFailedByIdResponse
        = activity_failed_in, complete_activity;
    cancel_by_id(RespondActivityTaskCanceledByIdRequest) -> RespondActivityTaskCanceledByIdResponse
        = activity_cancelled_in, complete_activity;
}

pub(super) async fn poll(
    api: Arc<Api>,
    request: proto::PollActivityTaskQueueRequest,
) -> Reply<proto::PollActivityTaskQueueResponse> {
    api.check_namespace(&request.namespace)?;
    let worker = request.worker_instance_key.clone();
    let poll = requests::activity_poll_in(request).map_err(status_of)?;
    let polling = api.engine.poll_activity_task(poll);
    let Some(lease) = api.workers.wait(&worker, api.long_poll, polling).await else {
        return Ok(proto::PollActivityTaskQueueResponse::default());
    };
    let task = lease.map_err(status_of)?.task;
    api.wire.activity_task_out(task).map_err(status_of)
}

pub(super) async fn heartbeat(
    api: Arc<Api>,
    request: proto::RecordActivityTaskHeartbeatRequest,
) -> Reply<proto::RecordActivityTaskHeartbeatResponse> {
    api.check_namespace(&request.namespace)?;
    let (token, details) = api.wire.attempt_heartbeat_in(request).map_err(status_of)?;
    let reply = api.engine.record_heartbeat(token, details).await;
    let reply = reply.map_err(status_of)?;
    Ok(proto::RecordActivityTaskHeartbeatResponse {
        cancel_requested: reply.cancel_requested,
        activity_paused: reply.paused,
        activity_reset: reply.reset,
    })
}

pub(super) async fn heartbeat_by_id(
    api: Arc<Api>,
    request: proto::RecordActivityTaskHeartbeatByIdRequest,
) -> Reply<proto::RecordActivityTaskHeartbeatByIdResponse> {
    api.check_namespace(&request.namespace)?;
    let (activity, details) = api.wire.activity_heartbeat_in(request).map_err(status_of)?;
    let reply = api
        .engine
        .record_activity_heartbeat(activity, details)
        .await
        .map_err(status_of)?;
    Ok(proto::RecordActivityTaskHeartbeatByIdResponse {
        cancel_requested: reply.cancel_requested,
        ..proto::RecordActivityTaskHeartbeatByIdResponse::default()
    })
}
