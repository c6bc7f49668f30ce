//! Load: a day of steady work in virtual time, ten thousand workflows at once, workflows that can never go
//! on beside others that can, a queue with much to do beside one with little, and a disk that is too slow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use steadfast::{
    core::event::ExecutionStatus,
    engine::{
        ListFilter,
        embedded::{CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions},
    },
    prelude::*,
    testing::TestEnvironment,
    worker::WorkerOptions,
};

const MINUTE: Duration = Duration::from_secs(60);

struct Acts;

#[activities]
impl Acts {
    /// Fails once in seven numbers, the first time.
    #[activity]
    async fn act(ctx: ActivityContext, number: u32) -> Result<u32, ActivityError> {
        if number.is_multiple_of(7) && ctx.info().attempt == 1 {
            return Err("not yet".into());
        }
        Ok(number)
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(MINUTE)
}

/// One of the kinds of work of the day.
#[workflow]
#[derive(Default)]
struct Mixed {
    go: bool,
}

#[workflow_methods]
impl Mixed {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, number: u32) -> WorkflowResult<u32> {
        match number % 4 {
            0 => {
                ctx.start_activity(Acts::act, number, options()).await?;
            }
            1 => ctx.sleep(MINUTE * 45).await?,
            2 => {
                // Nobody says go: an hour is enough.
                let _ = ctx
                    .wait_condition_timeout(MINUTE * 60, |state| state.go)
                    .await?;
            }
            _ => {
                ctx.saga(async |saga| {
                    saga.step(Acts::act, number, options())
                        .compensate_with(Acts::act, number, options())
                        .await
                })
                .await?;
                ctx.sleep(MINUTE * 5).await?;
            }
        }
        Ok(number)
    }

    #[signal]
    fn go(&mut self) {
        self.go = true;
    }
}

fn status(status: ExecutionStatus) -> ListFilter {
    ListFilter {
        status: Some(status),
        ..ListFilter::default()
    }
}

/// Every two minutes of a day a workflow starts, some are signalled and some cancelled. At the end
/// none is left open, and none ended in another way than it should.
#[tokio::test]
async fn a_day_of_steady_work() -> anyhow::Result<()> {
    const STARTED: u32 = 24 * 30;
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("day")
        .register_workflow::<Mixed>()
        .register_activities(Acts)
        .build()?;
    env.run(&worker, async {
        for number in 0..STARTED {
            let options = WorkflowStartOptions::new("day", format!("w{number}"));
            env.client()
                .start_workflow(Mixed::run, number, options)
                .await?;
            env.advance(MINUTE * 2).await?;
            // Twenty minutes after their start.
            let Some(earlier) = number.checked_sub(10) else {
                continue;
            };
            let workflow = env.client().workflow::<Mixed>(format!("w{earlier}"))?;
            match earlier % 8 {
                1 => workflow.cancel(WorkflowCancelOptions::builder()).await?,
                2 => workflow.go().await?,
                _ => {}
            }
        }
        env.advance(MINUTE * 120).await?;
        let cancelled = (0..STARTED - 10).filter(|number| number % 8 == 1).count() as u64;
        let count = async |of| env.client().count_workflows(status(of)).await;
        assert_eq!(count(ExecutionStatus::Running).await?, 0);
        assert_eq!(count(ExecutionStatus::Cancelled).await?, cancelled);
        let completed = count(ExecutionStatus::Completed).await?;
        assert_eq!(completed, u64::from(STARTED) - cancelled);
        anyhow::Ok(())
    })
    .await??;
    Ok(())
}

/// All of them are open at once; every signal reaches its workflow, and every result its client.
#[tokio::test]
async fn ten_thousand_workflows_at_once() -> anyhow::Result<()> {
    const WORKFLOWS: u32 = 10_000;
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("many")
        .register_workflow::<Mixed>()
        .register_activities(Acts)
        .build()?;
    let results = env
        .run(&worker, async {
            let mut handles = Vec::new();
            for numbers in (0..WORKFLOWS).collect::<Vec<_>>().chunks(500) {
                let starts = numbers.iter().map(|number| {
                    let options = WorkflowStartOptions::new("many", format!("w{number}"));
                    // All of the kind that waits for a signal.
                    env.client()
                        .start_workflow(Mixed::run, number * 4 + 2, options)
                });
                for started in join_all(starts).await {
                    handles.push(started?);
                }
            }
            let open = env
                .client()
                .count_workflows(status(ExecutionStatus::Running))
                .await?;
            assert_eq!(open, u64::from(WORKFLOWS));
            for handles in handles.chunks(500) {
                for told in join_all(handles.iter().map(|handle| handle.go())).await {
                    told?;
                }
            }
            let mut results = Vec::new();
            for handle in &handles {
                results.push(handle.result().await?);
            }
            anyhow::Ok(results)
        })
        .await??;
    assert!(
        results
            .into_iter()
            .eq((0..WORKFLOWS).map(|number| number * 4 + 2))
    );
    Ok(())
}

/// Its code panics every time: its task fails, for ever.
#[workflow]
#[derive(Default)]
struct Poisoned;

#[workflow_methods]
impl Poisoned {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = ctx.view();
        panic!("a bug that nobody has fixed yet");
    }
}

