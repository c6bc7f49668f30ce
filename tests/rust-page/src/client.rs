//! The page's client code. The page leaves out what is around it.

use temporalio_sdk::client::{
    Client, WorkflowCancelOptions, WorkflowStartOptions, WorkflowTerminateOptions,
};

use crate::workflow::{CancellationWorkflow, CancellationWorkflowHandle};

/// The page starts a workflow of this name.
pub type GreetingsWorkflow = CancellationWorkflow;

/// The page's way to start and cancel.
#[rustfmt::skip]
pub async fn cancel(
    client: Client,
    before_cancel: impl AsyncFnOnce(),
) -> anyhow::Result<CancellationWorkflowHandle> {
// What follows is the page's block, but for the line between its two statements.
let handle = client.start_workflow(
    GreetingsWorkflow::run, 
    (), 
    WorkflowStartOptions::new("my-task-queue", "greetings-workflow-10").build()
).await?;

before_cancel().await;
handle.cancel(WorkflowCancelOptions::builder().reason("No longer needed").build()).await?;
Ok(handle)
}

/// The page's way to terminate.
#[rustfmt::skip]
pub async fn terminate(client: Client) -> anyhow::Result<CancellationWorkflowHandle> {
// What follows is the page's block.
let handle = client.start_workflow(
    GreetingsWorkflow::run, 
    (), 
    WorkflowStartOptions::new("my-task-queue", "greetings-workflow-10").build()
).await?;

handle.terminate(WorkflowTerminateOptions::builder()
    .reason("Emergency shutdown")
    .build()
).await?;
Ok(handle)
}
