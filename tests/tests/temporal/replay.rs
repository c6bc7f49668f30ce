//! Histories cross borders: those of a service replay here, and ours replay in Temporal's Python SDK.

use prost::Message as _;
use steadfast::{core::history::History, history_json, prelude::*, testing::Replayer};
use temporalio_protos::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use tokio::process::Command;

use crate::{
    service::{fresh_engine, variable},
    shop::{Order, QUEUE, item, worker},
};

/// An order with a signal, an update, a query and an activity.
async fn history(client: &Client) -> History {
    worker(client)
        .run_until(async {
            let order = client
                .start_workflow(
                    Order::run,
                    item("bell"),
                    WorkflowStartOptions::new(QUEUE, "order"),
                )
                .await
                .unwrap();
            assert_eq!(order.count().await.unwrap(), 1);
            order.add(item("ball")).await.unwrap();
            order.close().await.unwrap();
            order.result().await.unwrap();
            order.history().await.unwrap()
        })
        .await
        .unwrap()
}

fn replayer() -> Replayer {
    Replayer::new().register_workflow::<Order>()
}

#[tokio::test]
async fn a_history_of_a_service_replays_in_every_form() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let fetched = history(&client).await;
    replayer().replay(&fetched).unwrap();
    replayer()
        .replay_json(&history_json::to_json(&fetched).unwrap())
        .unwrap();

    let mut service = WorkflowServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: client.engine().namespace().to_string(),
        execution: Some(WorkflowExecution {
            workflow_id: fetched.execution.workflow_id.to_string(),
            run_id: fetched.execution.run_id.to_string(),
        }),
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let page = service
        .get_workflow_execution_history(request)
        .await
        .unwrap()
        .into_inner();
    let bytes = page.history.unwrap().encode_to_vec();
    let read = steadfast::engine::temporal::read_history(&bytes).unwrap();
    assert_eq!(read, fetched);
    replayer().replay(&read).unwrap();

    let Some(cli) = variable("STEADFAST_TEMPORAL_CLI") else {
        return;
    };
    let shown = Command::new(cli)
        .args(["workflow", "show", "-o", "json", "--workflow-id", "order"])
        .args([
            "--address",
            &address,
            "--namespace",
            client.engine().namespace().as_str(),
        ])
        .output()
        .await
        .unwrap();
    let json = String::from_utf8(shown.stdout).unwrap();
    replayer().replay_json(&json).unwrap();
    assert_eq!(history_json::from_json(&json).unwrap(), fetched);
}

#[tokio::test]
async fn a_history_that_is_none_is_refused() {
    assert!(steadfast::engine::temporal::read_history(b"\xff\xff").is_err());
    assert!(steadfast::engine::temporal::read_history(b"").is_err());
}

/// The twin of `Order` in Python takes the histories of both engines.
#[tokio::test]
async fn our_histories_replay_in_python() {
    let Some(python) = variable("STEADFAST_PYTHON") else {
        return;
    };
    let mut clients = vec![Client::connect("memory:").await.unwrap()];
    if let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") {
        clients.push(Client::new(fresh_engine(&address).await));
    }
    let folder = tempfile::tempdir().unwrap();
    for client in clients {
        let json = history_json::to_json(&history(&client).await).unwrap();
        let path = folder.path().join("history.json");
        std::fs::write(&path, json).unwrap();
        let script = format!("{}/tests/temporal/replay.py", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(&python)
            .arg(script)
            .arg(&path)
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "replayed\n");
    }
}
