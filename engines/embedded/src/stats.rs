//! Counts what waits and what is kept, for whoever watches an engine. Nothing is counted before somebody asks.

use std::{fs, path::PathBuf, time::Duration};

use steadfast_core::{ids::TaskQueue, time::Timestamp};
use steadfast_engine::{EngineError, TaskQueueDescription};

use super::{
    execution::{ActivityState, Execution, Task},
    shared::Shared,
    state::Core,
    timeouts::TimeoutCounts,
};

/// What an engine has to do and keeps, at one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EngineStats {
    /// What waits for workers, by task queue, in the order of their names. Queues in which something has waited since
    /// the engine was opened are there too.
    pub task_queues: Vec<TaskQueueStats>,
    /// How many runs are in memory.
    pub runs_in_memory: usize,
    /// How many bytes the log (the `-wal` beside the file) has; 0 in memory.
    pub log_bytes: u64,
    /// How many workflow tasks timed out since the engine was opened.
    pub workflow_tasks_timed_out: u64,
    /// How many attempts at activities timed out since the engine was opened.
    pub activities_timed_out: u64,
    /// How many runs timed out since the engine was opened.
    pub workflows_timed_out: u64,
}

/// What waits for workers in a task queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskQueueStats {
    /// The queue.
    pub task_queue: TaskQueue,
    /// Workflow tasks and queries.
    pub workflow_tasks: Backlog,
    /// Activity tasks whose time has come.
    pub activity_tasks: Backlog,
    /// Whether the queue is paused.
    pub is_paused: bool,
}

/// Tasks that wait for workers.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Backlog {
    /// How many. Behind the first 4,096 those that ended meanwhile count too, if one that still waits came before them.
    pub tasks: usize,
    /// How long the oldest has waited; zero when there is none.
    pub age: Duration,
}

/// So many tasks of a queue are looked at.
const LOOKED_AT: usize = 4_096;

impl Shared {
    pub(crate) fn stats(&self) -> Result<EngineStats, EngineError> {
        let log = self.log.as_ref().map_or(0, log_bytes);
        let (mut core, now) = self.enter()?;
        core.drop_gone();
        Ok(core.stats(now, log))
    }

    pub(crate) fn describe_task_queue(
        &self,
        queue: &TaskQueue,
    ) -> Result<TaskQueueDescription, EngineError> {
        let (mut core, now) = self.enter()?;
        core.drop_gone();
        let count = |ready: usize| u64::try_from(ready).ok();
        Ok(TaskQueueDescription {
            workflow_pollers: core.workflow_tasks.pollers(queue, now),
            activity_pollers: core.activity_tasks.pollers(queue, now),
            workflow_tasks: count(core.workflow_tasks.ready(queue).len()),
            activity_tasks: count(core.activity_tasks.ready(queue).len()),
        })
    }
}

/// By its name: what this process has open must not be opened a second time.
fn log_bytes(path: &PathBuf) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Core {
    /// Drops entries of runs and activities that ended, so that they are not counted: a poll would do so.
    fn drop_gone(&mut self) {
        let executions = &self.executions;
        self.workflow_tasks
            .drop_gone(|key| !executions.contains_key(key));
        self.activity_tasks.drop_gone(|(key, scheduled, _)| {
            executions
                .get(key)
                .is_none_or(|run| !run.activities.contains_key(scheduled))
        });
    }

    fn stats(&self, now: Timestamp, log_bytes: u64) -> EngineStats {
        let mut names: Vec<_> = self
            .workflow_tasks
            .names()
            .chain(self.activity_tasks.names())
            .collect();
        names.sort_unstable();
        names.dedup();
        let task_queues = names
            .into_iter()
            .map(|name| TaskQueueStats {
                workflow_tasks: backlog(self.workflow_tasks.ready(name), now, |key| {
                    self.executions.get(key).and_then(waiting_since)
                }),
                activity_tasks: backlog(
                    self.activity_tasks.ready(name),
                    now,
                    |(key, scheduled, attempt)| {
                        let activity = self.executions.get(key)?.activities.get(scheduled)?;
                        (activity.attempt == *attempt
                            && matches!(activity.state, ActivityState::Scheduled))
                        .then_some(activity.attempt_scheduled_time)
                    },
                ),
                is_paused: self.paused.contains(name),
                task_queue: name.clone(),
            })
            .collect();
        let TimeoutCounts {
            workflow_tasks_timed_out,
            activities_timed_out,
            workflows_timed_out,
        } = self.timeouts;
        EngineStats {
            task_queues,
            runs_in_memory: self.executions.len(),
            log_bytes,
            workflow_tasks_timed_out,
            activities_timed_out,
            workflows_timed_out,
        }
    }
}

/// Since when a run waits for a worker, if it does.
fn waiting_since(run: &Execution) -> Option<Timestamp> {
    match &run.task {
        Task::Scheduled(task) if task.not_before.is_none() => Some(task.time),
        // Only queries: nobody keeps when they came.
        _ => run.needs_query_task().then_some(Timestamp::MAX),
    }
}

fn backlog<'a, T: 'a>(
    ready: impl ExactSizeIterator<Item = &'a T>,
    now: Timestamp,
    since: impl FnMut(&T) -> Option<Timestamp>,
) -> Backlog {
    let unseen = ready.len().saturating_sub(LOOKED_AT);
    let (mut tasks, mut oldest) = (unseen, now);
    for since in ready.take(LOOKED_AT).filter_map(since) {
        tasks += 1;
        oldest = oldest.min(since);
    }
    Backlog {
        tasks,
        age: now.since(oldest),
    }
}
