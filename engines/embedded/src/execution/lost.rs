//! What a process may have died of: attempts at activities and workflow tasks that were with a worker when it ended.
//!
//! To write each start down would cost a commit for every task, so it is only done for what may have killed a process
//! before. After a crash each activity that was open is a suspect until it ends, each run that was open until it has answered a
//! workflow task, and so are runs that start in the next seconds. The start of a suspect is durable before a worker
//! has it; if the opening after another crash finds it started, that process died while it ran, and perhaps of it. Then the attempt
//! counts as lost, and the next one waits as long as the retry policy says, or a workflow task as long as the default
//! policy would have it wait. So the first death costs nothing and is not counted, and whatever kills its process does not
//! do so at full speed for ever.

use std::time::Duration;

use steadfast_core::{
    event::WorkflowTaskFailedCause,
    failure::{Failure, FailureKind, TimeoutType},
    ids::{ActivityType, Identity, WorkflowType},
    payload::Payload,
    retry::RetryPolicy,
    time::Timestamp,
};

use super::{Execution, ScheduledTask, Task, TaskKind};

/// What is known of the workflow task of a run that a process may have died of.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    /// Whether an earlier process had the task, or may have had it.
    suspect: bool,
    /// How many processes in a row died while a worker had the task.
    pub(crate) deaths: u32,
    has_row: bool,
    /// What is to be written of it.
    pub(crate) row: Option<TaskRow>,
}

/// A change of the small row that a suspected workflow task has beside the history.
#[derive(Debug)]
pub(crate) enum TaskRow {
    Put(StoredTask),
    Delete,
}

/// What the small row of a workflow task tells.
#[derive(Clone, Debug)]
pub(crate) struct StoredTask {
    pub(crate) attempt: u32,
    pub(crate) deaths: u32,
    /// Which worker has it.
    pub(crate) worker: Option<Identity>,
    pub(crate) not_before: Option<Timestamp>,
}

/// What is held back as a whole when processes die of it: a type.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Suspect {
    Activity(ActivityType),
    Workflow(WorkflowType),
}

/// What the store has of a suspect.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct StoredSuspect {
    /// How many processes died while a worker had something of it, as far as nothing was in its favour since.
    pub(crate) deaths: u32,
    /// Whether a worker has something of it.
    pub(crate) is_running: bool,
    /// When the next one may pass.
    pub(crate) not_before: Timestamp,
}

impl Suspect {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Activity(activity_type) => activity_type.as_str(),
            Self::Workflow(workflow_type) => workflow_type.as_str(),
        }
    }

    /// What a worker has of it.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Activity(_) => "activities",
            Self::Workflow(_) => "workflow tasks",
        }
    }
}

impl StoredSuspect {
    /// How long the suspect is held back: each its own time, so that what is blamed for the same deaths does not die of the
    /// next one too.
    pub(crate) fn wait(&self, suspect: &Suspect) -> Duration {
        let wait = RetryPolicy::default().backoff_after(self.deaths);
        let name = crc32fast::hash(suspect.name().as_bytes());
        let kind = match suspect {
            Suspect::Activity(_) => 0,
            Suspect::Workflow(_) => 1,
        };
        spread(wait, i64::from(name), kind, self.deaths)
    }
}

/// Why an attempt at an activity failed that died with its process.
pub(super) fn lost_attempt(heartbeat: Vec<Payload>) -> Failure {
    let mut failure = Failure::new(
        "the process ended while the activity was running; it may have done its work",
        FailureKind::Timeout {
            timeout_type: TimeoutType::StartToClose,
            last_heartbeat_details: heartbeat,
        },
    );
    "Server".clone_into(&mut failure.source);
    failure
}

/// A wait, and up to as much again: what is blamed for the same death is not tried in the same moment again, so that
/// whatever did not cause it gets through.
pub(super) fn spread(wait: Duration, key: i64, id: u64, attempt: u32) -> Duration {
    // The last steps of SplitMix64, which make neighbours different.
    let mut mixed = key
        .cast_unsigned()
        .rotate_left(40)
        .wrapping_add(id.rotate_left(16))
        .wrapping_add(u64::from(attempt))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let sixteenths = u32::try_from((mixed ^ (mixed >> 31)) % 17).unwrap_or(0);
    wait.saturating_add((wait / 16).saturating_mul(sixteenths))
}

