//! Activities: A1 to A7, retries and time limits.

use std::time::Duration;

use steadfast::{
    client::AsyncActivityHandle,
    core::{failure::TimeoutType, ids::ActivityId, task::TaskToken},
    engine::{ActivityRef, ExecutionRef},
    prelude::*,
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::{
    harness::{
        Board, Ctx, HOUR, MINUTE, SECOND, Script, Stage, World, cancelled_by, many, nobodys, once,
        scenario,
    },
    logs,
};

/// Activities with habits of their own.
struct Habits(std::sync::Arc<Board>);

#[activities]
impl Habits {
    /// Goes on after it heard of its cancellation, and heartbeats.
    #[activity]
    async fn keeps_heartbeating(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        ctx.heartbeat(&"before")?;
        self.0.say("started");
        ctx.cancelled().await;
        let heartbeat = ctx.heartbeat(&"after")?;
        self.0.say(format!("told {:?}", heartbeat.cancel_cause()));
        self.0.heard("let go").await;
        Ok("done all the same".to_owned())
    }

    /// Stops with a value for whoever asked.
    #[activity]
    async fn stops_with_details(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        ctx.record_heartbeat(vec![]);
        self.0.say("started");
        ctx.cancelled().await;
        Err(ActivityError::cancelled_with(&"half done")?)
    }

    /// Says that it was cancelled though nobody asked.
    #[activity]
    #[expect(deprecated, reason = "it is the point: nobody asked")]
    async fn gives_up(&self) -> Result<String, ActivityError> {
        self.0.say("gave up");
        Err(ActivityError::cancelled())
    }

    /// Goes on where the last attempt stopped.
    #[activity]
    async fn resumes(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        match ctx.heartbeat_details::<u32>()? {
            None => {
                for step in 0..5_u32 {
                    ctx.heartbeat(&step)?;
                }
                Err("attempt 1 fails".into())
            }
            Some(step) => Ok(format!("from {step} in attempt {}", ctx.info().attempt)),
        }
    }

    /// Heartbeats by itself.
    #[activity(auto_heartbeat)]
    async fn heartbeats(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        self.0.say("started");
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }

    /// Runs on the blocking pool.
    #[activity]
    fn blocks(&self, name: String, times: u32) -> Result<String, ActivityError> {
        Ok(name.repeat(usize::try_from(times)?))
    }

    /// Ends elsewhere.
    #[activity]
    async fn ends_elsewhere(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        ctx.heartbeat(&"asked")?;
        let info = ctx.info();
        self.0.say(serde_json::to_string(&info.task_token)?);
        self.0
            .say(format!("handed over in attempt {}", info.attempt));
        Err(ActivityError::complete_async())
    }

    /// Panics.
    #[activity]
    async fn panics() {
        panic!("an activity's bug");
    }
}

fn work(world: &World) {
    world.work_with(
        world
            .worker()
            .register_activities(Habits(std::sync::Arc::clone(&world.board))),
    );
}

/// Options with the type and no further attempt.
fn once_only(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .heartbeat_timeout(MINUTE)
        .retry_policy(RetryPolicy::once())
        .cancellation_type(cancellation_type)
        .build()
}

use ActivityCancellationType::{TryCancel, WaitCancellationCompleted};

// A2, scenario 83: the Go page's "Heartbeating after a Cancellation".
#[test]
async fn a_heartbeat_after_the_cancellation_is_delivered_warned_about_and_told() {
    let logs = logs::collect();
    once(many(), &async |world: &World| {
        work(world);
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .heartbeat_timeout(Duration::from_millis(50))
                    .cancellation_type(WaitCancellationCompleted)
                    .build();
                Ok(ctx
                    .start_activity(Habits::keeps_heartbeating, (), options)
                    .await?)
            })
            .await;
        world.board.heard("started").await;
        flow.cancel("stop").await;
        world.board.heard("told Some(Cancelled)").await;
        loop {
            let pending = flow
                .handle
                .describe()
                .await
                .unwrap()
                .pending_activities
                .remove(0);
            let details =
                String::from_utf8(pending.heartbeat_details[0].data.as_slice().to_vec()).unwrap();
            if details == "\"after\"" {
                break;
            }
            tokio::task::yield_now().await;
        }
        world.board.say("let go");
        assert_eq!(flow.result().await, "done all the same");
    })
    .await;
    assert!(
        logs.contain("a heartbeat of an activity that is asked to stop"),
        "{logs:?}"
    );
}

