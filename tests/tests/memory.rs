//! What leaves memory leaves nothing behind: neither values that workflow code held, nor bytes.
//!
//! A process of its own, because it measures itself.

#![expect(
    clippy::unwrap_used,
    reason = "what a helper cannot get fails the test"
)]

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use steadfast::{
    engine::embedded::{Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
    worker::WorkerOptions,
};

const QUEUE: &str = "memory";
const HOUR: Duration = Duration::from_secs(3600);
/// How many runs there are at a time.
const BATCH: usize = 500;

fn live() -> &'static AtomicUsize {
    static LIVE: OnceLock<AtomicUsize> = OnceLock::new();
    LIVE.get_or_init(AtomicUsize::default)
}

/// Counts itself.
struct Counted;

impl Counted {
    fn new() -> Self {
        live().fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        live().fetch_sub(1, Ordering::SeqCst);
    }
}

struct Nothing;

#[activities]
impl Nothing {
    #[activity]
    async fn nothing() {}
}

/// Waits with something of every kind pending, and a counted value in each.
#[workflow]
#[derive(Default)]
struct Pending {
    pokes: u32,
    ended: bool,
    kept: Vec<Counted>,
    scope: Option<steadfast::workflow::Scope>,
}

#[workflow_methods]
impl Pending {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let in_task = Counted::new();
        ctx.spawn(async move |ctx| {
            let _held = in_task;
            drop(ctx.sleep(HOUR).await);
        })
        .detach();
        let in_cleanup = Counted::new();
        ctx.on_cancel(async move |_| drop(in_cleanup));
        let scope = ctx.new_scope();
        ctx.state_mut(|state| {
            state.kept.push(Counted::new());
            state.scope = Some(scope.clone());
        });
        let in_scope = Counted::new();
        let scoped = ctx.in_scope(&scope, async |ctx| {
            let _held = in_scope;
            ctx.sleep(HOUR).await
        });
        let channel = ctx.channel();
        channel.send(Counted::new());
        let empty = ctx.channel::<Counted>();
        let in_saga = Counted::new();
        let saga = ctx.saga(async |saga| {
            saga.compensate_with("held", async move |_: &mut WorkflowContext<Self>| {
                drop(in_saga);
                Ok(())
            });
            ctx.cancelled().await;
            WorkflowResult::Ok(())
        });
        let queue = TaskQueue::new("nobody").expect("a valid name");
        let options = ActivityOptions::with_start_to_close_timeout(HOUR)
            .task_queue(queue)
            .build();
        let activity = ctx.start_activity(Nothing::nothing, (), options);
        select! {
            _ = scoped => {}
            _ = activity => {}
            _ = saga => {}
            _ = empty.receive() => {}
            ended = ctx.wait_condition(|state| state.ended) => ended?,
        }
        Ok(ctx.state(|state| state.pokes))
    }

    #[signal]
    fn poke(&mut self) {
        self.pokes += 1;
    }

    #[signal]
    async fn linger(ctx: &mut WorkflowContext<Self>) {
        let _held = Counted::new();
        drop(ctx.sleep(HOUR).await);
    }

    #[signal]
    fn end(&mut self) {
        self.ended = true;
    }

    #[query]
    fn pokes(&self) -> u32 {
        self.pokes
    }
}

/// Kilobytes in memory; 0 where the system does not say.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4
}

fn check_flat(before: usize, what: &str) {
    let after = resident();
    assert!(
        after < before + 16 * 1024,
        "{what}: {before} KiB became {after} KiB"
    );
}

async fn start(client: &Client, name: &str) -> Vec<PendingHandle> {
    let starts = (0..BATCH).map(|number| {
        let options = WorkflowStartOptions::new(QUEUE, format!("{name} {number}"));
        client.start_workflow(Pending::run, (), options)
    });
    join_all(starts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Waits until every run has heard of so many pokes: a query is answered after them.
async fn poked(runs: &[PendingHandle], times: u32) {
    for answer in join_all(runs.iter().map(PendingHandle::pokes)).await {
        assert_eq!(answer.unwrap(), times);
    }
}

#[tokio::test]
async fn evictions_and_endings_leave_memory_flat() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let options = EmbeddedOptions::file(folder.path().join("memory.db"))
        .durability(Durability::Relaxed)
        .cached_executions(10);
    let client = Client::new(EmbeddedEngine::open(options)?);
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Pending>()
        .register_activities(Nothing)
        .options(WorkerOptions {
            // Every task ends with an eviction.
            max_cached_runs: 0,
            workflow_threads: 2,
            ..WorkerOptions::default()
        })
        .build()?;
    worker
        .run_until(async {
            // 500 runs, 20 tasks each: 10,000 evictions.
            let runs = start(&client, "evicted").await;
            let mut before = 0;
            for round in 1..=10 {
                join_all(runs.iter().map(PendingHandle::poke)).await;
                poked(&runs, round).await;
                if round == 5 {
                    before = resident();
                }
            }
            check_flat(before, "evictions");
            assert_eq!(
                live().load(Ordering::SeqCst),
                0,
                "evicted runs leave values behind"
            );
            join_all(runs.iter().map(PendingHandle::end)).await;
            join_all(runs.iter().map(|run| run.result())).await;

            // 20 times 500 runs that end with everything pending, a handler included.
            for round in 0..20 {
                let runs = start(&client, &format!("ended {round}")).await;
                join_all(runs.iter().map(PendingHandle::linger)).await;
                join_all(runs.iter().map(PendingHandle::end)).await;
                for ended in join_all(runs.iter().map(|run| run.result())).await {
                    ended.unwrap();
                }
                if round == 10 {
                    before = resident();
                }
            }
            check_flat(before, "endings");
        })
        .await?;
    assert_eq!(
        live().load(Ordering::SeqCst),
        0,
        "ended runs leave values behind"
    );
    Ok(())
}
