//! Holds back the tasks of types that processes died of, perhaps: what [`suspects`](super::suspects) decides is done here.

use steadfast_core::{ids::TaskQueue, time::Timestamp};

use super::{
    execution::Suspect,
    state::Core,
    suspects::{Trial, Trying},
};

impl Core {
    /// Whether the workflow task of a run has to wait because of its type; then it is kept until it may pass.
    pub(super) fn holds_task(&mut self, key: i64, now: Timestamp) -> bool {
        let Some(run) = self.executions.get_mut(&key) else {
            return false;
        };
        if self.suspects.is_empty() {
            return false;
        }
        let suspect = Suspect::Workflow(run.start.workflow_type.clone());
        if self.suspects.is_blamed(&suspect) {
            run.suspect_task();
        }
        let trial = Trial { key, attempt: None };
        run.queued = self
            .suspects
            .hold(&suspect, &run.start.task_queue, trial, now);
        run.queued
    }

    /// A worker is about to have the workflow task of a run.
    pub(super) fn try_task(&mut self, key: i64, now: Timestamp) {
        if let Some(run) = self.executions.get(&key)
            && run.is_task_suspect()
        {
            let trying = Trying {
                suspect: Suspect::Workflow(run.start.workflow_type.clone()),
                since: now,
                deaths: run.suspicion.deaths,
            };
            let row = self.suspects.start(Trial { key, attempt: None }, trying);
            self.rows.extend(row);
        }
    }

    /// Whether an attempt has to wait because of its type; then it is kept until it may pass.
    pub(super) fn holds_attempt(
        &mut self,
        queue: &TaskQueue,
        (key, scheduled, attempt): (i64, u64, u32),
        now: Timestamp,
    ) -> bool {
        let is_probation = self.opening.is_probation(now);
        if self.suspects.is_empty() && !is_probation {
            return false;
        }
        let Some(activity) = self
            .executions
            .get_mut(&key)
            .and_then(|run| run.activities.get_mut(&scheduled))
        else {
            return false;
        };
        let suspect = Suspect::Activity(activity.task.activity_type.clone());
        activity.suspect |= is_probation || self.suspects.is_blamed(&suspect);
        let trial = Trial {
            key,
            attempt: Some((scheduled, attempt)),
        };
        self.suspects.hold(&suspect, queue, trial, now)
    }

    /// A worker is about to have an attempt.
    pub(super) fn try_attempt(&mut self, key: i64, scheduled: u64, now: Timestamp) {
        if let Some(run) = self.executions.get(&key)
            && let Some(activity) = run.activities.get(&scheduled)
            && activity.suspect
        {
            let trial = Trial {
                key,
                attempt: Some((scheduled, activity.attempt)),
            };
            let trying = Trying {
                suspect: Suspect::Activity(activity.task.activity_type.clone()),
                since: now,
                deaths: activity.attempt.saturating_sub(1),
            };
            let row = self.suspects.start(trial, trying);
            self.rows.extend(row);
        }
    }

    /// Looks what became of what a worker has of a run.
    pub(super) fn end_trials(&mut self, key: i64, now: Timestamp) {
        let Some(run) = self.executions.get(&key) else {
            return;
        };
        let ended: Vec<Trial> = self
            .suspects
            .trials(key)
            .filter(|trial| !trial.goes_on(run))
            .collect();
        for trial in &ended {
            let row = self.suspects.end(*trial, now);
            self.rows.extend(row);
        }
        if !ended.is_empty() {
            self.release_suspects(now);
        }
    }

    /// Puts what may pass into its queue again.
    pub(super) fn release_suspects(&mut self, now: Timestamp) {
        for (queue, Trial { key, attempt }) in self.suspects.release(now) {
            match attempt {
                Some((scheduled, attempt)) => {
                    self.activity_tasks.push(&queue, (key, scheduled, attempt));
                }
                None => self.workflow_tasks.push(&queue, key),
            }
        }
    }
}
