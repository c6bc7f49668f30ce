//! Temporal's command line on our workflows, with the commands of Temporal's pages.

use std::{process::Output, time::Duration};

use steadfast::{client::WorkflowHandle, core::event::ExecutionStatus, prelude::*};
use tokio::process::Command;

use crate::{
    places::Place,
    service::{DELAY, variable},
    shop::{Order, OrderHandle, Packing, QUEUE, item, worker},
    tls,
};

/// A command line for a namespace.
#[derive(Clone)]
pub(crate) struct Cli {
    command: String,
    address: String,
    namespace: String,
}

impl Cli {
    /// The command line for a client's namespace, if there is one.
    pub(crate) fn of(client: &Client, address: &str) -> Option<Self> {
        Some(Self {
            command: variable("STEADFAST_TEMPORAL_CLI")?,
            address: address.to_owned(),
            namespace: client.engine().namespace().to_string(),
        })
    }

    /// The same with another way to the service.
    fn at(&self, address: String) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Runs a command, and gives its exit code and what it printed.
    pub(crate) async fn say(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments).await;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code().unwrap_or(-1), text)
    }

    /// Runs a command that succeeds, and gives its output.
    pub(crate) async fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{errors}");
        text
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.command);
        command.args(arguments).args(["--address", &self.address]);
        if !arguments.contains(&"--namespace") {
            command.args(["--namespace", &self.namespace]);
        }
        command.output().await.unwrap()
    }
}

async fn with_cli(scenario: impl AsyncFn(&Cli, &Client)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    for place in Place::all(&address).await {
        let client = &place.client;
        let Some(cli) = Cli::of(client, &place.address) else {
            return;
        };
        worker(client)
            .run_until(scenario(&cli, client))
            .await
            .unwrap();
    }
}

async fn order(client: &Client, id: &str) -> OrderHandle {
    let order = client
        .start_workflow(
            Order::run,
            item("bell"),
            WorkflowStartOptions::new(QUEUE, id),
        )
        .await
        .unwrap();
    // Its first task is done.
    assert_eq!(order.count().await.unwrap(), 1);
    order
}

async fn status<W>(handle: &WorkflowHandle<W>) -> ExecutionStatus {
    handle.describe().await.unwrap().status
}

#[tokio::test]
async fn it_cancels_and_terminates() {
    with_cli(async |cli, client| {
        let packing = client
            .start_workflow(
                Packing::run,
                item("bell"),
                WorkflowStartOptions::new(QUEUE, "packing"),
            )
            .await
            .unwrap();
        while packing
            .describe()
            .await
            .unwrap()
            .pending_activities
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cli.run(&["workflow", "cancel", "--workflow-id", "packing"])
            .await;
        let error = packing.result().await.unwrap_err();
        assert_eq!(error.to_string(), "the workflow was cancelled");

        let order = order(client, "order").await;
        cli.run(&[
            "workflow",
            "terminate",
            "--workflow-id",
            "order",
            "--reason",
            "enough",
        ])
        .await;
        let error = order.result().await.unwrap_err();
        assert_eq!(error.to_string(), "the workflow was terminated: enough");
    })
    .await;
}

/// `temporal workflow reset --workflow-id .. --event-id 4 --reason ..` as every page has it, and of one run, without
/// the signals, and with a certificate.
#[tokio::test]
async fn it_resets_a_background_check() {
    with_cli(async |cli, client| {
        let base = order(client, "my-background-check").await;
        base.close().await.unwrap();
        base.result().await.unwrap();
        let run_id = base.run_id().unwrap().as_str();
        let new = client.workflow::<Order>("my-background-check").unwrap();
        cli.run(&RESET).await;
        assert_eq!(new.result().await.unwrap()["bell"], 10);
        let described = base.describe().await.unwrap();
        assert_ne!(described.execution.run_id.as_str(), run_id);
        let history = new.history().await.unwrap().to_string();
        assert!(
            history.contains("Fixed non-deterministic code"),
            "{history}"
        );

        let one_run = ["--run-id", run_id, "--reapply-exclude", "Signal"];
        cli.run(&[RESET.as_slice(), &one_run].concat()).await;
        assert_eq!(status(&new).await, ExecutionStatus::Running);
        new.close().await.unwrap();
        assert_eq!(new.result().await.unwrap()["bell"], 10);

        // The proxy leads to the service.
        if client.embedded().is_some() {
            return;
        }
        let Some((_proxy, port)) = tls::proxy().await else {
            return;
        };
        let (ca, certificate, key) = (
            tls::path("ca.pem"),
            tls::path("client.pem"),
            tls::path("client.key"),
        );
        let certified = [
            ["--tls-cert-path", &certificate],
            ["--tls-key-path", &key],
            ["--tls-ca-path", &ca],
            ["--tls-server-name", "service.test"],
        ];
        let cli = cli.at(format!("127.0.0.1:{port}"));
        cli.run(&[RESET.as_slice(), certified.as_flattened()].concat())
            .await;
        // The signal is applied again, as in the first reset.
        assert_eq!(new.result().await.unwrap()["bell"], 10);
    })
    .await;
}

const RESET: [&str; 8] = [
    "workflow",
    "reset",
    "--workflow-id",
    "my-background-check",
    "--event-id",
    "4",
    "--reason",
    "Fixed non-deterministic code",
];

#[tokio::test]
async fn it_shows_lists_queries_and_signals() {
    with_cli(async |cli, client| {
        let order = order(client, "order").await;
        let query = [
            "workflow",
            "query",
            "--workflow-id",
            "order",
            "--type",
            "count",
            "-o",
            "json",
        ];
        let answer = cli.run(&query).await;
        assert!(
            answer
                .split_whitespace()
                .collect::<String>()
                .contains("\"queryResult\":[1]"),
            "{answer}"
        );

        let stack = cli
            .run(&["workflow", "stack", "--workflow-id", "order"])
            .await;
        assert!(
            stack.contains("waits for a condition, a scope or a task of its own"),
            "{stack}"
        );

        tokio::time::sleep(DELAY).await;
        let list = cli
            .run(&["workflow", "list", "--query", "ExecutionStatus='Running'"])
            .await;
        assert!(list.contains("order") && list.contains("Order"), "{list}");

        let input = "{\"name\":\"ball\",\"count\":2}";
        let update = [
            "workflow",
            "update",
            "execute",
            "--workflow-id",
            "order",
            "--name",
            "add",
            "--input",
            input,
        ];
        cli.run(&update).await;
        cli.run(&[
            "workflow",
            "signal",
            "--workflow-id",
            "order",
            "--name",
            "close",
        ])
        .await;
        let prices = order.result().await.unwrap();
        assert_eq!((prices["bell"], prices["ball"]), (10, 20));
        assert_eq!(status(&order).await, ExecutionStatus::Completed);

        let shown = cli
            .run(&["workflow", "show", "--workflow-id", "order"])
            .await;
        assert!(
            shown.contains("WorkflowExecutionUpdateCompleted"),
            "{shown}"
        );
    })
    .await;
}
