//! The types of activities and workflows that processes died of, perhaps.
//!
//! `execution/lost.rs` holds back one activity or one run. That is not enough where many of one type kill their
//! process, each in its turn, or where a workflow asks for another such activity whenever one is lost. So a type
//! of which a worker had something suspect when a process died is held back too, as long as the default retry policy
//! waits after so many deaths, and up to as long again, each type another time: those that did not cause the death
//! get through. Then one passes at a time, and another each time as long again.
//!
//! What ends while its process lives takes the deaths away that it was blamed for itself, and half of them at least, and
//! lets the next one pass at once; when no death is left everything passes. So it does when one has lasted for some seconds and the process still lives, until the next
//! process dies. A process that ends in peace leaves no suspects.
//!
//! Invariants:
//!
//! * That something suspect of a type is with a worker is durable before the worker has it.
//! * What is held back is in its queue again as soon as it may pass; nothing is held back of a type without deaths.

use std::{collections::BTreeMap, mem, time::Duration};

use steadfast_core::{ids::TaskQueue, time::Timestamp};

use super::{
    execution::{ActivityState, Execution, StoredSuspect, Suspect},
    state::Core,
    store::Row,
};

/// How long something has to last for its type to be let through as long as the process lives.
const LASTS: Duration = Duration::from_secs(10);

/// What a worker has, or is to have: an attempt at an activity of a run, or its workflow task.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Trial {
    key: i64,
    attempt: Option<(u64, u32)>,
}

#[derive(Debug, Default)]
pub(crate) struct Suspects {
    types: BTreeMap<Suspect, Type>,
    /// What is with workers.
    trials: BTreeMap<Trial, Trying>,
}

/// What is known of what a worker has.
#[derive(Debug)]
struct Trying {
    suspect: Suspect,
    since: Timestamp,
    /// How many processes died with it at most.
    deaths: u32,
}

/// What is known of a type.
#[derive(Debug, Default)]
struct Type {
    stored: StoredSuspect,
    /// How much of it is with workers.
    running: usize,
    /// Whether it was let through in this process.
    is_free: bool,
    held: Vec<(TaskQueue, Trial)>,
}

impl Suspects {
    /// What is left of an earlier process, which crashed or ended in peace; and what is to be written of that.
    pub(super) fn after(
        stored: Vec<(Suspect, StoredSuspect)>,
        crashed: bool,
        now: Timestamp,
    ) -> (Self, Vec<Row>) {
        let mut suspects = Self::default();
        let mut rows = Vec::new();
        for (suspect, mut stored) in stored {
            if !crashed {
                rows.push(Row::Suspect(suspect, None));
                continue;
            }
            if mem::take(&mut stored.is_running) {
                stored.deaths = stored.deaths.saturating_add(1);
                let wait = stored.wait(&suspect);
                stored.not_before = now.after(wait);
                tracing::warn!(
                    r#type = suspect.name(),
                    deaths = stored.deaths,
                    ?wait,
                    "a process ended while a worker had {} of a type, which are held back",
                    suspect.what(),
                );
                rows.push(Row::Suspect(suspect.clone(), Some(stored)));
            }
            // A clock that was set back must not hold it back for longer.
            stored.not_before = stored.not_before.min(now.after(stored.wait(&suspect)));
            suspects.types.insert(
                suspect,
                Type {
                    stored,
                    ..Type::default()
                },
            );
        }
        (suspects, rows)
    }

    fn is_blamed(&self, suspect: &Suspect) -> bool {
        let known = self.types.get(suspect);
        known.is_some_and(|known| known.stored.deaths > 0)
    }

    /// Keeps something that may not pass yet.
    fn hold(&mut self, suspect: &Suspect, queue: &TaskQueue, trial: Trial, now: Timestamp) -> bool {
        let known = self.types.get_mut(suspect);
        let Some(known) = known.filter(|known| known.is_closed(now)) else {
            return false;
        };
        known.held.push((queue.clone(), trial));
        true
    }

