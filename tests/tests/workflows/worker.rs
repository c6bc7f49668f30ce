//! The worker: what blocks a thread, how it stops, what it keeps in memory.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use steadfast::{
    client::WorkflowHandle,
    prelude::*,
    worker::{WorkerError, WorkerOptions},
};
use tokio::test;

use crate::{
    harness::{SECOND, Script, Stage, World, many, none, once, options},
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
