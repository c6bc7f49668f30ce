//! Whether the server is there, for whoever watches over it.

use std::{future, pin::Pin};

use http::{Request, Response};
use temporalio_protos::grpc::health::v1::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};
use tonic::{
    Status,
    body::Body,
    server::{ServerStreamingService, UnaryService},
};

use crate::method::grpc;

/// Requests of this service are small.
const MAX_BYTES: usize = 64 * 1024;

type Statuses = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

struct Check;

impl UnaryService<HealthCheckRequest> for Check {
    type Response = HealthCheckResponse;
    type Future = future::Ready<Result<tonic::Response<HealthCheckResponse>, Status>>;

    fn call(&mut self, _: tonic::Request<HealthCheckRequest>) -> Self::Future {
        future::ready(Ok(tonic::Response::new(serving())))
    }
}

/// Says it once, and again when the server stops.
struct Watch {
    stopped: watch::Receiver<bool>,
}

impl ServerStreamingService<HealthCheckRequest> for Watch {
    type Response = HealthCheckResponse;
    type ResponseStream = Statuses;
    type Future = future::Ready<Result<tonic::Response<Statuses>, Status>>;

    fn call(&mut self, _: tonic::Request<HealthCheckRequest>) -> Self::Future {
        let statuses = WatchStream::new(self.stopped.clone()).map(|stopped| Ok(status(stopped)));
        future::ready(Ok(tonic::Response::new(Box::pin(statuses))))
    }
}

fn serving() -> HealthCheckResponse {
    status(false)
}

fn status(stopped: bool) -> HealthCheckResponse {
    let status = if stopped {
        ServingStatus::NotServing
    } else {
        ServingStatus::Serving
    };
    HealthCheckResponse {
        status: status.into(),
    }
}

/// Answers a method of the health service.
pub(crate) async fn answer(
    method: &str,
    stopped: watch::Receiver<bool>,
    request: Request<Body>,
) -> Response<Body> {
    match method {
        "Check" => grpc(MAX_BYTES).unary(Check, request).await,
        "Watch" => {
            grpc(MAX_BYTES)
                .server_streaming(Watch { stopped }, request)
                .await
        }
        _ => Status::unimplemented("the health service has Check and Watch").into_http(),
    }
}
