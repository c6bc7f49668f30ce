//! What the examples share. The examples are the files beside this one.

use std::time::Duration;

use steadfast::{
    client::{Client, ClientError, WorkflowHandle},
    engine::PendingActivityState,
};

/// Opens the engine that the flag `--engine URL` or the variable `STEADFAST_ENGINE` names, or else the
/// example's own. With the feature `temporal` of this package, that can be a Temporal Service:
///
/// ```sh
/// cargo run --features temporal --example saga -- --engine temporal://127.0.0.1:7233/default
/// ```
///
/// # Errors
///
/// When the URL is missing or not one of an engine, or the engine cannot be opened.
pub async fn client(default_url: &str) -> Result<Client, ClientError> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--engine");
    let url = match arguments.next() {
        Some(_) => arguments.next().unwrap_or_default(),
        None => std::env::var("STEADFAST_ENGINE").unwrap_or_else(|_| default_url.to_owned()),
    };
    Client::connect(&url).await
}

/// Waits until a worker runs an activity of the workflow: a cancellation before that would find
/// nothing to cancel.
///
/// # Errors
///
/// When there is no such workflow.
pub async fn until_an_activity_runs<W>(workflow: &WorkflowHandle<W>) -> Result<(), ClientError> {
    loop {
        let pending = workflow.describe().await?.pending_activities;
        if pending
            .iter()
            .any(|activity| activity.state == PendingActivityState::Started)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
