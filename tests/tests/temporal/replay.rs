//! Histories cross borders: those of a service replay here, and ours replay in Temporal's Python SDK.

use prost::Message as _;
use steadfast::{
    core::{history::History, ids::WorkflowExecution},
    history_json,
    prelude::*,
    testing::Replayer,
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use tokio::process::Command;

use crate::{
    service::{fresh_engine, variable},
    shop::{Order, QUEUE, item, worker},
    tour,
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
        execution: Some(common::WorkflowExecution {
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

    let Some(json) = show(&client, &fetched.execution).await else {
        return;
    };
    replayer().replay_json(&json).unwrap();
    assert_eq!(history_json::from_json(&json).unwrap(), fetched);
}

#[tokio::test]
async fn a_history_that_is_none_is_refused() {
    assert!(steadfast::engine::temporal::read_history(b"\xff\xff").is_err());
    assert!(steadfast::engine::temporal::read_history(b"").is_err());
}

/// With `STEADFAST_RECORD` set, those of the service become the recordings that `tests/recordings.rs` replays.
#[tokio::test]
async fn histories_of_both_engines_replay_here_and_in_python() {
    let Some(python) = variable("STEADFAST_PYTHON") else {
        return;
    };
    replay_everywhere(&python, &Client::connect("memory:").await.unwrap()).await;
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let histories = replay_everywhere(&python, &client).await;
    if std::env::var("STEADFAST_RECORD").is_ok() {
        record(&client, &histories).await;
    }
}

/// Goes every way, replays the histories with the code that left them and with its twins in Python, and gives them.
async fn replay_everywhere(python: &str, client: &Client) -> Vec<(String, History)> {
    let histories = tour::histories(client).await;
    for (name, history) in &histories {
        let replayed = tour::replayer().replay(history);
        replayed.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let order = ("order".to_owned(), history(client).await);
    let folder = tempfile::tempdir().unwrap();
    let paths = histories.iter().chain([&order]).map(|(name, history)| {
        let path = folder.path().join(name).with_extension("json");
        std::fs::write(&path, history_json::to_json(history).unwrap()).unwrap();
        path
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/temporal/replay.py");
    let output = Command::new(python)
        .arg(script)
        .args(paths)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "replayed\n");
    histories
}

/// Keeps the histories as the service's command line shows them.
async fn record(client: &Client, histories: &[(String, History)]) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    for (name, history) in histories {
        let json = show(client, &history.execution).await.unwrap();
        std::fs::write(format!("{folder}/{name}.json"), json).unwrap();
    }
}

/// The JSON form of a history, from the service's command line.
async fn show(client: &Client, execution: &WorkflowExecution) -> Option<String> {
    let shown = Command::new(variable("STEADFAST_TEMPORAL_CLI")?)
        .args(["workflow", "show", "-o", "json"])
        .args(["--workflow-id", execution.workflow_id.as_str()])
        .args(["--run-id", execution.run_id.as_str()])
        .args(["--address", &variable("STEADFAST_TEMPORAL_ADDRESS")?])
        .args(["--namespace", client.engine().namespace().as_str()])
        .output()
        .await
        .unwrap();
    Some(String::from_utf8(shown.stdout).unwrap())
}
