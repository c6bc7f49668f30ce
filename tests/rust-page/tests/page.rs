//! The page's code behaves as the page says.

use std::time::Duration;

use steadfast_rust_page::{
    activities::CancellationActivities, client, workflow::CancellationWorkflow,
};
use temporalio_sdk::{
    Worker,
    client::{Client, ClientError, WorkflowExecutionError},
    engine::{ExecutionRef, PendingActivityState},
};

fn worker(client: &Client) -> Worker {
    Worker::builder(client, "my-task-queue")
        .register_workflow::<CancellationWorkflow>()
        .register_activities(CancellationActivities)
        .build()
        .expect("the names are valid")
}

fn names(history: &temporalio_sdk::core::history::History) -> Vec<&str> {
    history
        .events
        .iter()
        .map(|event| event.kind.name())
        .collect()
}

/// R1, D4: the workflow's code handles the request and cleans up.
#[tokio::test]
async fn cancelled_with_the_pages_reason_it_cleans_up() -> anyhow::Result<()> {
    let client = Client::connect("memory:").await?;
    let started = async || {
        // The page's activity must run, so that there is something to cancel.
        let id = "greetings-workflow-10".try_into().expect("a valid id");
        let execution = ExecutionRef::current(id);
        loop {
            let described = client.engine().describe_workflow(execution.clone()).await;
            let pending = described
                .expect("the workflow was started")
                .pending_activities;
            if pending
                .iter()
                .any(|activity| activity.state == PendingActivityState::Started)
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (handle, result) = worker(&client)
        .run_until(async {
            let handle = client::cancel(client.clone(), started).await?;
            let result = handle.result().await?;
            anyhow::Ok((handle, result))
        })
        .await??;
    assert_eq!(result, "Cancelled (reason=No longer needed), cleanup done");

    let history = handle.history().await?;
    assert_eq!(
        names(&history),
        [
            "WorkflowExecutionStarted",
            "WorkflowTaskScheduled",
            "WorkflowTaskStarted",
            "WorkflowTaskCompleted",
            "ActivityTaskScheduled",
            "WorkflowExecutionCancelRequested",
            "WorkflowTaskScheduled",
            "WorkflowTaskStarted",
            "WorkflowTaskCompleted",
            "ActivityTaskCancelRequested",
            "ActivityTaskScheduled",
            "ActivityTaskStarted",
            "ActivityTaskCompleted",
            "WorkflowTaskScheduled",
            "WorkflowTaskStarted",
            "WorkflowTaskCompleted",
            "WorkflowExecutionCompleted",
        ]
    );
    Ok(())
}

/// F7: the workflow's code gets no chance, and no workflow task is scheduled.
#[tokio::test]
async fn terminated_it_gets_no_chance() -> anyhow::Result<()> {
    let client = Client::connect("memory:").await?;
    let handle = client::terminate(client.clone()).await?;
    let outcome = worker(&client).run_until(handle.result()).await?;
    assert!(matches!(
        outcome,
        Err(ClientError::Workflow(WorkflowExecutionError::Terminated { reason })) if reason == "Emergency shutdown"
    ));
    assert_eq!(
        names(&handle.history().await?),
        [
            "WorkflowExecutionStarted",
            "WorkflowTaskScheduled",
            "WorkflowExecutionTerminated"
        ]
    );
    Ok(())
}
