//! The embedded engine, in memory and in a file, with a clock that the scenarios move.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use steadfast::{
    core::time::Timestamp,
    engine::{
        Engine,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    },
};
use steadfast_tests::harness::Time;
use tempfile::TempDir;

use crate::engines::{Judged, Open};

/// Whether the engines have a clock that nobody moves.
pub(crate) const REAL_TIME: bool = false;

/// A time that has to pass.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// How long an activity is silent in vain, which its worker waits for in its own time.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);

pub(crate) const ENGINES: [Open; 2] = [
    || {
        let options = EmbeddedOptions::in_memory();
        Box::pin(async { Embedded::judged("embedded, in memory", options, None) })
    },
    || {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::file(folder.path().join("judged.db"));
        Box::pin(async { Embedded::judged("embedded, in a file", options, Some(folder)) })
    },
];

/// The embedded engine with a clock that is moved by hand, and the folder of its file.
struct Embedded {
    engine: Arc<EmbeddedEngine>,
    clock: ManualClock,
    _folder: Option<TempDir>,
}

impl Embedded {
    fn judged(
        name: &'static str,
        options: EmbeddedOptions,
        folder: Option<TempDir>,
    ) -> Option<Judged> {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let engine = EmbeddedEngine::open(options.clock(clock.clone())).unwrap();
        Some(Judged {
            name,
            engine: Arc::clone(&engine) as Arc<dyn Engine>,
            time: Box::new(Self {
                engine,
                clock,
                _folder: folder,
            }),
        })
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