    /// A worker is about to have something, when what is to be written is durable.
    fn start(&mut self, trial: Trial, trying: Trying) -> Option<Row> {
        let Trying { suspect, since, .. } = &trying;
        let known = self.types.entry(suspect.clone()).or_default();
        known.running += 1;
        let before = known.stored;
        known.stored.is_running = true;
        if known.stored.deaths > 0 {
            known.stored.not_before = since.after(known.stored.wait(suspect));
        }
        let row =
            (known.stored != before).then(|| Row::Suspect(suspect.clone(), Some(known.stored)));
        self.trials.insert(trial, trying);
        row
    }

    /// Something ended, and its process lives.
    fn end(&mut self, trial: Trial, now: Timestamp) -> Option<Row> {
        let Trying {
            suspect, deaths, ..
        } = self.trials.remove(&trial)?;
        let known = self.types.get_mut(&suspect)?;
        let before = known.stored;
        known.running = known.running.saturating_sub(1);
        known.stored.deaths = (before.deaths / 2).min(before.deaths.saturating_sub(deaths));
        known.stored.is_running = known.running > 0;
        if before.deaths > 0 {
            known.stored.not_before = now;
        }
        (known.stored != before).then(|| {
            let is_over = known.is_over();
            Row::Suspect(suspect, (!is_over).then_some(known.stored))
        })
    }

    /// What may pass now. Forgets what is over.
    fn release(&mut self, now: Timestamp) -> Vec<(TaskQueue, Trial)> {
        for trying in self.trials.values() {
            if trying.since.after(LASTS) <= now
                && let Some(known) = self.types.get_mut(&trying.suspect)
            {
                known.is_free = true;
            }
        }
        let mut released = Vec::new();
        for known in self.types.values_mut() {
            if !known.is_closed(now) {
                released.append(&mut known.held);
            }
        }
        self.types.retain(|_, known| !known.is_over());
        released
    }

    /// When something that is held back may pass.
    pub(super) fn next_release(&self) -> Option<Timestamp> {
        let holds = |known: &&Type| !known.held.is_empty();
        let next = self.types.values().filter(holds);
        let lasting = self.trials.values().filter(|trying| {
            let known = self.types.get(&trying.suspect);
            known.as_ref().is_some_and(holds)
        });
        next.map(|known| known.stored.not_before)
            .chain(lasting.map(|trying| trying.since.after(LASTS)))
            .min()
    }
}

impl Type {
    fn is_closed(&self, now: Timestamp) -> bool {
        self.stored.deaths > 0 && !self.is_free && now < self.stored.not_before
    }

    fn is_over(&self) -> bool {
        self.stored.deaths == 0 && self.running == 0
    }
}

impl Trial {
    /// Whether a worker of this process has it.
    fn goes_on(self, run: &Execution) -> bool {
        let Some((scheduled, attempt)) = self.attempt else {
            return run.is_task_started();
        };
        run.activities.get(&scheduled).is_some_and(|activity| {
            activity.attempt == attempt
                && matches!(&activity.state, ActivityState::Started(running) if !running.handed_over)
        })
    }
}

impl Core {
    /// Whether the workflow task of a run has to wait because of its type; then it is kept until it may pass.
    pub(super) fn holds_task(&mut self, key: i64, now: Timestamp) -> bool {
        let Some(run) = self.executions.get_mut(&key) else {
            return false;
        };
        if self.suspects.types.is_empty() {
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
        if self.suspects.types.is_empty() && !is_probation {
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
        if self.suspects.trials.is_empty() {
            return;
        }
        let Some(run) = self.executions.get(&key) else {
            return;
        };
        let first = Trial { key, attempt: None };
        let last = Trial {
            key,
            attempt: Some((u64::MAX, u32::MAX)),
        };
        let ended: Vec<Trial> = self
            .suspects
            .trials
            .range(first..=last)
            .map(|(trial, _)| *trial)
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
