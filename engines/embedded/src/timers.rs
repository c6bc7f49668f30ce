//! The timer thread: fires what is due, and does the jobs whose targets have to be read first.
//!
//! It sleeps until the next due time or until it is woken. While something is due one day it looks at the clock once a
//! second, which can be set, or may have stood still with the machine; an engine that waits for nothing uses no processor time.
//! With a manual clock it only does jobs, and whoever moves the clock fires the timers.

use std::cmp::Reverse;

use steadfast_core::time::Timestamp;
use steadfast_engine::EngineError;

use super::{
    clock::{Clock, ClockListener},
    job::{Job, ParkedJob},
    shared::Shared,
    state::Core,
    store::{Row, decode_value, expired_runs, stored_jobs},
};

/// How many expired runs are deleted in one commit.
const DELETED_AT_ONCE: usize = 200;

/// Runs until the engine stops.
pub(crate) fn run_timers(shared: &Shared) {
    let manual = matches!(shared.clock, Clock::Manual(_));
    let mut next_retention = shared.retention.map(|_| shared.clock.now());
    loop {
        if tick(shared) {
            continue;
        }
        if !manual {
            shared.fire_due();
        }
        if let Some(due) = next_retention
            && due <= shared.clock.now()
        {
            next_retention = Some(delete_expired(shared));
            continue;
        }
        let mut core = shared.lock();
        if core.stopping || shared.is_broken() {
            return;
        }
        if core.has_waiting_jobs() {
            continue;
        }
        let next = core.timers.peek().map(|entry| entry.0.0);
        let until = next
            .into_iter()
            .chain(core.next_wait())
            .chain(core.suspects.next_release())
            .chain(core.schedules.next_due())
            .filter(|_| !manual)
            .chain(next_retention)
            .min()
            .unwrap_or(Timestamp::MAX);
        if until > shared.clock.now() {
            shared.wait_for_timer(core, until);
        }
    }
}

/// Does one job, if there is one.
pub(crate) fn tick(shared: &Shared) -> bool {
    if let Err(error) = resume_jobs(shared) {
        tracing::error!(%error, "stored jobs could not be read");
        shared.lock().unread_jobs.clear();
    }
    let Some(parked) = next_job(shared) else {
        return shared.run_stirred_schedule();
    };
    do_job(shared, parked);
    shared.lock().job_runs = false;
    shared.jobs_done.notify_waiters();
    true
}

fn next_job(shared: &Shared) -> Option<ParkedJob> {
    let mut core = shared.lock();
    if core.stopping {
        return None;
    }
    let job = core.parked.pop_front();
    core.job_runs = job.is_some();
    job
}

/// Takes up the jobs of which only the store knows.
fn resume_jobs(shared: &Shared) -> Result<(), EngineError> {
    if shared.lock().unread_jobs.is_empty() {
        return Ok(());
    }
    let stored = shared.read_blocking(stored_jobs)?;
    let mut core = shared.lock();
    let unread = std::mem::take(&mut core.unread_jobs);
    for (id, bytes) in stored {
        if unread.contains(&id) {
            let job: Job = decode_value(&bytes)?;
            core.parked.push_back(ParkedJob {
                job,
                stored: Some(id),
            });
        }
    }
    Ok(())
}

fn do_job(shared: &Shared, parked: ParkedJob) {
    let ParkedJob { job, stored } = parked;
    let target = { job.target(&shared.lock()) };
    let Some((workflow_id, run_id)) = target else {
        return;
    };
    let mut job = Some(job);
    let done = shared.with_target(&workflow_id, run_id.as_ref(), |core, target, now| {
        if let Some(job) = job.take() {
            core.run_job(job, target, now);
        }
        if let Some(id) = stored {
            core.rows.push(Row::DeleteJob { id });
        }
        core.run_jobs(now);
    });
    if let Err(error) = done {
        // The run that wants it done is read again after the failure, or its row is.
        tracing::warn!(%error, "another execution could not be reached");
        if stored.is_some()
            && let Some(job) = job
        {
            let mut core = shared.lock();
            if core.stopped.is_none() {
                core.parked.push_back(ParkedJob { job, stored });
            }
        }
    }
}

