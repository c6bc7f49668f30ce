//! Time that passes faster than it does: a clock that goes with the real one, and skips what nobody does anything in.
//!
//! The rules are those of Temporal's test server. A counter of locks holds the clock at its real pace; while it is zero, the
//! clock goes to the next time at which something is due as soon as no task is with a worker or waits for one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::time::Timestamp;
use steadfast_embedded::{EmbeddedEngine, ManualClock};
use steadfast_engine::Engine;
use tokio::sync::Notify;
use tonic::Status;

/// How often the clock follows the real one.
const TICK: Duration = Duration::from_millis(10);

/// How long a task may wait for a worker before time is skipped all the same: workers poll again after each answer.
const GRACE: Duration = Duration::from_millis(250);

/// The clock of an engine, as it is moved.
#[derive(Debug)]
pub(crate) struct TimeSkipping {
    engine: Arc<dyn Engine>,
    clock: ManualClock,
    locks: Mutex<Locks>,
    /// The clock moved.
    moved: Notify,
}

#[derive(Debug)]
struct Locks {
    count: u64,
    /// Until when somebody sleeps, and how many do.
    sleepers: BTreeMap<Timestamp, usize>,
}

impl TimeSkipping {
    /// Takes a clock over that an embedded engine has. It is locked once, or not at all.
    pub(crate) fn new(engine: Arc<dyn Engine>, clock: ManualClock, locked: bool) -> Self {
        Self {
            engine,
            clock,
            locks: Mutex::new(Locks {
                count: u64::from(locked),
                sleepers: BTreeMap::new(),
            }),
            moved: Notify::new(),
        }
    }

    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Holds the clock at its real pace until it is unlocked as often as it is locked.
    pub(crate) fn lock(&self) {
        self.locks().count += 1;
    }

    /// Takes one lock away.
    pub(crate) fn unlock(&self) -> Result<(), Status> {
        let mut locks = self.locks();
        let Some(left) = locks.count.checked_sub(1) else {
            return Err(Status::failed_precondition(
                "time skipping is not locked: it was unlocked more often than it was locked",
            ));
        };
        locks.count = left;
        Ok(())
    }

    /// Waits until the clock shows a time.
    pub(crate) async fn sleep_until(&self, time: Timestamp) {
        self.sleep(Sleeper::new(self, time)).await;
    }

    /// Takes one lock away until the clock shows a time.
    pub(crate) async fn unlock_until(&self, time: Timestamp) -> Result<(), Status> {
        // It sleeps before it is unlocked: the clock must not go beyond that.
        let mut sleeper = Sleeper::new(self, time);
        self.unlock()?;
        sleeper.locks_again = true;
        self.sleep(sleeper).await;
        Ok(())
    }

    async fn sleep(&self, sleeper: Sleeper<'_>) {
        let time = sleeper.until;
        loop {
            let moved = self.moved.notified();
            if self.clock.now() >= time {
                return;
            }
            moved.await;
        }
    }

    /// Moves the clock, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let mut seen = Instant::now();
        let mut rest = Rest::default();
        loop {
            tokio::time::sleep(TICK).await;
            let passed = seen.elapsed();
            seen += passed;
            self.clock.advance(passed);
            while self.is_at_rest(&mut rest).await && self.skip() {
                self.moved.notify_waiters();
            }
            self.moved.notify_waiters();
        }
    }

    /// Goes to what is due next, if time may be skipped. It may not while somebody wakes up: the clock waits for what they
    /// do. Who locks it meanwhile waits, so that it stands where it is locked.
    fn skip(&self) -> bool {
        let locks = self.locks();
        let now = self.clock.now();
        let sleeper = locks.sleepers.keys().next().copied();
        if locks.count > 0 || sleeper.is_some_and(|until| until <= now) {
            return false;
        }
        let next = sleeper.into_iter().chain(self.clock.next_timer()).min();
        if let Some(next) = next {
            self.clock.advance(next.since(now));
        }
        next.is_some()
    }

    /// Whether nobody does anything, and no task has a worker that will take it.
    async fn is_at_rest(&self, rest: &mut Rest) -> bool {
        let Some(engine) = self.engine.as_ref().downcast_ref::<EmbeddedEngine>() else {
            return false;
        };
        let Ok(Ok(transitions)) = tokio::time::timeout(TICK, engine.idle()).await else {
            return false;
        };
        match engine.tasks_wait() {
            Ok(false) => true,
            Ok(true) => rest.since(transitions).elapsed() >= GRACE,
            Err(_) => false,
        }
    }
}

/// Since when nothing has happened.
#[derive(Debug, Default)]
struct Rest(Option<(u64, Instant)>);

impl Rest {
    fn since(&mut self, transitions: u64) -> Instant {
        match self.0 {
            Some((same, since)) if same == transitions => since,
            _ => {
                let now = Instant::now();
                self.0 = Some((transitions, now));
                now
            }
        }
    }
}

/// Somebody who sleeps, for whom time is skipped too.
struct Sleeper<'a> {
    time_skipping: &'a TimeSkipping,
    until: Timestamp,
    /// Whether a lock was taken away for as long, which comes back even if whoever asked has gone.
    locks_again: bool,
}

impl<'a> Sleeper<'a> {
    fn new(time_skipping: &'a TimeSkipping, until: Timestamp) -> Self {
        let mut locks = time_skipping.locks();
        *locks.sleepers.entry(until).or_default() += 1;
        Self {
            time_skipping,
            until,
            locks_again: false,
        }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut locks = self.time_skipping.locks();
        if let Some(count) = locks.sleepers.get_mut(&self.until) {
            *count -= 1;
            if *count == 0 {
                locks.sleepers.remove(&self.until);
            }
        }
        locks.count += u64::from(self.locks_again);
    }
}
