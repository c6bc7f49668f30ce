//! The embedded engine as the conformance suite and these tests see it: with a clock that is moved by hand.

use std::{
    future::Future,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use steadfast_core::{ids::Identity, task::WorkflowTask, time::Timestamp};
use steadfast_embedded::{CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine as _, EngineError, EngineFuture, PollWorkflowTaskRequest,
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

/// Ends an engine once, at a point of one of its commits, and counts them over all engines that it is given to.
pub(crate) struct Crash {
    at: Option<(u64, CrashPoint)>,
    commits: Arc<AtomicU64>,
    happened: Arc<AtomicBool>,
}

impl Crash {
    pub(crate) fn at(at: Option<(u64, CrashPoint)>) -> Self {
        Self {
            at,
            commits: Arc::default(),
            happened: Arc::default(),
        }
    }

    /// Options for an engine to which that happens, if it has not yet.
    pub(crate) fn of(&self, options: EmbeddedOptions) -> EmbeddedOptions {
        let (commits, happened) = (Arc::clone(&self.commits), Arc::clone(&self.happened));
        let at = self.at;
        options.crash_point(move |commit, point| {
            commits.fetch_max(commit, Ordering::Relaxed);
            if Some((commit, point)) == at && !happened.swap(true, Ordering::Relaxed) {
                return CrashAction::Stop;
            }
            CrashAction::Continue
        })
    }

    /// The most commits that one engine made.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.happened.load(Ordering::Relaxed)
    }
}

/// The next workflow task of a queue; none if there is nothing to do.
pub(crate) async fn next_task(
    engine: &EmbeddedEngine,
    name: &str,
    worker: Identity,
) -> Result<Option<WorkflowTask>, EngineError> {
    let poll = engine.poll_workflow_task(PollWorkflowTaskRequest {
        task_queue: queue(name),
        worker,
        remote: false,
    });
    tokio::select! {
        biased;
        task = poll => task.map(Some),
        settled = engine.settled() => settled.map(|()| None),
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
