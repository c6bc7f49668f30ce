//! What every thread for workflow code needs.

use std::sync::Arc;

use steadfast_core::ids::TaskQueue;
use tokio::sync::mpsc::UnboundedSender;

use super::{WorkerError, local_activities::LocalActivities, options::WorkerOptions};
use crate::engine::Engine;

/// What every thread needs.
pub(super) struct ThreadSettings {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) task_queue: TaskQueue,
    pub(super) options: WorkerOptions,
    pub(super) local: LocalActivities,
    /// Takes what the worker cannot go on after. Dropped last: the worker hears that threads have let go of the
    /// rest.
    pub(super) fatal: UnboundedSender<WorkerError>,
}
