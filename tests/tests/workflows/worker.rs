//! The worker: what blocks a thread, how it stops, what it keeps in memory.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use steadfast::{
    client::WorkflowHandle,
    core::event::EventKind,
    prelude::*,
    worker::{WorkerError, WorkerOptions},
};
use tokio::test;

use crate::{
    harness::{
        Flow, MINUTE, SECOND, Script, Stage, World, define, many, none, once, options, scenario,
    },
    logs,
};

#[test]
async fn a_workflow_that_blocks_its_thread_is_reported_and_others_go_on() {
    let logs = logs::collect();
    let release = Arc::new((Mutex::new(false), Condvar::new()));
    let blocking = Arc::clone(&release);
    let options = WorkerOptions {
        deadlock_timeout: Duration::from_millis(100),
        ..many()
    };
    once(options, &async |world: &World| {
        world.work();
        let blocking = Arc::clone(&blocking);
        let blocked = world
            .start(async move |_| {
                let (released, wake) = &*blocking;
                let _done = wake
                    .wait_while(released.lock().unwrap(), |released| !*released)
                    .unwrap();
                Ok("at last".to_owned())
            })
            .await;
        blocked.reaches("WTStarted", 1).await;
        // One thread for all: without the watchdog nothing of this would run.
        let other = world
            .start(async |ctx| {
                Ok(ctx
                    .start_activity(Stage::quick, "other".to_owned(), crate::harness::options())
                    .await?)
            })
            .await;
        assert_eq!(other.result().await, "other");
        blocked.reaches("WTFailed", 1).await;
        let history = format!("{:?}", blocked.events().await);
        assert!(
            history.contains("move what blocks into an activity"),
            "{history}"
        );
        *release.0.lock().unwrap() = true;
        release.1.notify_all();
        loop {
            let done = tokio::time::timeout(Duration::from_millis(20), blocked.result()).await;
            if let Ok(done) = done {
                assert_eq!(done, "at last");
                break;
            }
            world.clock.advance(SECOND);
        }
    })
    .await;
    assert!(logs.contain("workflow code keeps its thread"), "{logs:?}");
    assert!(
        logs.contain("workflow_type=\"Script\" workflow_id=\"w1\""),
        "{logs:?}"
    );
}

async fn task_failure(flow: &Flow) -> String {
    flow.reaches("WTFailed", 1).await;
    let events = flow.events().await;
    let failed = events.iter().find_map(|event| match &event.kind {
        EventKind::WorkflowTaskFailed { failure, .. } => failure.clone(),
        _ => None,
    });
    failed.unwrap().to_string()
}

// D11: the task fails at once with a text that says what happened, and no thread is kept.
#[test]
async fn a_loop_that_tries_again_on_every_error_fails_its_task_when_it_is_cancelled() {
    scenario(async |world| {
        let stubborn = world
            .start(async |ctx| {
                loop {
                    // Tries again in a while, whatever the error.
                    let _ = ctx.sleep(MINUTE).await;
                    if let Ok(done) = ctx
                        .start_activity(Stage::fail, "never".to_owned(), options())
                        .await
                    {
                        return Ok(done);
                    }
                }
            })
            .await;
        stubborn.settle().await;
        stubborn.cancel("stop").await;
        let text = task_failure(&stubborn).await;
        assert!(
            text.contains(
                "in a scope that is cancelled (`stop`), where each is refused; leave the loop when"
            ),
            "{text}"
        );
        let other = world.start(async |_| Ok("other".to_owned())).await;
        assert_eq!(other.result().await, "other");
    })
    .await;
}

// D11: a loop that stays after acceptance has a text of its own.
#[test]
async fn a_loop_around_a_cancellation_that_was_accepted_fails_its_task() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut times = 0_u64;
                loop {
                    select! {
                        _ = ctx.cancelled() => times += 1,
                        slept = ctx.sleep(MINUTE) => { slept?; return Ok(times.to_string()) }
                    }
                }
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        let text = task_failure(&flow).await;
        assert!(
            text.contains("which resolves at once in a scope whose"),
            "{text}"
        );
    })
    .await;
}

