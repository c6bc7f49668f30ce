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
    store::Row,
};

/// How long something has to last for its type to be let through as long as the process lives.
const LASTS: Duration = Duration::from_secs(10);

/// What a worker has, or is to have: an attempt at an activity of a run, or its workflow task.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Trial {
    pub(super) key: i64,
    pub(super) attempt: Option<(u64, u32)>,
}

#[derive(Debug, Default)]
pub(crate) struct Suspects {
    types: BTreeMap<Suspect, Type>,
    /// What is with workers.
    trials: BTreeMap<Trial, Trying>,
}

/// What is known of what a worker has.
#[derive(Debug)]
pub(super) struct Trying {
    pub(super) suspect: Suspect,
    pub(super) since: Timestamp,
    /// How many processes died with it at most.
    pub(super) deaths: u32,
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
    /// Whether nothing is known of any type.
    pub(super) fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// What workers have of a run.
    pub(super) fn trials(&self, key: i64) -> impl Iterator<Item = Trial> {
        let first = Trial { key, attempt: None };
        let last = Trial {
            key,
            attempt: Some((u64::MAX, u32::MAX)),
        };
        self.trials.range(first..=last).map(|(trial, _)| *trial)
    }

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

    pub(super) fn is_blamed(&self, suspect: &Suspect) -> bool {
        let known = self.types.get(suspect);
        known.is_some_and(|known| known.stored.deaths > 0)
    }

    /// Keeps something that may not pass yet.
    pub(super) fn hold(
        &mut self,
        suspect: &Suspect,
        queue: &TaskQueue,
        trial: Trial,
        now: Timestamp,
    ) -> bool {
        let known = self.types.get_mut(suspect);
        let Some(known) = known.filter(|known| known.is_closed(now)) else {
            return false;
        };
        known.held.push((queue.clone(), trial));
        true
    }

    /// A worker is about to have something, when what is to be written is durable.
    pub(super) fn start(&mut self, trial: Trial, trying: Trying) -> Option<Row> {
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
    pub(super) fn end(&mut self, trial: Trial, now: Timestamp) -> Option<Row> {
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
    pub(super) fn release(&mut self, now: Timestamp) -> Vec<(TaskQueue, Trial)> {
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
    pub(super) fn goes_on(self, run: &Execution) -> bool {
        let Some((scheduled, attempt)) = self.attempt else {
            return run.is_task_started();
        };
        run.activities.get(&scheduled).is_some_and(|activity| {
            activity.attempt == attempt
                && matches!(&activity.state, ActivityState::Started(running) if !running.handed_over)
        })
    }
}
