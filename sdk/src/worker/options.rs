//! What a worker may be told.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::WorkerError;

/// How much a worker does at a time, and how it ends. What makes no sense is refused when the worker is
/// built: a limit of 0 with which nothing would ever run, more than 1,024 threads, a rate that is no
/// positive number. `usize::MAX` stands for no limit.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How many workflow tasks are worked on at a time; 200 by default.
    pub max_concurrent_workflow_tasks: usize,
    /// How many activities run at a time; 200 by default. One that blocks has a thread of its own.
    pub max_concurrent_activities: usize,
    /// How many local activities run at a time; 200 by default.
    pub max_concurrent_local_activities: usize,
    /// How many activities of the queue all its workers together may start in a second. Of several
    /// workers that say so the last one counts. Only a Temporal Service heeds it; the embedded engine
    /// has one process, which `max_concurrent_activities` limits.
    pub max_task_queue_activities_per_second: Option<f64>,
    /// How many runs are kept in memory; the others are rebuilt from their history when needed. 10,000
    /// by default; 0 keeps none.
    pub max_cached_runs: usize,
    /// How many threads run workflow code; as many as there are processors by default.
    pub workflow_threads: usize,
    /// How long a stop may take, whatever activities do; 10 seconds by default. In the last tenth of
    /// it, a second at most, those that still run are told to stop; those that go on all the same are
    /// left alone, and count as never heard of.
    pub graceful_shutdown_timeout: Duration,
    /// How long workflow code may keep its thread before that counts as a deadlock; 2 seconds by
    /// default.
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

/// More threads than this are a mistake.
const MAX_THREADS: usize = 1_024;

impl WorkerOptions {
    /// Says what makes no sense.
    pub(super) fn check(&self) -> Result<(), WorkerError> {
        let limits = [
            (
                "max_concurrent_workflow_tasks",
                self.max_concurrent_workflow_tasks,
            ),
            ("max_concurrent_activities", self.max_concurrent_activities),
            (
                "max_concurrent_local_activities",
                self.max_concurrent_local_activities,
            ),
            ("workflow_threads", self.workflow_threads),
        ];
        if let Some((option, _)) = limits.iter().find(|(_, limit)| *limit == 0) {
            return Err(WorkerError::InvalidOption {
                option,
                problem: "0 means that nothing runs; leave it out for the default".to_owned(),
            });
        }
        if self.workflow_threads > MAX_THREADS {
            return Err(WorkerError::InvalidOption {
                option: "workflow_threads",
                problem: format!(
                    "{} threads are more than {MAX_THREADS}; as many as there are processors are enough",
                    self.workflow_threads
                ),
            });
        }
        if self.deadlock_timeout.is_zero() {
            return Err(WorkerError::InvalidOption {
                option: "deadlock_timeout",
                problem: "no workflow code takes no time at all".to_owned(),
            });
        }
        match self.max_task_queue_activities_per_second {
            Some(rate) if !(rate > 0.0 && rate.is_finite()) => Err(WorkerError::InvalidOption {
                option: "max_task_queue_activities_per_second",
                problem: format!("`{rate}` is not a rate; pause the queue to start nothing"),
            }),
            _ => Ok(()),
        }
    }

    /// A semaphore of so many permits, or as many as one can have.
    pub(super) fn slots(limit: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
    }
}