// A4, scenario 71
#[test]
async fn an_activity_that_stops_may_hand_over_a_value() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                let wait = once_only(WaitCancellationCompleted);
                let error = ctx
                    .start_activity(Habits::stops_with_details, (), wait)
                    .await
                    .unwrap_err();
                assert!(error.is_cancelled());
                Ok(format!(
                    "{:?}",
                    error.failure().chain().last().unwrap().kind
                ))
            })
            .await;
        world.board.heard("started").await;
        flow.cancel("stop").await;
        assert!(flow.result().await.contains("Cancelled"));
    })
    .await;
}

// A4, scenario 76: what makes others hang.
#[test]
async fn an_activity_that_claims_to_be_cancelled_uninvited_has_failed() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                let error = ctx
                    .start_activity(Habits::gives_up, (), once_only(TryCancel))
                    .await
                    .unwrap_err();
                assert!(!error.is_cancelled());
                Err(error.into())
            })
            .await;
        let failure = flow.failure().await;
        assert_eq!(
            short(&failure),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,UnexpectedCancel \"the activity \
             ended as cancelled, but nobody asked it to stop\""
        );
    })
    .await;
}

// A3, scenario 91
#[test]
async fn the_last_heartbeat_details_reach_the_next_attempt() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .retry_policy(RetryPolicy {
                        initial_interval: SECOND,
                        ..RetryPolicy::default()
                    })
                    .build();
                Ok(ctx.start_activity(Habits::resumes, (), options).await?)
            })
            .await;
        loop {
            let pending = flow.handle.describe().await.unwrap().pending_activities;
            if pending
                .first()
                .is_some_and(|activity| activity.last_failure.is_some())
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "from 4 in attempt 2");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, resumes) · \
             6 ActStarted(sched=5, attempt=2, lastFailure=application,&str \"attempt 1 fails\") · \
             7 ActCompleted(sched=5, \"from 4 in attempt 2\") · 8-10 WT · 11 Completed(\"from 4 in attempt 2\")",
        )
        .await;
    })
    .await;
}

// A5
#[test]
async fn an_activity_with_auto_heartbeat_outlives_its_heartbeat_timeout_and_is_cancelled() {
    once(many(), &async |world: &World| {
        work(world);
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .heartbeat_timeout(Duration::from_millis(50))
                    .cancellation_type(WaitCancellationCompleted)
                    .build();
                Ok(ctx.start_activity(Habits::heartbeats, (), options).await?)
            })
            .await;
        world.board.heard("started").await;
        for _ in 0..10 {
            // The engine's time passes only as fast as heartbeats arrive.
            world.clock.advance(Duration::from_millis(20));
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
    })
    .await;
}

#[test]
async fn a_blocking_function_with_several_inputs_is_an_activity() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                let input = ("ab".to_owned(), 3);
                Ok(ctx
                    .start_activity(Habits::blocks, input, once_only(TryCancel))
                    .await?)
            })
            .await;
        assert_eq!(flow.result().await, "ababab");
    })
    .await;
}

#[test]
async fn a_panic_in_an_activity_is_a_failure() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                ctx.start_activity(Habits::panics, (), once_only(TryCancel))
                    .await?;
                Ok(String::new())
            })
            .await;
        let failure = flow.failure().await;
        assert_eq!(
            short(&failure),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,Panic \"the activity panicked: an \
             activity's bug\""
        );
        assert!(
            failure.to_string().contains("an activity's bug"),
            "{failure}"
        );
    })
    .await;
}

#[test]
async fn an_activity_that_ends_elsewhere_is_completed_by_its_id() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .activity_id(ActivityId::new("by hand").unwrap())
                    .build();
                Ok(ctx
                    .start_activity(Habits::ends_elsewhere, (), options)
                    .await?)
            })
            .await;
        world.board.heard("handed over in attempt 1").await;
        let activity = world.client.async_activity(ActivityRef {
            execution: ExecutionRef::current(WorkflowId::new("w1").unwrap()),
            activity_id: ActivityId::new("by hand").unwrap(),
        });
        assert_eq!(activity.heartbeat(&"still thinking").await.unwrap(), None);
        activity.complete("from outside").await.unwrap();
        assert_eq!(flow.result().await, "from outside");
        assert!(activity.complete("again").await.unwrap_err().is_not_found());
    })
    .await;
}

/// An activity that was handed over, by its token.
async fn handed_over(world: &World) -> AsyncActivityHandle {
    world.board.heard("handed over in attempt 1").await;
    let said = world.board.said();
    let token: TaskToken = serde_json::from_str(&said[0]).unwrap();
    world.client.async_activity(token)
}