impl Execution {
    /// Whether a worker may have the task only once its start is durable.
    pub(crate) fn is_task_suspect(&self) -> bool {
        self.suspicion.suspect
    }

    /// Notes where a suspected task stands.
    pub(super) fn note_suspect(&mut self) {
        if !self.suspicion.suspect && !self.suspicion.has_row {
            return;
        }
        let (worker, not_before) = match &self.task {
            // This process does not die of what another one does.
            Task::Started(task) if task.remote => (None, None),
            Task::Started(task) => (Some(task.worker.clone()), None),
            Task::Scheduled(task) => (None, task.not_before),
            Task::Idle => (None, None),
        };
        if worker.is_none() && !self.suspicion.has_row && self.suspicion.deaths == 0 {
            return;
        }
        self.suspicion.has_row = true;
        self.suspicion.row = Some(TaskRow::Put(StoredTask {
            attempt: self.attempt,
            deaths: self.suspicion.deaths,
            worker,
            not_before,
        }));
    }

    /// The task was answered, or the run is over: no process died of it.
    pub(super) fn acquit_task(&mut self) {
        let row = if self.suspicion.has_row {
            Some(TaskRow::Delete)
        } else {
            self.suspicion.row.take()
        };
        self.suspicion = Suspicion {
            row,
            ..Suspicion::default()
        };
    }

    /// A process may die of the next task, as one may have before.
    pub(crate) fn suspect_task(&mut self) {
        self.suspicion.suspect = true;
    }

    /// Picks up the task as the store has it. If a worker of an earlier process had it, which crashed, that attempt is
    /// lost.
    pub(super) fn recover_task(
        &mut self,
        stored: Option<StoredTask>,
        suspect: bool,
        was_ours: bool,
        now: Timestamp,
    ) {
        self.suspicion.suspect = suspect || stored.is_some();
        let Some(stored) = stored else { return };
        self.suspicion.has_row = true;
        self.suspicion.deaths = stored.deaths;
        let Task::Scheduled(ScheduledTask { kind, .. }) = self.task else {
            return;
        };
        if let TaskKind::Transient { .. } = kind {
            self.attempt = self.attempt.max(stored.attempt);
        }
        match stored.worker {
            Some(worker) if suspect && !was_ours => self.lose_task(&worker, now),
            _ => {
                if let Some(due) = stored.not_before.filter(|due| *due > now) {
                    // A clock that was set back must not hold it back for longer.
                    self.hold_back_task(due.min(now.after(self.wait_after_deaths())));
                }
            }
        }
    }

    /// A process died while a worker had the task.
    fn lose_task(&mut self, worker: &Identity, now: Timestamp) {
        let deaths = self.suspicion.deaths.saturating_add(1);
        self.suspicion.deaths = deaths;
        let wait = self.wait_after_deaths();
        tracing::warn!(
            workflow_id = %self.id.workflow_id,
            run_id = %self.id.run_id,
            deaths,
            ?wait,
            "a process ended while a worker had a workflow task, which is held back"
        );
        let failure = Failure::application(
            "the process ended while a worker had this workflow task, perhaps because of it: a stack overflow, an \
             abort, a kill; each time that happens again, the wait before the next attempt is longer",
            "ProcessEnded",
        );
        self.start_task(worker, false, 0, now);
        self.fail_task(
            WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            failure,
            now,
        );
        self.hold_back_task(now.after(wait));
    }

    fn wait_after_deaths(&self) -> Duration {
        let deaths = self.suspicion.deaths;
        let least = RetryPolicy::default().backoff_after(deaths);
        spread(least, self.key, 0, deaths)
    }

    fn hold_back_task(&mut self, due: Timestamp) {
        if let Task::Scheduled(ScheduledTask { kind, time, .. }) = self.task {
            self.set_task(Task::Scheduled(ScheduledTask {
                kind,
                time,
                not_before: Some(due),
            }));
        }
        self.note_suspect();
    }
}
