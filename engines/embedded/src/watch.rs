//! Who waits for events of a run.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use steadfast_core::{event::HistoryEvent, ids::WorkflowExecution};
use steadfast_engine::EngineError;
use tokio::sync::Notify;

/// Wakes those who wait for events of a run.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// For those who wait for any event.
    pub(crate) changed: Notify,
    /// For those who wait for the last one only, who are most: they are not woken for others.
    pub(crate) ended: Notify,
    pub(crate) closed: OnceLock<HistoryEvent>,
    pub(crate) deleted: AtomicBool,
}

impl Watch {
    /// New events are durable, perhaps with the last one.
    pub(crate) fn tell(&self, closing: Option<HistoryEvent>) {
        if let Some(event) = closing {
            // Set before; a run closes once.
            let _ = self.closed.set(event);
            self.ended.notify_waiters();
        }
        self.changed.notify_waiters();
    }

    /// The run is no more.
    pub(crate) fn tell_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn wake_all(&self) {
        self.changed.notify_waiters();
        self.ended.notify_waiters();
    }

    pub(crate) fn check_exists(&self, id: &WorkflowExecution) -> Result<(), EngineError> {
        if self.deleted.load(Ordering::Acquire) {
            return Err(EngineError::not_found(format!(
                "workflow execution not found for workflow ID \"{}\" and run ID \"{}\"",
                id.workflow_id, id.run_id
            )));
        }
        Ok(())
    }
}
