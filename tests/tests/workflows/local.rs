//! Local activities: A7. What decides is a table in `core`, which has its own tests; these are about who hears what.

use std::{sync::Arc, time::Duration};

use steadfast::{core::failure::TimeoutType, prelude::*, worker::WorkerBuilder};
use tokio::test;

use crate::harness::{
    Board, Flow, HOUR, QUEUE, SECOND, World, define, many, once, scenario_without_worker,
};

/// Activities that run in the worker.
struct Locals(Arc<Board>);

#[activities]
impl Locals {
    /// Runs until it is told to stop.
    #[activity(auto_heartbeat)]
    async fn until_told(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        self.0.say(format!("started {}", ctx.info().attempt));
        let cause = ctx.cancelled().await;
        self.0.say(format!("told {cause:?}"));
        Err(ActivityError::cancelled())
    }

    /// Does not listen.
    #[activity]
    async fn deaf(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        self.0.say(format!("started {}", ctx.info().attempt));
        std::future::pending().await
    }

    /// The first attempt takes too long, the second says what it has heard.
    #[activity(auto_heartbeat)]
    async fn slow_once(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        if ctx.info().attempt == 1 {
            std::future::pending::<()>().await;
        }
        Ok(format!("{:?}", ctx.cancel_cause()))
    }

    /// Works in an hour.
    #[activity]
    async fn in_an_hour(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        let attempt = ctx.info().attempt;
        self.0.say(format!("attempt {attempt}"));
        if attempt < 3 {
            let failure = ApplicationFailure::new("not yet", "Later");
            return Err(failure.with_next_retry_delay(HOUR).into());
        }
        let since = ctx
            .info()
            .started_time
            .duration_since(ctx.info().scheduled_time);
        Ok(format!("attempt {attempt} after {:?}", since?))
    }

    #[activity]
    async fn count(number: u32) -> Result<String, ActivityError> {
        Ok(number.to_string())
    }
}

/// Activities that only some workers know.
struct Rare;

#[activities]
impl Rare {
    #[activity]
    async fn rare() -> Result<String, ActivityError> {
        Ok("rare".to_owned())
    }
}

/// What a workflow takes for the activities.
struct Old;

#[activities]
impl Old {
    #[activity]
    async fn count(word: String) -> Result<String, ActivityError> {
        Ok(word)
    }
}

fn knows(world: &World) -> WorkerBuilder {
    let locals = Locals(Arc::clone(&world.board));
    world.worker().register_activities(locals)
}

fn an_hour() -> LocalActivityOptions {
    LocalActivityOptions::start_to_close_timeout(HOUR)
}

/// A short limit on each attempt, and another attempt at once.
fn short() -> LocalActivityOptions {
    LocalActivityOptions::with_start_to_close_timeout(Duration::from_millis(100))
        .retry_policy(RetryPolicy {
            initial_interval: Duration::from_millis(1),
            ..RetryPolicy::default()
        })
        .build()
}

/// Starts a workflow whose tasks are short, so that it soon sees what arrives.
async fn start_short(world: &World, body: &str) -> Flow {
    let options =
        WorkflowStartOptions::new(QUEUE, "short").task_timeout(Duration::from_millis(200));
    world.start_with(body, options).await
}

// A7: a wait that is too long for a task is a marker and a timer, and the attempts go on counting after a crash.
#[test]
async fn a_wait_that_a_task_cannot_have_is_a_timer_and_the_attempts_count_on() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let flow = world
            .start(async |ctx| {
                Ok(ctx
                    .start_local_activity(Locals::in_an_hour, (), an_hour())
                    .await?)
            })
            .await;
        flow.reaches("TimerStarted", 1).await;
        // Another worker, which knows of the first attempts from the history alone.
        world.rest().await;
        world.work_with(knows(world));
        world.advance(HOUR).await;
        flow.reaches("TimerStarted", 2).await;
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "attempt 3 after 7200s");
        assert_eq!(world.board.said(), ["attempt 1", "attempt 2", "attempt 3"]);
        flow.has(
            "1 Started · 2-4 WT · 5 MarkerRecorded(core_local_activity, application,Later \"not yet\") · \
             6 TimerStarted(1) · 7 TimerFired(1) · 8-10 WT · \
             11 MarkerRecorded(core_local_activity, application,Later \"not yet\") · 12 TimerStarted(2) · \
             13 TimerFired(2) · 14-16 WT · 17 MarkerRecorded(core_local_activity) · \
             18 Completed(\"attempt 3 after 7200s\")",
        )
        .await;
    })
    .await;
}

// A7, O3
#[test]
async fn a_local_activity_that_waits_for_its_next_attempt_is_cancelled_with_its_timer() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let flow = world
            .start(async |ctx| {
                let options = LocalActivityOptions::with_start_to_close_timeout(HOUR)
                    .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
                    .build();
                Ok(ctx
                    .start_local_activity(Locals::in_an_hour, (), options)
                    .await?)
            })
            .await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert!(flow.text().await.contains("TimerCanceled(1)"));
        assert_eq!(world.board.said(), ["attempt 1"]);
    })
    .await;
}

// A7
#[test]
async fn a_cancelled_local_activity_that_runs_into_its_limit_is_not_tried_again() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let body = define(async |ctx| {
            let options =
                LocalActivityOptions::with_start_to_close_timeout(Duration::from_millis(800))
                    .cancellation_type(ActivityCancellationType::WaitCancellationCompleted);
            let error = ctx
                .start_local_activity(Locals::deaf, (), options)
                .await
                .unwrap_err();
            assert_eq!(error.timeout_type(), Some(TimeoutType::StartToClose));
            Ok("timed out".to_owned())
        });
        let flow = start_short(world, &body).await;
        world.board.heard("started 1").await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "timed out");
        assert_eq!(world.board.said(), ["started 1"]);
    })
    .await;
}