/// Workflows that fail their tasks for ever take nothing from the others, and can be ended.
#[tokio::test]
async fn poisoned_workflows_do_not_starve_others() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("mixed")
        .register_workflow::<Mixed>()
        .register_workflow::<Poisoned>()
        .register_activities(Acts)
        .build()?;
    env.run(&worker, async {
        let mut poisoned = Vec::new();
        for number in 0..50 {
            let options = WorkflowStartOptions::new("mixed", format!("poisoned-{number}"));
            poisoned.push(
                env.client()
                    .start_workflow(Poisoned::run, (), options)
                    .await?,
            );
        }
        let mut healthy = Vec::new();
        for number in 0..50 {
            let options = WorkflowStartOptions::new("mixed", format!("healthy-{number}"));
            let handle = env
                .client()
                .start_workflow(Mixed::run, number * 4, options)
                .await?;
            healthy.push(handle);
        }
        for _ in 0..10 {
            env.advance(Duration::from_secs(2)).await?;
        }
        for handle in &healthy {
            handle.result().await?;
        }
        for handle in poisoned {
            assert_eq!(handle.describe().await?.status, ExecutionStatus::Running);
            handle
                .terminate(WorkflowTerminateOptions::builder())
                .await?;
        }
        anyhow::Ok(())
    })
    .await??;
    Ok(())
}

/// A short order is done although another queue of the same engine has thousands of activities to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_queue_does_not_starve_another() -> anyhow::Result<()> {
    const FLOOD: u32 = 2_000;
    let env = TestEnvironment::start()?;
    let worker = |queue: &str| {
        env.worker(queue)
            .register_workflow::<Mixed>()
            .register_activities(Acts)
            .build()
    };
    let (busy, idle) = (worker("busy")?, worker("idle")?);
    let client = env.client();
    let flood = async {
        let starts = (0..FLOOD).map(|number| {
            let options = WorkflowStartOptions::new("busy", format!("busy-{number}"));
            client.start_workflow(Mixed::run, number * 28 + 4, options)
        });
        let mut handles = Vec::new();
        for started in join_all(starts).await {
            handles.push(started?);
        }
        let short = async {
            let options = WorkflowStartOptions::new("idle", "short");
            let handle = client.start_workflow(Mixed::run, 4, options).await?;
            handle.result().await?;
            client
                .count_workflows(status(ExecutionStatus::Running))
                .await
        };
        let left = short.await?;
        for handle in handles {
            handle.result().await?;
        }
        anyhow::Ok(left)
    };
    let left = busy.run_until(idle.run_until(flood)).await???;
    assert!(left > 0, "the busy queue was done before");
    Ok(())
}

/// What a disk does that has stopped for a while: commits wait until it goes on.
#[derive(Debug, Default)]
struct Disk {
    stopped: Mutex<bool>,
    goes_on: Condvar,
}

impl Disk {
    fn set_stopped(&self, stopped: bool) {
        *self.stopped.lock().unwrap() = stopped;
        self.goes_on.notify_all();
    }

    fn wait(&self) {
        let stopped = self.stopped.lock().unwrap();
        drop(
            self.goes_on
                .wait_while(stopped, |stopped| *stopped)
                .unwrap(),
        );
    }
}

struct Counted(Arc<AtomicUsize>);

#[activities]
impl Counted {
    #[activity]
    async fn count(&self) -> Result<(), ActivityError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Wide;

#[workflow_methods]
impl Wide {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, width: u32) -> WorkflowResult<()> {
        let all = (0..width).map(|_| ctx.start_activity(Counted::count, (), options()));
        for ended in join_all(all).await {
            ended?;
        }
        Ok(())
    }
}

/// While the disk takes nothing, no more is done than there are slots for: an activity keeps its slot
/// until its end is durable, and a client its request. So what waits in memory is bounded by who asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stops_holds_up_whoever_asks() -> anyhow::Result<()> {
    const SLOTS: usize = 5;
    const WIDTH: u32 = 200;
    let disk = Arc::new(Disk::default());
    let hook = Arc::clone(&disk);
    let counted = Arc::new(AtomicUsize::new(0));
    let first = Arc::clone(&counted);
    let options = EmbeddedOptions::in_memory().crash_point(move |_, point| {
        // From the first commit after an activity has run.
        if point == CrashPoint::BeforeCommit && first.load(Ordering::SeqCst) > 0 {
            hook.wait();
        }
        CrashAction::Continue
    });
    disk.set_stopped(true);
    let engine = EmbeddedEngine::open(options)?;
    let client = Client::new(Arc::clone(&engine) as _);
    let worker = Worker::builder(&client, "wide")
        .register_workflow::<Wide>()
        .register_activities(Counted(Arc::clone(&counted)))
        .options(WorkerOptions {
            max_concurrent_activities: SLOTS,
            ..WorkerOptions::default()
        })
        .build()?;
    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("wide", "w");
            let handle = client.start_workflow(Wide::run, WIDTH, options).await?;
            while counted.load(Ordering::SeqCst) < SLOTS {
                tokio::task::yield_now().await;
            }
            let options = WorkflowStartOptions::new("wide", "another");
            let mut another = Box::pin(client.start_workflow(Wide::run, 1, options));
            // What does not happen cannot be waited for, so it gets some time to happen wrongly.
            tokio::select! {
                biased;
                _ = &mut another => panic!("acknowledged before it is durable"),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            assert_eq!(counted.load(Ordering::SeqCst), SLOTS);
            disk.set_stopped(false);
            another.await?.result().await?;
            handle.result().await?;
            anyhow::Ok(())
        })
        .await??;
    assert_eq!(counted.load(Ordering::SeqCst), WIDTH as usize + 1);
    Ok(())
}
