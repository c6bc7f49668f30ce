//! A Temporal Service for tests: a namespace for each of them.
//!
//! `STEADFAST_TEMPORAL_ADDRESS` says where it is, `STEADFAST_TEMPORAL_CLI` which command line belongs to it, and
//! `STEADFAST_PYTHON` which Python has Temporal's SDK.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use steadfast::engine::{
    Engine, ListFilter,
    temporal::{TemporalEngine, TemporalOptions},
};
use temporalio_protos::temporal::api::workflowservice::v1::{
    RegisterNamespaceRequest, workflow_service_client::WorkflowServiceClient,
};
use tokio::time::sleep;

/// How long a service takes to hand out and list what was asked for, on a busy machine.
pub(crate) const DELAY: Duration = Duration::from_millis(1_500);

/// A variable of the environment, or a line that says that the test is skipped without it.
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("skipped: the variable {name} is not set");
    }
    value
}

/// Options for a namespace that nobody else uses.
pub(crate) async fn fresh_namespace(address: &str) -> TemporalOptions {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let namespace = format!("judged-{}-{number}", process::id());
    let mut service = WorkflowServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let request = RegisterNamespaceRequest {
        namespace: namespace.clone(),
        workflow_execution_retention_period: Some(prost_wkt_types::Duration {
            seconds: 86_400,
            nanos: 0,
        }),
        ..RegisterNamespaceRequest::default()
    };
    service.register_namespace(request).await.unwrap();
    let options = TemporalOptions::new(address).namespace(&namespace).unwrap();
    let engine = TemporalEngine::connect(options.clone()).await.unwrap();
    // Every part of a service hears of a new namespace a while later.
    while engine.count_workflows(ListFilter::default()).await.is_err() {
        sleep(Duration::from_millis(200)).await;
    }
    sleep(DELAY).await;
    options
}

/// An engine with a namespace that nobody else uses.
pub(crate) async fn fresh_engine(address: &str) -> Arc<TemporalEngine> {
    let options = fresh_namespace(address).await;
    TemporalEngine::connect(options).await.unwrap()
}