/// Waits for an activity that ends elsewhere; its cancellation ends it.
async fn waits_for_elsewhere(ctx: &mut Ctx) -> WorkflowResult<String> {
    let options = ActivityOptions::with_start_to_close_timeout(HOUR)
        .cancellation_type(WaitCancellationCompleted)
        .build();
    Ok(ctx
        .start_activity(Habits::ends_elsewhere, (), options)
        .await?)
}

// A1, A4
#[test]
async fn an_activity_that_ends_elsewhere_hears_of_its_cancellation_by_its_token() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world.start(waits_for_elsewhere).await;
        let activity = handed_over(world).await;
        let uninvited = activity.fail(ActivityError::cancelled()).await;
        assert!(
            uninvited
                .unwrap_err()
                .to_string()
                .contains("without activity being request canceled")
        );
        flow.cancel("never mind").await;
        flow.reaches("ActCancelRequested", 1).await;
        let heard = activity.heartbeat(&"thinking").await.unwrap();
        assert_eq!(heard, Some(CancelCause::Cancelled));
        activity.fail(ActivityError::cancelled()).await.unwrap();
        assert_eq!(flow.cancelled().await, "never mind");
    })
    .await;
}

// E8
#[test]
async fn an_activity_that_ends_elsewhere_outlives_the_process_and_is_not_started_again() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world.start(waits_for_elsewhere).await;
        let activity = handed_over(world).await;
        // Returns when what the worker said of it is durable.
        world.rest().await;
        world.engine.restart().await.unwrap();
        work(world);
        activity.complete("much later").await.unwrap();
        assert_eq!(flow.result().await, "much later");
        assert_eq!(world.board.said().len(), 2, "handed over once");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, ends_elsewhere) · 6 ActStarted(sched=5) · \
             7 ActCompleted(sched=5, \"much later\") · 8-10 WT · 11 Completed(\"much later\")",
        )
        .await;
    })
    .await;
}

#[test]
async fn a_failure_from_elsewhere_is_tried_again_and_its_time_limits_count_on() {
    scenario(async |world| {
        world.rest().await;
        work(world);
        let flow = world.start(waits_for_elsewhere).await;
        let activity = handed_over(world).await;
        activity.fail("out to lunch").await.unwrap();
        assert!(
            activity
                .complete("too late")
                .await
                .unwrap_err()
                .is_not_found()
        );
        world.advance(SECOND).await;
        world.board.heard("handed over in attempt 2").await;
        world.rest().await;
        world.engine.restart().await.unwrap();
        work(world);
        world.advance(HOUR).await;
        world.advance(MINUTE).await;
        world.board.heard("handed over in attempt 3").await;
        let last: TaskToken = serde_json::from_str(&world.board.said()[4]).unwrap();
        world
            .client
            .async_activity(last)
            .complete("done")
            .await
            .unwrap();
        assert_eq!(flow.result().await, "done");
    })
    .await;
}

// A1, scenario 92
#[test]
async fn an_activity_hears_of_the_workers_shutdown_and_is_tried_again_elsewhere() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                Ok(ctx.start_activity(Stage::hold, "held".to_owned(), cancelled_by(TryCancel)).await?)
            })
            .await;
        world.board.heard("held started").await;
        world.rest().await;
        world.board.heard("held heard: the worker is shutting down").await;
        world.board.open("held");
        world.work();
        world.clock.advance(SECOND);
        assert_eq!(flow.result().await, "held done");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 ActStarted(sched=5, attempt=2, \
             lastFailure=application,WorkerShutdown \"the worker is shutting down and this activity did not \
             complete in time\") · 7 ActCompleted(sched=5, \"held done\") · 8-10 WT · 11 Completed(\"held done\")",
        )
        .await;
    })
    .await;
}

// A1, scenario 94
#[test]
async fn an_activity_hears_that_its_time_is_over() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(MINUTE)
                    .retry_policy(RetryPolicy::once())
                    .build();
                Ok(ctx
                    .start_activity(Stage::hold, "held".to_owned(), options)
                    .await?)
            })
            .await;
        world.board.heard("held started").await;
        world.advance(MINUTE).await;
        world.board.heard("held heard: timed out").await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity timed out\" <- timeout,START_TO_CLOSE \"activity \
             StartToClose timeout\""
        );
    })
    .await;
}

