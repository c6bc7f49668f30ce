//! Polls a task queue, for workflow tasks and for activity tasks alike.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::shutdown::Shutdown;
use crate::engine::{EngineError, EngineFuture};

/// Polls whenever a slot is free, and passes on what came, until the worker is to stop.
pub(super) async fn poll_all<'e, T>(
    shutdown: &Shutdown,
    slots: &Arc<Semaphore>,
    poll: impl Fn() -> EngineFuture<'e, T>,
    take: impl Fn(T, OwnedSemaphorePermit),
) -> Result<(), EngineError> {
    loop {
        let slot = Arc::clone(slots).acquire_owned();
        let Some(Ok(slot)) = shutdown.unless_stopping(slot).await else {
            return Ok(());
        };
        let Some(polled) = shutdown.unless_stopping(poll()).await else {
            return Ok(());
        };
        match polled {
            Ok(task) => take(task, slot),
            Err(error) => wait_after(&error).await?,
        }
    }
}

/// Waits before polling again after a failure that may pass; gives back one that will not.
async fn wait_after(error: &EngineError) -> Result<(), EngineError> {
    match error {
        EngineError::Unavailable { .. }
        | EngineError::Storage { .. }
        | EngineError::ResourceExhausted { .. }
        | EngineError::DeadlineExceeded => {
            tracing::warn!(%error, "polling failed; it is tried again");
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(())
        }
        other => Err(other.clone()),
    }
}
