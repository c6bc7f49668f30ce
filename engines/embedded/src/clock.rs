//! The clock of the embedded engine: the system's, or one that a test moves by hand.
//!
//! Everything in the engine that depends on time asks its clock, so a test that drives a
//! [`ManualClock`] never sleeps. Moving the clock fires what has become due, in the order of the
//! due times, before the call returns.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use steadfast_core::time::Timestamp;

/// Where an embedded engine takes the time from.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The clock of the operating system.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let nanos = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| {
                        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
                    });
                Timestamp::from_unix_nanos(nanos)
            }
            Self::Manual(clock) => clock.now(),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

/// What a manual clock tells about its movements.
pub(crate) trait ClockListener: Send + Sync {
    /// When the listener next has something to do.
    fn next_due(&self) -> Option<Timestamp>;
    /// The clock was moved.
    fn clock_moved(&self);
}

/// A clock that stands still until it is moved, shared by its clones.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<ManualInner>);

#[derive(Default)]
struct ManualInner {
    now: Mutex<Timestamp>,
    listeners: Mutex<Vec<Weak<dyn ClockListener>>>,
}

impl ManualClock {
    /// A clock that stands at a time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward, stopping at every timer on the way.
    pub fn advance(&self, duration: Duration) {
        let target = self.now().after(duration);
        while let Some(due) = self.next_timer().filter(|due| *due <= target) {
            self.move_to(due);
        }
        self.move_to(target);
    }

    /// Moves it to the next timer and says how far that was; `None` when no timer is set.
    ///
    /// Timers include every time limit: a worker that holds a task has one too.
    #[must_use = "tells whether there was a timer"]
    pub fn advance_to_next_timer(&self) -> Option<Duration> {
        let due = self.next_timer()?;
        let distance = due.since(self.now());
        self.move_to(due);
        Some(distance)
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.listeners()
            .iter()
            .filter_map(|listener| listener.next_due())
            .min()
    }

    /// Sets it to a time, which may be in the past as with a clock that was wrong.
    pub fn set(&self, now: Timestamp) {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.tell();
    }

    pub(crate) fn listen(&self, listener: Weak<dyn ClockListener>) {
        self.0
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    fn move_to(&self, time: Timestamp) {
        {
            let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = time.max(*now);
        }
        self.tell();
    }

    fn tell(&self) {
        for listener in self.listeners() {
            listener.clock_moved();
        }
    }

    fn listeners(&self) -> Vec<Arc<dyn ClockListener>> {
        let mut listeners = self
            .0
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
