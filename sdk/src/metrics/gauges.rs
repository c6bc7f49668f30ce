//! What an embedded engine has to do and keeps, recorded every second.
//!
//! A thread of its own does it, so that it goes on where nothing else does: that is when somebody looks. It ends with
//! the engine, and does not keep it open.

use std::{thread, time::Duration};

use ::metrics::{counter, gauge};

use crate::engine::embedded::{Backlog, EmbeddedEngine, EngineStats};

const PERIOD: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 256 * 1024;

pub(super) fn record(engine: &EmbeddedEngine) {
    let stats = engine.stats_source();
    let thread = thread::Builder::new()
        .name("steadfast-gauges".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            while let Some(stats) = stats() {
                set(&stats);
                thread::sleep(PERIOD);
            }
        });
    if let Err(error) = thread {
        tracing::warn!(%error, "what waits in task queues is not measured: no thread could be started");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floating-point numbers"
)]
fn set(stats: &EngineStats) {
    for queue in &stats.task_queues {
        for (task_type, Backlog { tasks, age, .. }) in [
            ("Workflow", queue.workflow_tasks),
            ("Activity", queue.activity_tasks),
        ] {
            let name = queue.task_queue.as_str().to_owned();
            let labels = [("task_queue", name), ("task_type", task_type.to_owned())];
            gauge!("approximate_backlog_count", &labels).set(tasks as f64);
            gauge!("approximate_backlog_age_seconds", &labels).set(age.as_secs_f64());
        }
    }
    gauge!("steadfast_runs_in_memory").set(stats.runs_in_memory as f64);
    gauge!("steadfast_log_bytes").set(stats.log_bytes as f64);
    counter!("steadfast_workflow_task_timeout").absolute(stats.workflow_tasks_timed_out);
    counter!("steadfast_activity_timeout").absolute(stats.activities_timed_out);
    counter!("steadfast_workflow_timeout").absolute(stats.workflows_timed_out);
}
