//! The engines that the scenarios judge.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use steadfast::{
    core::time::Timestamp,
    engine::{
        Engine,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    },
};
use tempfile::TempDir;

/// An engine that is judged, and how its time is moved.
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) time: Box<dyn Time>,
}

/// The time of an engine.
pub(crate) trait Time: Send + Sync {
    /// Lets time pass.
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// Waits until no task is with a worker or on its way to one.
    fn rest(&self) -> BoxFuture<'_, ()>;
}

/// The embedded engine with a clock that is moved by hand, and the folder of its file.
struct Embedded {
    engine: Arc<EmbeddedEngine>,
    clock: ManualClock,
    _folder: Option<TempDir>,
}

impl Embedded {
    fn judged(name: &'static str, options: EmbeddedOptions, folder: Option<TempDir>) -> Judged {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let engine = EmbeddedEngine::open(options.clock(clock.clone())).unwrap();
        Judged {
            name,
            engine: Arc::clone(&engine) as Arc<dyn Engine>,
            time: Box::new(Self {
                engine,
                clock,
                _folder: folder,
            }),
        }
    }
}

impl Time for Embedded {
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.clock.advance(duration);
        Box::pin(std::future::ready(()))
    }

    fn rest(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.engine.idle().await.unwrap();
        })
    }
}

/// Every engine that the scenarios judge. One that is added here is judged by all of them.
pub(crate) fn engines() -> [fn() -> Judged; 2] {
    [
        || Embedded::judged("embedded, in memory", EmbeddedOptions::in_memory(), None),
        || {
            let folder = tempfile::tempdir().unwrap();
            let options = EmbeddedOptions::file(folder.path().join("judged.db"));
            Embedded::judged("embedded, in a file", options, Some(folder))
        },
    ]
}
