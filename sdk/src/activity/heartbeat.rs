//! Sends the heartbeats of one activity, not more often than the engine needs them (A3).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use steadfast_core::{
    limit::TooLarge, options::ActivityTimeouts, payload::Payload, task::TaskToken,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{ActivityError, CancelCause};
use crate::{
    convert::ConvertError,
    engine::{Engine, EngineError},
};

/// The interval without a heartbeat timeout.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// The longest interval.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// What a heartbeat tells: whether the activity is asked to stop. May be ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heartbeat {
    cause: Option<CancelCause>,
    /// The details were not taken.
    too_large: Option<TooLarge>,
}

impl Heartbeat {
    pub(super) fn new(cause: Option<CancelCause>, too_large: Option<TooLarge>) -> Self {
        Self { cause, too_large }
    }

    /// Whether the details were taken.
    pub(super) fn taken(self) -> Result<Self, ConvertError> {
        match self.too_large {
            Some(too_large) => Err(too_large.into()),
            None => Ok(self),
        }
    }

    /// Why the activity is asked to stop, if it is.
    #[must_use]
    pub fn cancel_cause(&self) -> Option<CancelCause> {
        self.cause
    }

    /// Ends the activity as cancelled if it is asked to stop: `ctx.record_heartbeat(vec![]).check()?`.
    ///
    /// # Errors
    ///
    /// When the activity is asked to stop; or when the details were too large, and were not taken.
    pub fn check(self) -> Result<(), ActivityError> {
        match self.cause {
            None => Ok(self.taken().map(|_| ())?),
            Some(_) => Err(ActivityError::cancelled()),
        }
    }
}

/// Sends the heartbeats of one activity.
#[derive(Clone)]
pub(crate) struct Heartbeater(Arc<Shared>);

struct Shared {
    engine: Arc<dyn Engine>,
    token: TaskToken,
    interval: Duration,
    cause: watch::Sender<Option<CancelCause>>,
    state: Mutex<State>,
    wake: Notify,
    runtime: tokio::runtime::Handle,
    started: Instant,
}

#[derive(Default)]
struct State {
    /// The last details, if they were not sent.
    unsent: Option<Vec<Payload>>,
    /// The last details; those of the attempt before until this one has some.
    last: Vec<Payload>,
    running: bool,
    stopped: bool,
    /// When the engine last took one; the start counts as one.
    taken: Option<Instant>,
}

impl Heartbeater {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        token: TaskToken,
        timeouts: &ActivityTimeouts,
        last: Vec<Payload>,
        cause: watch::Sender<Option<CancelCause>>,
    ) -> Self {
        Self(Arc::new(Shared {
            engine,
            token,
            interval: interval(timeouts.heartbeat_timeout),
            cause,
            state: Mutex::new(State {
                last,
                ..State::default()
            }),
            wake: Notify::new(),
            runtime: tokio::runtime::Handle::current(),
            started: Instant::now(),
        }))
    }

    /// The time between two heartbeats that are sent.
    pub(crate) fn interval(&self) -> Duration {
        self.0.interval
    }

    /// When the engine last took a heartbeat, or the attempt started.
    pub(crate) fn last_taken(&self) -> Instant {
        let taken = self.lock().taken;
        taken.unwrap_or(self.0.started)
    }

    /// Takes a heartbeat that says what the last one said.
    pub(super) fn beat_again(&self) {
        let details = self.lock().last.clone();
        self.beat(details);
    }

    /// Takes a heartbeat. One that is too large says that the activity is alive, and no more (F8).
    pub(super) fn beat_with(&self, details: Vec<Payload>) -> Result<(), TooLarge> {
        let limit = self.0.engine.payload_limit();
        let checked = limit.check("the heartbeat's details", details.iter());
        match &checked {
            Ok(()) => self.beat(details),
            Err(_) => self.beat_again(),
        }
        checked
    }

    /// Takes a heartbeat: the first is sent at once, later ones when their time has come.
    fn beat(&self, details: Vec<Payload>) {
        let mut state = self.lock();
        if state.stopped {
            return;
        }
        state.last.clone_from(&details);
        state.unsent = Some(details);
        if state.running {
            drop(state);
            self.0.wake.notify_one();
        } else {
            state.running = true;
            drop(state);
            let heartbeater = self.clone();
            self.0
                .runtime
                .spawn(async move { heartbeater.send_all().await });
        }
    }

    async fn send_all(&self) {
        loop {
            let details = {
                let mut state = self.lock();
                if state.stopped {
                    return;
                }
                state.unsent.take()
            };
            let Some(details) = details else {
                self.0.wake.notified().await;
                continue;
            };
            self.send(details).await;
            tokio::select! {
                () = tokio::time::sleep(self.0.interval) => {}
                () = self.stopped() => return,
            }
        }
    }

    async fn send(&self, details: Vec<Payload>) {
        let shared = &self.0;
        let reply = shared
            .engine
            .record_heartbeat(shared.token.clone(), details)
            .await;
        if reply.is_ok() {
            self.lock().taken = Some(Instant::now());
        }
        let cause = match reply {
            Ok(reply) => match CancelCause::of_reply(&reply) {
                Some(cause) => cause,
                None => return,
            },
            Err(EngineError::NotFound { .. }) => CancelCause::NotFound,
            Err(error) => {
                tracing::warn!(%error, "a heartbeat could not be delivered");
                return;
            }
        };
        shared.cause.send_if_modified(|known| {
            let news = known.is_none();
            known.get_or_insert(cause);
            news
        });
    }

    async fn stopped(&self) {
        loop {
            self.0.wake.notified().await;
            if self.lock().stopped {
                return;
            }
        }
    }

    /// Stops sending, and gives the last details if they were not sent.
    pub(crate) fn stop(&self) -> Option<Vec<Payload>> {
        let unsent = {
            let mut state = self.lock();
            state.stopped = true;
            state.unsent.take()
        };
        self.0.wake.notify_one();
        unsent
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 0.8 of the heartbeat timeout, or 30 seconds without one; 60 seconds at most (A3).
fn interval(heartbeat_timeout: Option<Duration>) -> Duration {
    heartbeat_timeout
        .map_or(DEFAULT_INTERVAL, |timeout| timeout.mul_f64(0.8))
        .min(MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3_the_interval_is_four_fifths_of_the_timeout() {
        assert_eq!(
            interval(Some(Duration::from_secs(5))),
            Duration::from_secs(4)
        );
        assert_eq!(interval(None), Duration::from_secs(30));
        assert_eq!(
            interval(Some(Duration::from_secs(600))),
            Duration::from_secs(60)
        );
    }
}
