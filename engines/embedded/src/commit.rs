//! Group commit: who writes what was queued, when, and what follows from it.
//!
//! The writer thread writes whatever was queued since its last commit. Two things save switches of
//! threads, which are most of what a short commit costs:
//!
//! * What an answer is about to follow waits a moment for it, so that both are one commit: for a while
//!   after a commit the writer thread looks by itself and is not woken for such a thing, and when the
//!   commit waits for the disk it lingers before.
//! * When nobody else has anything to write and a commit does not wait for the disk, the thread that
//!   brings the answer to a workflow task [writes it itself](Shared::claim).

use std::{
    any::Any,
    cmp::Reverse,
    collections::HashSet,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::time::Timestamp;
use steadfast_engine::EngineError;

use super::{
    ended::panicked,
    execution::ActivityState,
    options::Durability,
    save::recycle,
    shared::Shared,
    state::{After, Core, WriterState},
    store::{Batch, CodecPanicked, Row, Writer, WriterWork},
};

/// After a failed commit, the wait before the runs concerned are read again by themselves.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a commit that waits for the disk waits first for an answer that is about to come.
const LINGER: Duration = Duration::from_micros(200);
/// How long the writer sleeps after a commit before it looks by itself whether there is more.
const REST: Duration = Duration::from_micros(500);
/// A batch with so many rows does not wait for more.
const LARGE_BATCH: usize = 8;

impl WriterWork for Shared {
    fn take(&self) -> Option<Batch> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        if self.core.is_poisoned() {
            // A transition panicked half-way. What it queued must not become durable.
            drop(core);
            self.die(&panicked());
            return None;
        }
        if core.stopping && !core.has_work() {
            return None;
        }
        core.commits += 1;
        core.writing = take_leaving_room(&mut core.after);
        core.promise_writing = core.promise.take();
        core.ended_writing = take_leaving_room(&mut core.ended);
        Some(Batch {
            rows: take_leaving_room(&mut core.rows),
            reads: mem::take(&mut core.reads),
            backups: mem::take(&mut core.backups),
        })
    }

    fn committed(&self, mut rows: Vec<Row>) {
        let (promise, after, ended) = {
            let mut core = self.lock();
            let after = core.note_committed(&mut rows);
            let ended = mem::take(&mut core.ended_writing);
            (core.promise_writing.take(), after, ended)
        };
        drop(ended);
        if let Some(promise) = promise {
            promise.tell(Ok(()));
        }
        for effect in after {
            acknowledge(effect, Ok(()));
        }
    }

    fn failed(&self, rows: Vec<Row>, error: EngineError) {
        let (writing, queued, after) = {
            let mut core = self.lock();
            let again = self.clock.now().after(AFTER_FAILURE);
            let (writing, queued) = (core.promise_writing.take(), core.promise.take());
            (writing, queued, core.discard(&rows, again))
        };
        if let Some(promise) = writing {
            if Row::only_make_room(&rows) {
                promise.tell(Err(error.clone()));
            } else {
                promise.tell_failed_with_others(error.clone());
            }
        }
        if let Some(promise) = queued {
            promise.tell_failed_with_others(error.clone());
        }
        for effect in after {
            acknowledge(effect, Err(error.clone()));
        }
    }

    fn lost(&self, rows: Vec<Row>, error: EngineError) {
        // First, so that nothing more is asked.
        self.stop(error.clone());
        self.failed(rows, error.clone());
        self.die(&error);
    }

    fn crashed(&self) {
        self.die(&EngineError::Stopped {
            message: "the engine crashed, as a test asked".to_owned(),
        });
    }
}

/// Takes what is queued. The next batch is likely to be as large, so it does not have to grow.
fn take_leaving_room<T>(queued: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(queued.len());
    mem::replace(queued, room)
}

/// Says why the engine cannot go on after a panic.
pub(crate) fn stopped_by(panic: &(dyn Any + Send)) -> EngineError {
    let Some(CodecPanicked(text)) = panic.downcast_ref() else {
        return panicked();
    };
    EngineError::Stopped {
        message: format!(
            "the payload codec panicked: `{text}`; the engine stopped, since what it is to keep or to read \
             cannot go through the codec; what was acknowledged is safe, mend the codec and open it again"
        ),
    }
}

