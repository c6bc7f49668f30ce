//! Activities that are ended, or said to be alive, by their id.

use std::sync::Arc;

use temporalio_protos::temporal::api::workflowservice::v1 as proto;

use crate::{api::Api, method::Reply, refusal::status_of};

/// Methods that end an activity.
macro_rules! ends {
    ($($name:ident($request:ident) -> $response:ident = $read:ident;)*) => {
        $(
            pub(super) async fn $name(
                api: Arc<Api>,
                request: proto::$request,
            ) -> Reply<proto::$response> {
                api.check_namespace(&request.namespace)?;
                let (activity, outcome) = api.wire.$read(request).map_err(status_of)?;
                api.engine
                    .complete_activity(activity, outcome)
                    .await
                    .map_err(status_of)?;
                Ok(proto::$response::default())
            }
        )*
    };
}

ends! {
    complete(RespondActivityTaskCompletedByIdRequest) -> RespondActivityTaskCompletedByIdResponse
        = activity_completed_in;
    fail(RespondActivityTaskFailedByIdRequest) -> RespondActivityTaskFailedByIdResponse = activity_failed_in;
    cancel(RespondActivityTaskCanceledByIdRequest) -> RespondActivityTaskCanceledByIdResponse
        = activity_cancelled_in;
}

pub(super) async fn heartbeat(
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
