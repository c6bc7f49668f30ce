//! The embedded engine as the conformance suite and these tests see it: with a clock that is moved by hand.

use std::{future::Future, ops::Deref, time::Duration};

use steadfast_core::time::Timestamp;
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    EngineFuture,
    conformance::{self, Time},
};

pub(crate) use steadfast_engine::conformance::{
    check_order, check_task,
    requests::{completion, current, identity, queue, signal, start_request},
};

/// Runs something that must not wait: every scenario decides by itself what happens next.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(async {
            tokio::time::timeout(Duration::from_secs(20), future)
                .await
                .expect("a step waited for something that did not happen")
        })
}

/// Runs a scenario in memory.
pub(crate) fn run(script: &str) {
    block_on(async { World::in_memory().run(script).await });
}

/// An embedded engine and its clock.
pub(crate) type World = conformance::World<EmbeddedEngine, Hand>;

/// How these worlds begin and end.
pub(crate) trait Lived: Sized {
    fn in_memory() -> Self {
        Self::with(EmbeddedOptions::in_memory())
    }
    fn with(options: EmbeddedOptions) -> Self;
    fn close(self);
}

impl Lived for World {
    fn with(options: EmbeddedOptions) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let options = options.clock(clock.clone());
        Self::new(EmbeddedEngine::open(options).unwrap(), clock)
    }

    fn close(self) {
        self.engine.shutdown();
    }
}

/// A clock that is moved by hand.
#[derive(Debug)]
pub(crate) struct Hand(ManualClock);

impl From<ManualClock> for Hand {
    fn from(clock: ManualClock) -> Self {
        Self(clock)
    }
}

impl Deref for Hand {
    type Target = ManualClock;

    fn deref(&self) -> &ManualClock {
        &self.0
    }
}

impl Time<EmbeddedEngine> for Hand {
    fn pass(&self, duration: Duration) {
        self.advance(duration);
    }

    fn pass_to_next_timer(&self) -> bool {
        self.advance_to_next_timer().is_some()
    }

    fn settled<'a>(&'a self, engine: &'a EmbeddedEngine) -> EngineFuture<'a, ()> {
        Box::pin(engine.settled())
    }
}
