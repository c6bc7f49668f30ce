//! What a worker may be told.

use std::time::Duration;

/// How much a worker does at a time, and how it ends.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How many workflow tasks are worked on at a time.
    pub max_concurrent_workflow_tasks: usize,
    /// How many activities run at a time.
    pub max_concurrent_activities: usize,
    /// How many local activities run at a time.
    pub max_concurrent_local_activities: usize,
    /// How many activities of the queue all its workers together may start in a second. Of several
    /// workers that say so the last one counts. Only a Temporal Service heeds it; the embedded engine
    /// has one process, which `max_concurrent_activities` limits.
    pub max_task_queue_activities_per_second: Option<f64>,
    /// How many runs are kept in memory; the others are rebuilt from their history when needed.
    pub max_cached_runs: usize,
    /// How many threads run workflow code.
    pub workflow_threads: usize,
    /// How long activities may go on after a shutdown was asked for before they are told to stop,
    /// and then again before they are left alone.
    pub graceful_shutdown_timeout: Duration,
    /// How long workflow code may keep its thread before that counts as a deadlock.
    pub deadlock_timeout: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            max_concurrent_workflow_tasks: 200,
            max_concurrent_activities: 200,
            max_concurrent_local_activities: 200,
            max_task_queue_activities_per_second: None,
            max_cached_runs: 10_000,
            workflow_threads: std::thread::available_parallelism().map_or(2, usize::from),
            graceful_shutdown_timeout: Duration::from_secs(10),
            deadlock_timeout: Duration::from_secs(2),
        }
    }
}