// A7
#[test]
async fn each_attempt_at_a_local_activity_hears_its_own_causes_only() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let flow = world
            .start(async |ctx| {
                Ok(ctx
                    .start_local_activity(Locals::slow_once, (), short())
                    .await?)
            })
            .await;
        assert_eq!(flow.result().await, "None");
    })
    .await;
}

// A7, F7
#[test]
async fn a_local_activity_of_a_terminated_workflow_hears_of_it() {
    once(many(), &async |world: &World| {
        world.work_with(knows(world));
        let body = define(async |ctx| {
            Ok(ctx
                .start_local_activity(Locals::until_told, (), an_hour())
                .await?)
        });
        let flow = start_short(world, &body).await;
        world.board.heard("started 1").await;
        let reason = WorkflowTerminateOptions::builder().reason("enough");
        flow.handle.terminate(reason).await.unwrap();
        world.board.heard("told NotFound").await;
    })
    .await;
}

// A7
#[test]
async fn a_local_activity_hears_that_the_worker_stops_and_the_next_worker_runs_it() {
    once(many(), &async |world: &World| {
        world.work_with(knows(world));
        let flow = world
            .start(async |ctx| {
                Ok(ctx
                    .start_local_activity(Locals::until_told, (), an_hour())
                    .await?)
            })
            .await;
        world.board.heard("started 1").await;
        world.rest().await;
        assert_eq!(world.board.said(), ["started 1", "told WorkerShutdown"]);
        // No task failed for it.
        assert!(!flow.text().await.contains("WTFailed"));
        world.work_with(knows(world));
        while world.board.said().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.board.said()[2], "started 1");
        flow.handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
    })
    .await;
}

// A7
#[test]
async fn a_local_activity_that_a_worker_cannot_run_fails_the_task_and_another_worker_runs_it() {
    once(many(), &async |world: &World| {
        world.work_with(knows(world));
        let unknown = world
            .start(async |ctx| Ok(ctx.start_local_activity(Rare::rare, (), an_hour()).await?))
            .await;
        let unreadable = world
            .start(async |ctx| {
                let count = ctx.start_local_activity(Old::count, "seven".to_owned(), an_hour());
                Ok(count.await?)
            })
            .await;
        for flow in [&unknown, &unreadable] {
            flow.reaches("WTFailed", 1).await;
        }
        world.rest().await;
        let also_rare = knows(world).register_activities(Rare);
        world.work_with(also_rare);
        let passes = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                world.clock.advance(SECOND);
            }
        };
        let result = tokio::select! {
            result = unknown.result() => result,
            () = passes => unreachable!(),
        };
        assert_eq!(result, "rare");
        assert_eq!(
            unreadable.status().await,
            steadfast::core::event::ExecutionStatus::Running
        );
    })
    .await;
}

// A7: an update that is refused in the task of a running local activity does not start the activity again.
#[test]
async fn a_refused_update_leaves_a_running_local_activity_alone() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let body = define(async |ctx| {
            Ok(ctx
                .start_local_activity(Locals::until_told, (), an_hour())
                .await
                .unwrap_or_else(|error| error.to_string()))
        });
        let flow = start_short(world, &body).await;
        world.board.heard("started 1").await;
        for _ in 0..3 {
            let refused = flow.handle.update_by_name("nobody handles this", vec![]);
            assert!(refused.await.is_err());
        }
        assert_eq!(world.board.said(), ["started 1"]);
        flow.cancel("enough").await;
        flow.result().await;
        world.board.heard("told Cancelled").await;
        assert_eq!(world.board.said(), ["started 1", "told Cancelled"]);
    })
    .await;
}

// A7, O1: one that the worker runs is waited for, also when it is cancelled in the task in which it was started.
#[test]
async fn a_local_activity_that_runs_is_waited_for_in_the_task_that_started_it() {
    scenario_without_worker(async |world| {
        world.work_with(knows(world));
        let body = define(async |ctx| {
            let waits = LocalActivityOptions::with_start_to_close_timeout(HOUR)
                .cancellation_type(ActivityCancellationType::WaitCancellationCompleted);
            let slow = ctx.start_local_activity(Locals::until_told, (), waits);
            ctx.start_local_activity(Locals::count, 1, an_hour())
                .await?;
            slow.cancel();
            let ended = slow.await.unwrap_err();
            assert!(ended.is_cancelled());
            // The cleanup comes after it.
            ctx.start_local_activity(Locals::count, 2, an_hour())
                .await?;
            Ok(String::new())
        });
        let flow = world.start_named(&body).await;
        flow.result().await;
        assert_eq!(world.board.said(), ["started 1", "told Cancelled"]);
        let history = flow.text().await;
        assert_eq!(history.matches("Marker").count(), 3, "{history}");
    })
    .await;
}

// A7: also one whose workflow task has reported that it goes on, so that no task holds the worker.
#[test]
async fn a_local_activity_of_many_tasks_hears_that_the_worker_stops() {
    once(many(), &async |world: &World| {
        world.work_with(knows(world));
        let body = define(async |ctx| {
            Ok(ctx
                .start_local_activity(Locals::until_told, (), an_hour())
                .await?)
        });
        let flow = start_short(world, &body).await;
        world.board.heard("started 1").await;
        flow.reaches("WTCompleted", 2).await;
        world.rest().await;
        assert_eq!(world.board.said(), ["started 1", "told WorkerShutdown"]);
    })
    .await;
}
