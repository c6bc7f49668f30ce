//! Temporal's Python SDK as a client of our workflows, and a Python worker and ours side by side.

use std::process::Stdio;

use steadfast::prelude::*;
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    places::Place,
    service::variable,
    shop::{Abroad, QUEUE, worker},
};

/// Runs a script of this folder against a place while our worker runs, and gives what it printed.
pub(crate) async fn beside(
    place: &Place,
    script: &str,
    also: impl AsyncFnOnce(&Client),
) -> Option<String> {
    let python = variable("STEADFAST_PYTHON")?;
    let (address, client) = (&place.address, &place.client);
    let path = format!("{}/tests/temporal/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut process = Command::new(python)
        .args([&path, address, client.engine().namespace().as_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = worker(client)
        .run_until(async {
            also(client).await;
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
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
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
        query failed query `nothing` has no handler\n\
        already started third\n\
        described RUNNING Order shop\n\
        listed third RUNNING\n\
        running 1\n\
        grouped [('Completed', 1), ('Failed', 1)]\n\
        first EVENT_TYPE_WORKFLOW_EXECUTION_STARTED\n\
        unknown NOT_FOUND workflow not found for ID: nobody\n\
        started with update 1 RUNNING\n\
        the same update 1 RUNNING\n\
        the same update, fail 1 RUNNING\n\
        another update, fail already started both\n\
        another update 3 RUNNING\n\
        invalid update refused none is not an order\n\
        unknown update refused update `nothing` has no handler\n\
        update found 3\n\
        the update of a closed run 3 COMPLETED\n\
        a closed run already started both\n\
        after a closed run 1 RUNNING\n\
        replaced 1 RUNNING\n\
        nobody there in time\n\
        started RUNNING\n\
        accepted 1\n\
        unknown update NOT_FOUND update \"nothing\" not found\n";
    for place in Place::all(&address).await {
        let Some(printed) = beside(&place, "client.py", async |_| {}).await else {
            return;
        };
        assert_eq!(printed, expected, "on our own server: {}", place.is_own());
    }
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
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let expected = "\
        activity 10\n\
        activity failed OutOfStock nobody sells that\n\
        child {'bell': 10}\n";
    for place in Place::all(&address).await {
        let Some(printed) = beside(&place, "worker.py", result).await else {
            return;
        };
        assert_eq!(printed, expected, "on our own server: {}", place.is_own());
    }
}