#[test]
async fn every_time_limit_of_an_activity_is_kept() {
    scenario(async |world| {
        let queue = || TaskQueue::new("nobody").unwrap();
        let limits = [
            (
                TimeoutType::ScheduleToStart,
                ActivityOptions::with_start_to_close_timeout(HOUR)
                    .schedule_to_start_timeout(MINUTE)
                    .task_queue(queue())
                    .build(),
            ),
            (
                // What has only this limit and no worker is late to start; a second attempt is not.
                TimeoutType::ScheduleToClose,
                ActivityOptions::with_schedule_to_close_timeout(MINUTE)
                    .start_to_close_timeout(50 * SECOND)
                    .build(),
            ),
            (
                TimeoutType::StartToClose,
                ActivityOptions::with_start_to_close_timeout(MINUTE)
                    .retry_policy(RetryPolicy::once())
                    .build(),
            ),
            (
                TimeoutType::Heartbeat,
                ActivityOptions::with_start_to_close_timeout(HOUR)
                    .heartbeat_timeout(MINUTE)
                    .retry_policy(RetryPolicy::once())
                    .build(),
            ),
        ];
        for (number, (expected, options)) in limits.into_iter().enumerate() {
            let name = format!("slow {number}");
            let own = name.clone();
            let flow = world
                .start(async move |ctx| {
                    let slow = ctx.start_activity(Stage::ignore, own.clone(), options.clone());
                    Ok(format!(
                        "{:?}",
                        slow.await.unwrap_err().timeout_type().unwrap()
                    ))
                })
                .await;
            flow.settle().await;
            if number >= 1 {
                world.board.heard(&format!("{name} started")).await;
            }
            world.advance(MINUTE).await;
            assert_eq!(flow.result().await, format!("{expected:?}"));
            world.board.open(&name);
        }
    })
    .await;
}

#[test]
async fn an_activity_is_tried_again_by_its_policy() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .retry_policy(RetryPolicy {
                        initial_interval: SECOND,
                        maximum_attempts: 3,
                        ..RetryPolicy::default()
                    })
                    .build();
                Ok(ctx
                    .start_activity(Stage::fail, "broken".to_owned(), options)
                    .await?)
            })
            .await;
        world.board.open("broken");
        for attempt in [1, 2] {
            world
                .board
                .heard(&format!("broken started {attempt}"))
                .await;
            loop {
                let pending = flow
                    .handle
                    .describe()
                    .await
                    .unwrap()
                    .pending_activities
                    .remove(0);
                if pending.attempt == attempt + 1 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            world.advance(2 * SECOND).await;
        }
        let failure = flow.failure().await;
        assert_eq!(
            short(&failure),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,Broken \"broken failed\""
        );
        assert_eq!(world.board.said().len(), 3);
        let history = flow.text().await;
        assert!(
            history.contains(
                "ActStarted(sched=5, attempt=3, lastFailure=application,Broken \"broken failed\") · \
                 7 ActFailed(sched=5, application,Broken \"broken failed\", MAXIMUM_ATTEMPTS_REACHED)"
            ),
            "{history}"
        );
    })
    .await;
}

#[test]
async fn an_activity_of_a_type_that_no_worker_knows_says_which_there_are() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.start_activity(Habits::panics, (), once_only(TryCancel))
                    .await?;
                Ok(String::new())
            })
            .await;
        let text = flow.failure().await.to_string();
        assert!(text.contains("panics") && text.contains("quick"), "{text}");
    })
    .await;
}

// O4
#[test]
async fn an_activity_is_cancelled_by_its_handle_while_the_workflow_goes_on() {
    // The Python page's example; scenario 74.
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let wait = cancelled_by(WaitCancellationCompleted);
                let handle = ctx.start_activity(Stage::hold, "held".to_owned(), wait);
                ctx.sleep(3 * SECOND).await?;
                handle.cancel();
                assert!(handle.await.unwrap_err().is_cancelled());
                Ok("done".to_owned())
            })
            .await;
        world.board.heard("held started").await;
        world.advance(3 * SECOND).await;
        assert_eq!(flow.result().await, "done");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 TimerStarted(1) · 7 TimerFired(1) · 8-10 WT · \
             11 ActCancelRequested(sched=5) · 12 ActStarted(sched=5) · \
             13 ActCanceled(sched=5, started=12, latestCancelRequested=11) · 14-16 WT · 17 Completed(\"done\")",
        )
        .await;
    })
    .await;
}

// A7: the definitions can be called as functions, so that unit tests need no engine.
#[test]
async fn an_activity_can_be_called_like_the_function_that_it_is() {
    let world = World::new(many());
    let habits = Habits(std::sync::Arc::clone(&world.board));
    assert_eq!(Habits::blocks(&habits, "x".to_owned(), 2).unwrap(), "xx");
    let _ = (nobodys(TryCancel), Script::default());
}
