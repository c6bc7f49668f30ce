//! Shows which services and messages there are, to tools that ask.

use std::{future::Future, pin::Pin, sync::OnceLock};

use http::{Request, Response};
use steadfast_wire::DESCRIPTORS;
use tonic::{Status, body::Body};
use tonic_reflection::server::Builder;
use tower_service::Service as _;

/// The services of which something is answered.
const SHOWN: &[&str] = &[
    "grpc.health.v1.Health",
    "temporal.api.operatorservice.v1.OperatorService",
    "temporal.api.testservice.v1.TestService",
    "temporal.api.workflowservice.v1.WorkflowService",
];

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Answer = Box<dyn Fn(Request<Body>) -> Answering + Send + Sync>;

/// Answers a call of the reflection service. The descriptors are read when somebody asks first.
pub(crate) async fn answer(request: Request<Body>) -> Response<Body> {
    static ANSWER: OnceLock<Answer> = OnceLock::new();
    ANSWER.get_or_init(service)(request).await
}

fn service() -> Answer {
    let mut builder = Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    for service in SHOWN {
        builder = builder.with_service_name(*service);
    }
    match builder.build_v1() {
        Ok(service) => Box::new(move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                match service.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            })
        }),
        Err(_) => Box::new(|_| {
            let refused = Status::internal("the descriptors cannot be read");
            Box::pin(std::future::ready(refused.into_http()))
        }),
    }
}
