//! What the tests here stand on beside the harness of all tests: an in-memory engine with a clock that stands still, and
//! one queue.
//!
//! [`scenario`] runs a test twice: with a worker that keeps every run in memory, and with one that
//! keeps none and so replays every run for every task. Both must leave the same histories.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use steadfast::{
    core::{
        event::{EventKind, HistoryEvent},
        time::Timestamp,
    },
    engine::embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    prelude::*,
    worker::{WorkerBuilder, WorkerOptions},
};
use steadfast_engine::conformance::notation;
use steadfast_tests::harness::{self, Time};

pub(crate) use steadfast_tests::harness::{
    Board, Ctx, Flow, HOUR, SECOND, Script, Stage, define, own_body, redefine,
};

pub(crate) const QUEUE: &str = "tests";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Long enough for a busy machine, and short enough to see what hangs.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// A limit of an hour on each attempt.
pub(crate) fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(HOUR)
}

/// A limit of an hour, and a cancellation type.
pub(crate) fn cancelled_by(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .heartbeat_timeout(MINUTE)
        .cancellation_type(cancellation_type)
        .build()
}

/// Options that put the activity on a queue without workers.
pub(crate) fn nobodys(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .cancellation_type(cancellation_type)
        .task_queue(TaskQueue::new("nobody").unwrap())
        .build()
}

/// A time that the test moves.
struct Moved {
    clock: ManualClock,
    engine: Arc<EmbeddedEngine>,
}

impl Time for Moved {
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

/// An engine, its clock, a client and perhaps a worker.
pub(crate) struct World {
    world: harness::World,
    pub(crate) clock: ManualClock,
    pub(crate) engine: Arc<EmbeddedEngine>,
    started: AtomicU64,
}

impl Deref for World {
    type Target = harness::World;

    fn deref(&self) -> &harness::World {
        &self.world
    }
}

impl World {
    pub(crate) fn new(options: WorkerOptions) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let engine =
            EmbeddedEngine::open(EmbeddedOptions::in_memory().clock(clock.clone())).unwrap();
        let client = Client::new(Arc::clone(&engine) as _)
            .with_identity("tester")
            .unwrap();
        let time = Moved {
            clock: clock.clone(),
            engine: Arc::clone(&engine),
        };
        Self {
            world: harness::World::new(client, Box::new(time), options),
            clock,
            engine,
            started: AtomicU64::new(0),
        }
    }

    /// A worker with what every test needs.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        self.world.worker(QUEUE)
    }

    /// Starts the usual worker.
    pub(crate) fn work(&self) {
        self.world.work(QUEUE);
    }

    /// Starts a worker that knows more.
    pub(crate) fn work_with(&self, worker: WorkerBuilder) {
        self.world.work_with(QUEUE, worker);
    }

    /// Stops the worker.
    pub(crate) async fn rest(&self) {
        self.world.rest(QUEUE).await;
    }

    /// Starts a workflow whose code is a closure; ids are `w1`, `w2`, ..
    pub(crate) async fn start(
        &self,
        body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
    ) -> Flow {
        self.start_named(&define(body)).await
    }

    /// Starts a workflow whose code was defined before.
    pub(crate) async fn start_named(&self, body: &str) -> Flow {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        self.start_with(body, WorkflowStartOptions::new(QUEUE, format!("w{number}")))
            .await
    }

    /// Waits until no workflow task of any open run waits or runs, and then moves the clock.
    pub(crate) async fn advance(&self, duration: Duration) {
        self.settle().await;
        self.clock.advance(duration);
    }

    /// Waits until no workflow task of any open run waits or runs.
    pub(crate) async fn settle(&self) {
        self.settle_those(|_| true).await;
    }

    /// What happened in every execution, without what differs where events fall into workflow tasks in another way and
    /// where ids are chosen anew.
    async fn same_histories(&self) -> Vec<String> {
        let executions = self.executions(None).await;
        let mut histories = self.histories(same).await;
        for history in &mut histories {
            for described in &executions {
                let execution = &described.execution;
                let name = format!("(run of {})", execution.workflow_id);
                *history = history.replace(execution.run_id.as_str(), &name);
            }
        }
        histories.sort();
        histories
    }
}

/// What happened in an execution, for the comparison of two.
fn same(events: &[HistoryEvent]) -> String {
    let facts = events
        .iter()
        .filter(|event| !event.kind.name().starts_with("WorkflowTask"))
        .map(|event| match &event.kind {
            EventKind::WorkflowExecutionUpdateAccepted { .. } => "UpdAccepted".to_owned(),
            EventKind::WorkflowExecutionUpdateCompleted { outcome, .. } => match &**outcome {
                Ok(_) => "UpdCompleted".to_owned(),
                Err(failure) => format!("UpdCompleted({})", notation::short(failure)),
            },
            kind => without_numbers(notation::name(kind)),
        });
    facts.collect::<Vec<_>>().join(" · ")
}

/// An event without the numbers of the events that it refers to.
fn without_numbers(event: String) -> String {
    const REFERENCES: [&str; 5] = [
        "sched=",
        "started=",
        "latestCancelRequested=",
        "init=",
        "externalInitiatedEventId=",
    ];
    REFERENCES.iter().fold(event, |event, reference| {
        let parts: Vec<&str> = event
            .split(reference)
            .enumerate()
            .map(|(index, part)| match index {
                0 => part,
                _ => part.trim_start_matches(|c: char| c.is_ascii_digit()),
            })
            .collect();
        parts.join(reference)
    })
}
/// Every run stays in memory.
pub(crate) fn many() -> WorkerOptions {
    WorkerOptions {
        workflow_threads: 1,
        graceful_shutdown_timeout: Duration::from_millis(200),
        ..WorkerOptions::default()
    }
}

/// No run stays in memory: each task replays its whole history.
pub(crate) fn none() -> WorkerOptions {
    WorkerOptions {
        max_cached_runs: 0,
        ..many()
    }
}

/// Runs a test with a worker that keeps every run in memory and again with one that keeps none, and
/// compares the histories of both.
pub(crate) async fn scenario(test: impl AsyncFn(&World)) {
    compare(async |world: &World| {
        world.work();
        test(world).await;
    })
    .await;
}

/// The same, with no worker until the test starts one.
pub(crate) async fn scenario_without_worker(test: impl AsyncFn(&World)) {
    compare(test).await;
}

async fn compare(test: impl AsyncFn(&World)) {
    // How events fall into workflow tasks may differ where executions meet; what happened may not.
    let kept = once(many(), &test).await;
    let replayed = once(none(), &test).await;
    assert_eq!(
        kept, replayed,
        "a worker that replays leaves another history"
    );
}

/// Runs a test with one worker and gives the histories.
pub(crate) async fn once(options: WorkerOptions, test: &impl AsyncFn(&World)) -> Vec<String> {
    let world = World::new(options);
    if tokio::time::timeout(HANGS_AFTER, test(&world))
        .await
        .is_err()
    {
        let histories = world.same_histories().await;
        panic!(
            "the test hangs\n{}\n{:?}",
            histories.join("\n"),
            world.board.said()
        );
    }
    let histories = world.same_histories().await;
    world.end().await;
    histories
}
