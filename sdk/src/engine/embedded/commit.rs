//! Group commit, from the engine's side: what the writer is given, and what follows from its news.

use std::{
    cmp::Reverse,
    collections::HashSet,
    mem,
    sync::PoisonError,
    time::{Duration, Instant},
};

use steadfast_core::time::Timestamp;

use super::{
    execution::ActivityState,
    history::Watch,
    options::Durability,
    shared::Shared,
    state::{After, Core},
    store::{Batch, Row, WriterWork},
};
use crate::engine::EngineError;

/// After a failed commit, the wait before the runs concerned are read again by themselves.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a commit that waits for the disk waits first for an answer that is about to come, so
/// that both go to the disk at once.
const LINGER: Duration = Duration::from_micros(200);
/// A batch with so many rows does not wait for more.
const LARGE_BATCH: usize = 8;

impl WriterWork for Shared {
    fn next(&self, wait: bool) -> Option<Batch> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lingering_since = None;
        loop {
            if self.core.is_poisoned() {
                // A transition panicked half-way. What it queued must not become durable.
                drop(core);
                self.die(panicked());
                return None;
            }
            if core.has_work() {
                if let Some(left) = self.linger(&core, &mut lingering_since) {
                    core.writer_lingers = true;
                    (core, _) = self
                        .writer_wakes
                        .wait_timeout(core, left)
                        .unwrap_or_else(PoisonError::into_inner);
                    core.writer_lingers = false;
                    continue;
                }
                core.writing = mem::take(&mut core.after);
                core.ended_writing = mem::take(&mut core.ended);
                return Some(Batch {
                    rows: mem::take(&mut core.rows),
                    reads: mem::take(&mut core.reads),
                    backups: mem::take(&mut core.backups),
                });
            }
            if core.stopping {
                return None;
            }
            if !wait {
                return Some(Batch::default());
            }
            core.writer_waits = true;
            core = self
                .writer_wakes
                .wait(core)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn committed(&self, rows: Vec<Row>) {
        let after = {
            let mut core = self.lock();
            core.note_committed(&rows)
        };
        for effect in after {
            acknowledge(effect, Ok(()));
        }
    }

    fn failed(&self, rows: Vec<Row>, error: EngineError) {
        let after = {
            let mut core = self.lock();
            let again = self.clock.now().after(AFTER_FAILURE);
            core.discard(&rows, again)
        };
        for effect in after {
            acknowledge(effect, Err(error.clone()));
        }
    }

    fn crashed(&self) {
        self.die(EngineError::Unavailable {
            message: "the engine crashed, as a test asked".to_owned(),
        });
    }
}

/// Says that the engine cannot go on.
pub(crate) fn panicked() -> EngineError {
    EngineError::Unavailable {
        message:
            "the engine panicked, which is a bug, and stopped so that nothing wrong is written; \
                  what was acknowledged is safe, open it again"
                .to_owned(),
    }
}

fn acknowledge(effect: After, result: Result<(), EngineError>) {
    // Whoever waits may have gone.
    match effect {
        After::Ack(sender) => drop(sender.send(result)),
        After::Update(sender, answer) => drop(sender.send(result.map(|()| *answer))),
        After::Query(sender, answer) => {
            let failed = |failure| EngineError::Failed(Box::new(failure));
            drop(sender.send(result.and_then(|()| (*answer).map_err(failed))));
        }
        After::Dispatch { .. } => {}
    }
}

impl Shared {
    /// Ends everything without writing what is queued.
    fn die(&self, error: EngineError) {
        self.stop(error);
        let mut core = self.lock();
        core.rows.clear();
        core.after.clear();
        core.writing.clear();
        core.reads.clear();
        core.backups.clear();
    }

    /// How long the batch waits for more; `None` when it is written now.
    fn linger(&self, core: &Core, since: &mut Option<Instant>) -> Option<Duration> {
        let worthwhile = self.durability == Durability::Full
            && !core.stopping
            && !core.rows.is_empty()
            && core.rows.len() < LARGE_BATCH
            && core.reads.is_empty()
            && core.expects_answer();
        if !worthwhile {
            return None;
        }
        LINGER.checked_sub(since.get_or_insert_with(Instant::now).elapsed())
    }
}

impl Core {
    /// Whether a workflow task is with a worker, or about to be, whose answer will be written too.
    pub(crate) fn expects_answer(&self) -> bool {
        self.tasks_out > 0 || self.workflow_tasks.is_being_served()
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.rows.is_empty()
            || !self.after.is_empty()
            || !self.reads.is_empty()
            || !self.backups.is_empty()
    }

    /// Gives out what waited for a batch; what is left is to be acknowledged without the lock.
    fn note_committed(&mut self, rows: &[Row]) -> Vec<After> {
        for row in rows {
            let (key, last) = match row {
                Row::History { key, last, .. } => (key, last),
                Row::Delete { key } => {
                    if let Some(watch) = self.watches.get(key) {
                        watch.tell_deleted();
                    }
                    continue;
                }
                _ => continue,
            };
            let Some(run) = self.executions.get_mut(key) else {
                continue;
            };
            run.committed = *last;
            let closing = (!run.is_open() && run.committed == run.last_event_id())
                .then(|| run.closing_event.clone())
                .flatten();
            if let Some(watch) = self.watches.get(key) {
                Watch::tell(watch, closing);
            }
            self.drop_if_done(*key);
        }
        self.ended_writing.clear();
        let mut after = mem::take(&mut self.writing);
        after.retain(|effect| {
            let After::Dispatch {
                queue,
                key,
                scheduled,
                attempt,
            } = effect
            else {
                return true;
            };
            self.activity_tasks
                .push(queue, (*key, *scheduled, *attempt));
            false
        });
        after
    }

    /// Forgets everything that was not written: the runs concerned are read again from the store.
    fn discard(&mut self, rows: &[Row], again: Timestamp) -> Vec<After> {
        let mut after = mem::take(&mut self.writing);
        // What was queued meanwhile builds on what failed.
        let queued = mem::take(&mut self.rows);
        after.append(&mut self.after);
        let keys: HashSet<i64> = rows.iter().chain(&queued).filter_map(Row::key).collect();
        let mut keys: Vec<i64> = keys.into_iter().collect();
        keys.sort_unstable();
        for key in keys {
            self.timers.push(Reverse((again, key)));
            let Some(run) = self.forget(key) else {
                continue;
            };
            let running = run
                .activities
                .into_iter()
                .filter_map(|(scheduled, activity)| match activity.state {
                    ActivityState::Started(attempt) => {
                        Some((scheduled, (activity.attempt, attempt)))
                    }
                    ActivityState::Scheduled | ActivityState::Backoff(_) => None,
                })
                .collect();
            self.running.insert(key, running);
        }
        let ended = mem::take(&mut self.ended_writing);
        for ended in ended.into_iter().chain(mem::take(&mut self.ended)) {
            // Its worker may report again.
            self.running
                .entry(ended.key)
                .or_default()
                .insert(ended.scheduled, (ended.number, ended.attempt));
        }
        for row in rows.iter().chain(&queued) {
            match row {
                // What caused the job did not happen.
                Row::PutJob { id, .. } => self.parked.retain(|parked| parked.stored != Some(*id)),
                // What the job did was not written.
                Row::DeleteJob { id } => self.unread_jobs.push(*id),
                _ => {}
            }
        }
        after
    }
}