/// Deletes runs that closed long ago; says when to look again.
fn delete_expired(shared: &Shared) -> Timestamp {
    let now = shared.clock.now();
    let Some(retention) = shared.retention else {
        return Timestamp::MAX;
    };
    let nanos = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
    let before = Timestamp::from_unix_nanos(now.unix_nanos().saturating_sub(nanos));
    match shared.read_blocking(move |connection| expired_runs(connection, before, DELETED_AT_ONCE))
    {
        Ok((keys, next)) => {
            let more = keys.len() == DELETED_AT_ONCE;
            let mut core = shared.lock();
            core.rows
                .extend(keys.into_iter().map(|key| Row::Delete { key }));
            if more {
                now
            } else {
                // Nothing that closes from now on expires before a retention has passed.
                next.map_or_else(|| now.after(retention), |closed| closed.after(retention))
                    .max(now.after(std::time::Duration::from_secs(1)))
            }
        }
        Err(error) => {
            tracing::warn!(%error, "closed executions could not be deleted");
            now.after(std::time::Duration::from_secs(60))
        }
    }
}

impl Shared {
    /// Fires everything that is due.
    pub(crate) fn fire_due(&self) {
        {
            let mut core = self.lock();
            if core.stopped.is_none() {
                let now = self.clock.now();
                core.end_waits(now);
                core.release_suspects(now);
            }
        }
        self.fire_schedules();
        while let Some(key) = self.next_due_run() {
            match self.with_loaded(key, |core, now| core.fire(key, now)) {
                Ok(()) => {}
                Err(error) => {
                    let mut core = self.lock();
                    if core.stopped.is_some() {
                        return;
                    }
                    tracing::warn!(%error, "a run whose timer is due could not be read");
                    let again = self.clock.now().after(std::time::Duration::from_secs(1));
                    core.timers.push(Reverse((again, key)));
                }
            }
        }
    }

    /// Fires the runs in memory and returns the first that has to be read.
    fn next_due_run(&self) -> Option<i64> {
        loop {
            let mut core = self.lock();
            let now = self.clock.now();
            let Reverse((due, key)) = *core.timers.peek()?;
            if due > now || core.stopped.is_some() {
                return None;
            }
            core.timers.pop();
            if !core.executions.contains_key(&key) {
                return Some(key);
            }
            core.fire(key, now);
        }
    }
}

impl Core {
    fn fire(&mut self, key: i64, now: Timestamp) {
        if let Some(run) = self.executions.get_mut(&key) {
            run.registered_due = None;
            run.fire(now);
            self.finish(key, now);
            self.run_jobs(now);
        }
    }
}

impl ClockListener for Shared {
    fn next_due(&self) -> Option<Timestamp> {
        let mut core = self.lock();
        if core.stopped.is_some() {
            // Nothing fires any more.
            return None;
        }
        core.schedules.drop_stale();
        let next_wait = core
            .next_wait()
            .into_iter()
            .chain(core.suspects.next_release())
            .chain(core.schedules.next_due())
            .min();
        // Stale entries would make the clock stop where nothing happens.
        while let Some(Reverse((due, key))) = core.timers.peek().copied() {
            match core.executions.get_mut(&key) {
                Some(run) if run.next_deadline() != Some(due) => {
                    core.timers.pop();
                    let Some(run) = core.executions.get_mut(&key) else {
                        continue;
                    };
                    if run.registered_due == Some(due) {
                        run.registered_due = run.next_deadline();
                        if let Some(next) = run.registered_due {
                            core.timers.push(Reverse((next, key)));
                        }
                    }
                }
                _ => return Some(next_wait.map_or(due, |wait| wait.min(due))),
            }
        }
        next_wait
    }

    fn clock_moved(&self) {
        self.fire_due();
        if self.retention.is_some() {
            // It is by the same clock, and the timer thread looks after it.
            self.wake_timer_thread();
        }
    }
}