fn acknowledge(effect: After, result: Result<(), EngineError>) {
    // Whoever waits may have gone.
    match effect {
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
    fn die(&self, error: &EngineError) {
        self.stop(error.clone());
        let (promises, after) = {
            let mut core = self.lock();
            core.rows.clear();
            core.reads.clear();
            core.backups.clear();
            let mut after = mem::take(&mut core.after);
            after.append(&mut core.writing);
            ([core.promise.take(), core.promise_writing.take()], after)
        };
        for promise in promises.into_iter().flatten() {
            promise.tell(Err(error.clone()));
        }
        for effect in after {
            acknowledge(effect, Err(error.clone()));
        }
    }

    /// The writer thread.
    pub(crate) fn run_writer(&self) {
        let mut idle = true;
        while !idle || self.wait_for_work() {
            let turn = self.with_writer(|writer| writer.turn(self).map(|()| writer.is_idle()));
            match turn {
                Some(is_idle) => idle = is_idle,
                None => break,
            }
        }
        // Closes the file.
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Does something with the file. `None` when it is closed, when that says so, or after a panic, which
    /// ends the engine.
    pub(super) fn with_writer<T>(&self, act: impl FnOnce(&mut Writer) -> Option<T>) -> Option<T> {
        // Until it is said why the engine ends: see `gone`.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| act(writer.as_mut()?))).unwrap_or_else(|panic| {
            let error = stopped_by(&*panic);
            tracing::error!(%error, "the engine stops");
            self.die(&error);
            None
        })
    }

    /// Waits on behalf of the writer thread. `false` when there will be no more work.
    fn wait_for_work(&self) -> bool {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = None;
        // After a commit there is often another.
        let mut commits = None;
        loop {
            let wait = if core.has_work() && !core.claimed {
                let lingers = self.durability == Durability::Full
                    && core.may_linger()
                    && !self.core.is_poisoned();
                let since = since.get_or_insert_with(Instant::now);
                lingers
                    .then(|| LINGER.checked_sub(since.elapsed()))
                    .flatten()
            } else if core.stopping && !core.claimed {
                return false;
            } else if commits.replace(core.commits) != Some(core.commits) {
                since = Some(Instant::now());
                Some(REST)
            } else {
                Some(Duration::MAX)
            };
            let Some(wait) = wait else {
                core.writer_state = WriterState::Busy;
                return true;
            };
            core = if wait == Duration::MAX {
                core.writer_state = WriterState::Sleeps;
                self.writer_wakes
                    .wait(core)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                core.writer_state = WriterState::Rests;
                self.writer_wakes
                    .wait_timeout(core, wait)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
        }
    }

    /// Whether the caller is to [write](Self::write_claimed) what is queued itself: the writer thread
    /// sleeps, nobody else is about to bring something, and the commit does not wait for the disk.
    ///
    /// Only for threads that may block for a moment: now and then `SQLite` tidies its files in a
    /// commit, and that does wait for the disk.
    pub(crate) fn claim(&self, core: &mut Core) -> bool {
        if core.claimed {
            return false;
        }
        core.claimed = self.durability == Durability::Relaxed
            && core.writer_state != WriterState::Busy
            && core.is_small_batch()
            && !core.expects_answer();
        core.claimed
    }

    /// Writes what was claimed.
    pub(crate) fn write_claimed(&self) {
        // Whoever waits for the commit hears how it went.
        let _ = self.with_writer(|writer| writer.write(self));
        // Wakes the writer thread if something came meanwhile.
        self.lock().claimed = false;
    }
}

impl Core {
    /// Whether a workflow task is with a worker, or about to be, whose answer will be written too.
    pub(crate) fn expects_answer(&self) -> bool {
        self.tasks_out > 0 || self.workflow_tasks.is_being_served(&self.paused)
    }

    fn is_small_batch(&self) -> bool {
        !self.stopping
            && !self.rows.is_empty()
            && self.rows.len() < LARGE_BATCH
            && self.reads.is_empty()
            && self.backups.is_empty()
    }

    /// Whether what is queued may wait a moment for more.
    fn may_linger(&self) -> bool {
        self.is_small_batch() && self.expects_answer()
    }

    /// Whether the writer thread has to be woken.
    pub(crate) fn needs_writer(&self) -> bool {
        let has_work = self.stopping || self.has_work();
        !self.claimed
            && has_work
            && match self.writer_state {
                WriterState::Busy => false,
                WriterState::Rests => !self.may_linger(),
                WriterState::Sleeps => true,
            }
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.rows.is_empty()
            || !self.after.is_empty()
            || self.promise.is_some()
            || !self.reads.is_empty()
            || !self.backups.is_empty()
    }

    /// Gives out what waited for a batch; what is left is to be acknowledged without the lock.
    fn note_committed(&mut self, rows: &mut [Row]) -> Vec<After> {
        for row in rows {
            let (key, last) = match row {
                Row::History {
                    key, last, events, ..
                } => {
                    recycle(mem::take(events), &mut self.spare_rows);
                    (key, last)
                }
                Row::Activity { key, .. } | Row::Task { key, .. } => {
                    if let Some(run) = self.executions.get_mut(key) {
                        run.is_ours = true;
                    }
                    continue;
                }
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
            run.is_ours = true;
            let closing = (!run.is_open() && run.committed == run.last_event_id())
                .then(|| run.closing_event.clone())
                .flatten();
            if let Some(watch) = self.watches.get(key) {
                watch.tell(closing);
            }
            self.drop_if_done(*key);
        }
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
            if !run.is_ours {
                self.not_ours.insert(key);
            }
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
        // What was done last is undone first.
        for row in rows.iter().chain(&queued).rev() {
            match row {
                Row::AddAttribute { name, .. } => {
                    Arc::make_mut(&mut self.attributes).remove(name);
                }
                Row::RemoveAttribute { name, kind } => {
                    Arc::make_mut(&mut self.attributes).add(name, *kind);
                }
                Row::Schedule { id, before, .. } => {
                    self.schedules.put_back(id, before.as_ref(), again);
                }
                _ => {}
            }
        }
        after
    }
}