// D3, D11: a fan-out in a cancelled scope is no loop.
#[test]
async fn many_operations_that_are_refused_side_by_side_are_just_refused() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let _ = ctx.sleep(MINUTE).await;
                let refused = (0..2_000).map(|_| ctx.sleep(MINUTE));
                let refused = steadfast::workflow::join_all(refused).await;
                Ok(refused
                    .iter()
                    .filter(|slept| slept.is_err())
                    .count()
                    .to_string())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "2000");
    })
    .await;
}

// F2: code that has taken a request can still end with it.
#[test]
async fn code_that_took_a_request_can_end_as_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let reason = ctx.cancelled().await;
                let quick = ctx.start_activity(Stage::quick, "tidied".to_owned(), options());
                quick.await?;
                Err(Cancelled::from(reason).into())
            })
            .await;
        flow.settle().await;
        flow.cancel("enough").await;
        assert_eq!(flow.cancelled().await, "enough");
        assert_eq!(world.board.said(), ["tidied"]);
    })
    .await;
}

/// Waits until a number does not change any more, and gives it.
async fn come_to_rest(number: &AtomicU64) -> u64 {
    let mut before = u64::MAX;
    while number.load(Ordering::Relaxed) != before {
        before = number.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    before
}

/// Counts how often the code below caught its unwinding.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

// D11: code that catches the unwinding and goes on does not spin either.
#[test]
async fn code_that_catches_its_end_comes_to_rest() {
    let impatient = WorkerOptions {
        deadlock_timeout: Duration::from_millis(50),
        ..many()
    };
    once(impatient, &async |world: &World| {
        world.work();
        let spinning = world
            .start(async |ctx| {
                loop {
                    let looks = AssertUnwindSafe(async { ctx.wait_condition(|_| true).await });
                    if looks.catch_unwind().await.is_err() {
                        CAUGHT.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .await;
        spinning.reaches("WTFailed", 1).await;
        let terminate = WorkflowTerminateOptions::builder().reason("enough").build();
        spinning.handle.terminate(terminate).await.unwrap();
        // Each try of its task caught it once.
        let mut caught = 0;
        while caught == 0 {
            caught = come_to_rest(&CAUGHT).await;
        }
        assert!(caught < 10, "{caught}");
    })
    .await;
}

/// Counts how often the code below came by.
static ROUNDS: AtomicU64 = AtomicU64::new(0);

// D11: code on a thread that was given up ends at its next call, so that nothing spins.
#[test]
async fn code_that_kept_its_thread_is_ended_at_its_next_call() {
    let impatient = WorkerOptions {
        deadlock_timeout: Duration::from_millis(50),
        ..many()
    };
    once(impatient, &async |world: &World| {
        world.work();
        let spinning = world
            .start(async |ctx| {
                loop {
                    ROUNDS.fetch_add(1, Ordering::Relaxed);
                    ctx.wait_condition(|_| true).await?;
                }
            })
            .await;
        spinning.reaches("WTFailed", 1).await;
        let terminate = WorkflowTerminateOptions::builder().reason("enough").build();
        spinning.handle.terminate(terminate).await.unwrap();
        // The threads that ran it end.
        come_to_rest(&ROUNDS).await;
        let other = world.start(async |_| Ok("other".to_owned())).await;
        assert_eq!(other.result().await, "other");
    })
    .await;
}

/// Counts how often the code below was polled.
static POLLS: AtomicU64 = AtomicU64::new(0);

// D11: so does code that wakes itself for ever and calls nothing of the SDK.
#[test]
async fn code_that_only_wakes_itself_is_ended_too() {
    let impatient = WorkerOptions {
        deadlock_timeout: Duration::from_millis(50),
        ..many()
    };
    once(impatient, &async |world: &World| {
        world.work();
        let spinning = world
            .start(async |_| {
                std::future::poll_fn(|context| {
                    POLLS.fetch_add(1, Ordering::Relaxed);
                    context.waker().wake_by_ref();
                    std::task::Poll::<()>::Pending
                })
                .await;
                Ok(String::new())
            })
            .await;
        spinning.reaches("WTFailed", 1).await;
        let terminate = WorkflowTerminateOptions::builder().reason("enough").build();
        spinning.handle.terminate(terminate).await.unwrap();
        come_to_rest(&POLLS).await;
    })
    .await;
}

// D10, D11
#[test]
async fn a_loop_that_looks_for_a_request_again_and_again_fails_its_task() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut looks = 0_u64;
                loop {
                    ctx.cancellation_requested().await;
                    looks += 1;
                    if looks == u64::MAX {
                        return Ok(String::new());
                    }
                }
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        let text = task_failure(&flow).await;
        assert!(text.contains("`ctx.cancellation_requested()`"), "{text}");
    })
    .await;
}

/// Lets go of everything that blocks on it.
static BLOCKED: Mutex<bool> = Mutex::new(true);

// D11
#[test]
async fn a_worker_whose_threads_are_all_kept_ends_with_an_error() {
    let world = World::new(WorkerOptions {
        deadlock_timeout: Duration::from_millis(1),
        ..many()
    });
    let worker = world.worker().build().unwrap();
    let blocks = define(async |_| {
        while *BLOCKED.lock().unwrap() {
            std::thread::yield_now();
        }
        Ok(String::new())
    });
    let flow = world.start_named(&blocks).await;
    let retried = async {
        // Each failed task comes again after a while, and keeps another thread.
        loop {
            world.clock.advance(MINUTE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let ended = worker.run_until(retried).await;
    *BLOCKED.lock().unwrap() = false;
    let error = ended
        .map(|never: std::convert::Infallible| never)
        .unwrap_err();
    assert!(
        error.to_string().contains("keeps more than 64 threads"),
        "{error}"
    );
    drop(flow);
}

/// With none in memory, each task lets go of its run.
#[test]
async fn a_destructor_that_panics_takes_no_other_workflow_along() {
    struct Bomb {
        armed: bool,
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.armed, "a destructor of workflow code");
        }
    }
    once(none(), &async |world: &World| {
        world.work();
        let bomb = world
            .start(async |ctx| {
                let mut bomb = Bomb { armed: true };
                ctx.timer(SECOND).await?;
                bomb.armed = false;
                Ok("defused".to_owned())
            })
            .await;
        bomb.reaches("TimerStarted", 1).await;
        let other = world.start(async |_| Ok("other".to_owned())).await;
        assert_eq!(other.result().await, "other");
        world.clock.advance(SECOND);
        assert_eq!(bomb.result().await, "defused");
    })
    .await;
}

#[test]
async fn options_that_make_no_sense_are_refused_and_no_limit_is_one() {
    let world = World::new(many());
    type Change = fn(&mut WorkerOptions);
    let refused: [(Change, &str); 8] = [
        (
            |o| o.max_concurrent_workflow_tasks = 0,
            "`max_concurrent_workflow_tasks`",
        ),
        (
            |o| o.max_concurrent_activities = 0,
            "`max_concurrent_activities`",
        ),
        (
            |o| o.max_concurrent_local_activities = 0,
            "`max_concurrent_local_activities`",
        ),
        (|o| o.workflow_threads = 0, "`workflow_threads`"),
        (|o| o.workflow_threads = usize::MAX, "`workflow_threads`"),
        (
            |o| o.deadlock_timeout = Duration::ZERO,
            "`deadlock_timeout`",
        ),
        (
            |o| o.max_task_queue_activities_per_second = Some(f64::NAN),
            "`NaN` is not a rate",
        ),
        (
            |o| o.max_task_queue_activities_per_second = Some(-1.0),
            "`-1` is not a rate",
        ),
    ];
    for (change, text) in refused {
        let mut options = many();
        change(&mut options);
        let error = world.worker().options(options).build().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    let unlimited = WorkerOptions {
        max_concurrent_workflow_tasks: usize::MAX,
        max_concurrent_activities: usize::MAX,
        max_concurrent_local_activities: usize::MAX,
        max_cached_runs: usize::MAX,
        graceful_shutdown_timeout: Duration::MAX,
        deadlock_timeout: Duration::MAX,
        ..many()
    };
    world.work_with(world.worker().options(unlimited));
    let flow = world
        .start(async |ctx| {
            let local = LocalActivityOptions::start_to_close_timeout(SECOND);
            ctx.start_local_activity(Stage::quick, "a".to_owned(), local)
                .await?;
            Ok(ctx
                .start_activity(Stage::quick, "b".to_owned(), options())
                .await?)
        })
        .await;
    assert_eq!(flow.result().await, "b");
    world.rest().await;
}

/// A dead engine does not come back, and whoever runs a worker has to know.
#[test]
async fn a_worker_ends_with_the_error_of_its_engine_and_says_later_that_it_has_ended() {
    let world = World::new(many());
    let worker = world.worker().build().unwrap();
    let engine = Arc::clone(&world.engine);
    let ended = worker
        .run_until(async {
            engine.shutdown();
            std::future::pending::<()>().await;
        })
        .await;
    let error = ended.unwrap_err();
    assert!(
        matches!(&error, WorkerError::Engine(engine) if engine.to_string().contains("shut down")),
        "{error:?}"
    );
    let again = worker.run_until(async {}).await.unwrap_err();
    assert!(again.to_string().contains("has ended"), "{again}");
    let health = world.client.check_health().await.unwrap_err();
    assert!(health.to_string().contains("shut down"), "{health}");
}

#[test]
async fn run_is_send_and_a_worker_runs_once() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let world = World::new(many());
    let worker = world.worker().build().unwrap();
    let stop = worker.shutdown_handle();
    let same = worker.clone();
    let running = tokio::spawn(is_send(async move { same.run().await }));
    let flow = world.start(async |_| Ok("ran".to_owned())).await;
    assert_eq!(flow.result().await, "ran");
    let error = worker.run().await.unwrap_err();
    assert!(matches!(error, WorkerError::Running), "{error}");
    stop.shutdown();
    running.await.unwrap().unwrap();
}

#[test]
async fn a_worker_that_stops_lets_activities_end() {
    once(many(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                Ok(ctx
                    .start_activity(Stage::ignore, "slow".to_owned(), options())
                    .await?)
            })
            .await;
        world.board.heard("slow started").await;
        let ends = async {
            tokio::task::yield_now().await;
            world.board.open("slow");
        };
        tokio::join!(world.rest(), ends);
        flow.reaches("ActCompleted", 1).await;
        world.work();
        assert_eq!(flow.result().await, "slow done");
    })
    .await;
}

#[test]
async fn what_is_wrong_with_a_worker_is_said_when_it_is_built() {
    let world = World::new(many());
    let twice = world
        .worker()
        .register_workflow::<Script>()
        .build()
        .unwrap_err();
    assert!(twice.to_string().contains("`Script`"), "{twice}");
    let empty = Worker::builder(&world.client, "tests").build().unwrap_err();
    assert!(matches!(empty, WorkerError::Empty), "{empty}");
    let name = Worker::builder(&world.client, "")
        .register_workflow::<Script>()
        .build()
        .unwrap_err();
    assert!(matches!(name, WorkerError::TaskQueue(_)), "{name}");
}

#[test]
async fn a_handle_is_shown_by_its_id() {
    let world = World::new(many());
    let handle: WorkflowHandle<Script> = world
        .client
        .workflow::<Script>("shown")
        .map(|handle| (*handle).clone())
        .unwrap();
    assert!(format!("{handle:?}").contains("shown"));
}
