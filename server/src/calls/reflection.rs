//! Shows which services and messages there are, to tools that ask.

use http::{Request, Response};
use tonic::{Status, body::Body};
use tonic_reflection::server::{Builder, v1::ServerReflectionServer};
use tower_service::Service as _;

/// The services of which something is answered.
const SHOWN: &[&str] = &[
    "grpc.health.v1.Health",
    "temporal.api.operatorservice.v1.OperatorService",
    "temporal.api.workflowservice.v1.WorkflowService",
];

static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Answers a call of the reflection service.
pub(crate) async fn answer(request: Request<Body>) -> Response<Body> {
    let mut builder = Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    for service in SHOWN {
        builder = builder.with_service_name(*service);
    }
    let Ok(service) = builder.build_v1() else {
        return Status::internal("the descriptors cannot be read").into_http();
    };
    let mut service: ServerReflectionServer<_> = service;
    match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
