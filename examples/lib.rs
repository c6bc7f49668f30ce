//! What the examples share. The examples are the files beside this one.

use std::time::Duration;

use steadfast::{
    client::{ClientError, WorkflowHandle},
    engine::PendingActivityState,
};

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
