//! A server on a new engine, and what its tests ask of it.

use steadfast_embedded::EmbeddedEngine;
use steadfast_server::{ServeOptions, Server, serve};
use temporalio_protos::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowType},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{self as proto, workflow_service_client::WorkflowServiceClient},
};
use tonic::transport::Channel;

pub(crate) type Client = WorkflowServiceClient<Channel>;

pub(crate) async fn serving(options: ServeOptions) -> (Server, Client) {
    let engine = EmbeddedEngine::in_memory().unwrap();
    let options = options.listen(([127, 0, 0, 1], 0).into());
    let server = serve(engine, options).await.unwrap();
    let client = Client::connect(format!("http://{}", server.address())).await;
    (server, client.unwrap())
}

pub(crate) fn namespace() -> String {
    "default".to_owned()
}

pub(crate) fn start(id: &str) -> proto::StartWorkflowExecutionRequest {
    proto::StartWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Order".to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: "orders".to_owned(),
            ..TaskQueue::default()
        }),
        input: Some(Payloads {
            payloads: vec![Payload {
                data: b"1".to_vec(),
                ..Payload::default()
            }],
        }),
        ..proto::StartWorkflowExecutionRequest::default()
    }
}
