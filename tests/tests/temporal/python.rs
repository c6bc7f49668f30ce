//! Temporal's Python SDK as a client of our workflows, and a Python worker and ours side by side.

use std::process::Stdio;

use steadfast::prelude::*;
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    service::{fresh_engine, variable},
    shop::{Abroad, QUEUE, worker},
};

/// Runs a script of this folder against a fresh namespace while our worker runs, and gives what it printed.
async fn beside(script: &str, also: impl AsyncFnOnce(&Client)) -> Option<String> {
    let address = variable("STEADFAST_TEMPORAL_ADDRESS")?;
    let python = variable("STEADFAST_PYTHON")?;
    let client = Client::new(fresh_engine(&address).await);
    let path = format!("{}/tests/temporal/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut process = Command::new(python)
        .args([&path, &address, client.engine().namespace().as_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = worker(&client)
        .run_until(async {
            also(&client).await;
            // A script that serves ends with its input.
            drop(process.stdin.take());
            let mut printed = String::new();
            let mut stdout = process.stdout.take().unwrap();
            stdout.read_to_string(&mut printed).await.unwrap();
            printed
        })
        .await
        .unwrap();
    let status = process.wait().await.unwrap();
    assert!(status.success(), "{status}\n{output}");
    Some(output)
}

#[tokio::test]
async fn the_python_client_drives_our_workflows() {
    let Some(printed) = beside("client.py", async |_| {}).await else {
        return;
    };
    let expected = "\
        query 1\n\
        update 2\n\
        rejected none is not an order\n\
        result {'ball': 10, 'bell': 10}\n\
        failed ActivityError <- ApplicationError OutOfStock nobody sells that True [{'name': 'broken', 'count': 1}]\n\
        cancelled CancelledError\n\
        terminated TerminatedError\n\
        because enough\n\
        query failed query `nothing` has no handler\n";
    assert_eq!(printed, expected);
}

#[tokio::test]
async fn a_python_worker_and_ours_serve_each_other() {
    let result = async |client: &Client| {
        let started = client
            .start_workflow(Abroad::run, (), WorkflowStartOptions::new(QUEUE, "abroad"))
            .await
            .unwrap();
        let result = started.result().await.unwrap();
        assert_eq!(
            result,
            [
                "HELLO",
                "Shy I do not shout that 7",
                "bell",
                "OutOfStock nobody sells that"
            ]
        );
    };
    let Some(printed) = beside("worker.py", result).await else {
        return;
    };
    let expected = "\
        activity 10\n\
        activity failed OutOfStock nobody sells that\n\
        child {'bell': 10}\n";
    assert_eq!(printed, expected);
}
