//! Operations and how they are cancelled: O1 to O7, for activities, local activities, timers and
//! conditions. Children and other executions are in `executions.rs`.

use std::time::Duration;

use steadfast::{core::failure::TimeoutType, prelude::*};
use steadfast_engine::conformance::notation::short;
use steadfast_tests::harness::saw;
use tokio::test;

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, QUEUE, SECOND, Stage, World, cancelled_by, define, nobodys, options,
    scenario,
};

use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};

const CANCELLED: &str =
    "activity,CANCEL_REQUESTED 'activity cancelled' <- canceled 'cancelled' cancelled=true";
const CANCELLED_HERE: &str =
    "activity,CANCEL_REQUESTED 'local activity cancelled' <- canceled 'cancelled' cancelled=true";
const BROKEN: &str = "activity,CANCEL_REQUESTED 'activity failed' <- application,Broken 'broken failed' cancelled=false";
const SILENT: &str = "activity,CANCEL_REQUESTED 'activity timed out' <- timeout,HEARTBEAT 'activity Heartbeat timeout' \
                      cancelled=false";

/// A workflow that runs an activity, says how it ended, and then waits for a word.
async fn lingering(
    world: &World,
    activity: impl AsyncFn(&Ctx) -> Result<String, ActivityExecutionError> + Send + Sync + 'static,
) -> Flow {
    world
        .start(async move |ctx| {
            let result = activity(ctx).await;
            let seen = saw(&result);
            ctx.disconnected(async |ctx| ctx.wait_condition(|state| !state.heard.is_empty()).await)
                .await?;
            Ok(seen)
        })
        .await
}

// O1, A1, A4, scenario 49
#[test]
async fn try_cancel_resolves_at_once_and_the_activity_ends_later() {
    scenario(async |world| {
        let flow = lingering(world, async |ctx| {
            ctx.start_activity(Stage::hold, "held".to_owned(), cancelled_by(TryCancel)).await
        })
        .await;
        world.board.heard("held started").await;
        flow.cancel("stop").await;
        flow.reaches("ActCanceled", 1).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, CANCELLED);
        assert!(world.board.said().contains(&"held heard: cancelled by the workflow".to_owned()));
        flow.has(&format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · \
             12 ActCanceled(sched=5, started=11, latestCancelRequested=10) · 13-15 WT · 16 Signaled(say) · \
             17-19 WT · 20 Completed(\"{CANCELLED}\")"
        ))
        .await;
    })
    .await;
}

// O1, scenario 50
#[test]
async fn wait_resolves_when_the_activity_says_that_it_stopped() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = cancelled_by(WaitCancellationCompleted);
                Ok(ctx.start_activity(Stage::hold, "held".to_owned(), options).await?)
            })
            .await;
        world.board.heard("held started").await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · \
             12 ActCanceled(sched=5, started=11, latestCancelRequested=10) · 13-15 WT · 16 Canceled",
        )
        .await;
    })
    .await;
}

// O1, scenarios 62 and 65
#[test]
async fn wait_gives_the_result_of_an_activity_that_ignores_the_request() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = cancelled_by(WaitCancellationCompleted);
                Ok(ctx.start_activity(Stage::ignore, "deaf".to_owned(), options).await?)
            })
            .await;
        world.board.heard("deaf started").await;
        flow.cancel("stop").await;
        flow.reaches("ActCancelRequested", 1).await;
        world.board.open("deaf");
        assert_eq!(flow.result().await, "deaf done");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · \
             12 ActCompleted(sched=5, \"deaf done\") · 13-15 WT · 16 Completed(\"deaf done\")",
        )
        .await;
    })
    .await;
}

// O1, ground rule 9, scenario 67
#[test]
async fn wait_gives_the_failure_of_an_activity_and_it_is_not_tried_again() {
    scenario(async |world| {
        let flow = lingering(world, async |ctx| {
            let options = cancelled_by(WaitCancellationCompleted);
            ctx.start_activity(Stage::fail, "broken".to_owned(), options).await
        })
        .await;
        world.board.heard("broken started 1").await;
        flow.cancel("stop").await;
        flow.reaches("ActFailed", 1).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, BROKEN);
        flow.has(&format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, fail) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · \
             12 ActFailed(sched=5, application,Broken \"broken failed\", CANCEL_REQUESTED) · 13-15 WT · \
             16 Signaled(say) · 17-19 WT · 20 Completed(\"{BROKEN}\")"
        ))
        .await;
    })
    .await;
}

// O1, O6, scenario 64
#[test]
async fn wait_gives_the_heartbeat_timeout_of_an_activity_that_never_answers() {
    scenario(async |world| {
        let flow = lingering(world, async |ctx| {
            let options = cancelled_by(WaitCancellationCompleted);
            let result = ctx.start_activity(Stage::ignore, "deaf".to_owned(), options).await;
            let error = result.as_ref().unwrap_err();
            assert_eq!(error.timeout_type(), Some(TimeoutType::Heartbeat));
            result
        })
        .await;
        world.board.heard("deaf started").await;
        flow.cancel("stop").await;
        flow.reaches("ActCancelRequested", 1).await;
        world.advance(MINUTE).await;
        flow.reaches("ActTimedOut", 1).await;
        flow.settle().await;
        flow.say("go").await;
        world.board.open("deaf");
        assert_eq!(flow.result().await, SILENT);
        flow.has(&format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · \
             12 ActTimedOut(sched=5, timeout,HEARTBEAT \"activity Heartbeat timeout\", CANCEL_REQUESTED) · \
             13-15 WT · 16 Signaled(say) · 17-19 WT · 20 Completed(\"{SILENT}\")"
        ))
        .await;
    })
    .await;
}

// O1, scenarios 52 and 53: what the official core wedges on.
#[test]
async fn an_abandoned_activity_may_complete_fail_or_time_out_later() {
    for late in ["ignore", "fail", "time out"] {
        scenario(async |world| {
            let flow = lingering(world, async move |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .retry_policy(RetryPolicy::once())
                    .cancellation_type(Abandon)
                    .build();
                if late == "fail" {
                    ctx.start_activity(Stage::fail, "late".to_owned(), options).await
                } else {
                    ctx.start_activity(Stage::ignore, "late".to_owned(), options).await
                }
            })
            .await;
            world
                .board
                .heard(if late == "fail" { "late started 1" } else { "late started" })
                .await;
            flow.cancel("stop").await;
            flow.reaches("WTCompleted", 2).await;
            if late == "time out" {
                world.advance(HOUR).await;
            } else {
                world.board.open("late");
            }
            flow.reaches("ActStarted", 1).await;
            flow.settle().await;
            flow.say("go").await;
            assert_eq!(flow.result().await, CANCELLED);
            world.board.open("late");
            let end = match late {
                "ignore" => "ActCompleted(sched=5, \"late done\")",
                "fail" => {
                    "ActFailed(sched=5, application,Broken \"late failed\", MAXIMUM_ATTEMPTS_REACHED)"
                }
                _ => {
                    "ActTimedOut(sched=5, timeout,START_TO_CLOSE \"activity StartToClose timeout\", \
                     MAXIMUM_ATTEMPTS_REACHED)"
                }
            };
            let activity = if late == "fail" { "fail" } else { "ignore" };
            flow.has(&format!(
                "1 Started · 2-4 WT · 5 ActScheduled(1, {activity}) · 6 CancelRequested(cause=stop, identity=tester) · \
                 7-9 WT · 10 ActStarted(sched=5) · 11 {end} · 12-14 WT · 15 Signaled(say) · 16-18 WT · \
                 19 Completed(\"{CANCELLED}\")"
            ))
            .await;
        })
        .await;
    }
}

// O3, scenarios 55 and 56
#[test]
async fn an_activity_that_no_worker_has_is_cancelled_by_the_engine() {
    for cancellation_type in [TryCancel, WaitCancellationCompleted] {
        scenario(async |world| {
            let flow = lingering(world, async move |ctx| {
                ctx.start_activity(Stage::quick, "a".to_owned(), nobodys(cancellation_type)).await
            })
            .await;
            flow.settle().await;
            flow.cancel("stop").await;
            flow.reaches("WTCompleted", 3).await;
            flow.say("go").await;
            assert_eq!(flow.result().await, CANCELLED);
            flow.has(&format!(
                "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 CancelRequested(cause=stop, identity=tester) · \
                 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, \
                 latestCancelRequested=10, details=\"ACTIVITY_ID_NOT_STARTED\") · 12-14 WT · 15 Signaled(say) · \
                 16-18 WT · 19 Completed(\"{CANCELLED}\")"
            ))
            .await;
        })
        .await;
    }
}

// O3, scenario 58
#[test]
async fn the_engine_writes_no_end_of_an_activity_when_the_workflow_closes_in_that_task() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| Ok(ctx.start_activity(Stage::quick, "a".to_owned(), nobodys(TryCancel)).await?))
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 Canceled",
        )
            .await;
    })
    .await;
}

// O3, scenario 70
#[test]
async fn an_activity_between_two_attempts_is_cancelled_by_the_engine() {
    scenario(async |world| {
        let flow = lingering(world, async |ctx| {
            ctx.start_activity(
                Stage::fail,
                "broken".to_owned(),
                cancelled_by(WaitCancellationCompleted),
            )
            .await
        })
        .await;
        world.board.heard("broken started 1").await;
        world.board.open("broken");
        loop {
            let pending = flow
                .handle
                .describe()
                .await
                .unwrap()
                .pending_activities
                .remove(0);
            if pending.last_failure.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        flow.cancel("stop").await;
        flow.reaches("WTCompleted", 3).await;
        flow.say("go").await;
        assert_eq!(flow.result().await, CANCELLED);
        flow.has(&format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, fail) · 6 CancelRequested(cause=stop, identity=tester) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · \
             11 ActCanceled(sched=5, started=none, latestCancelRequested=10, details=\"ACTIVITY_ID_NOT_STARTED\") · \
             12-14 WT · 15 Signaled(say) · 16-18 WT · 19 Completed(\"{CANCELLED}\")"
        ))
        .await;
    })
    .await;
}

// O1, D6, scenarios 100 and 101
#[test]
async fn of_a_completion_and_a_request_in_one_task_wait_gives_the_result() {
    for first in ["completion", "request"] {
        scenario(async |world| {
            let flow = world
                .start(async |ctx| {
                    let options = cancelled_by(WaitCancellationCompleted);
                    Ok(ctx
                        .start_activity(Stage::ignore, "won".to_owned(), options)
                        .await?)
                })
                .await;
            world.board.heard("won started").await;
            flow.settle().await;
            // The worker stops taking workflow tasks but ends its activity: both events come into
            // one task.
            if first == "completion" {
                world.board.open("won");
                world.rest().await;
                flow.cancel("stop").await;
            } else {
                let resting = world.rest();
                let both = async {
                    tokio::task::yield_now().await;
                    flow.cancel("stop").await;
                    world.board.open("won");
                };
                tokio::join!(resting, both);
            }
            world.work();
            assert_eq!(flow.result().await, "won done");
        })
        .await;
    }
}

// O2, scenario 38
#[test]
async fn what_is_started_and_cancelled_in_one_task_leaves_no_trace() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let timer = ctx.sleep(HOUR);
                let activity = ctx.start_activity(Stage::quick, "a".to_owned(), options());
                let child = ctx.start_child_workflow(
                    crate::harness::Script::run,
                    "none".to_owned(),
                    ChildWorkflowOptions::builder(),
                );
                timer.cancel();
                activity.cancel_with_reason("changed my mind");
                child.cancel();
                assert!(timer.await.is_err());
                let activity = activity.await.unwrap_err();
                assert_eq!(activity.cancel_reason(), Some("changed my mind"));
                assert!(child.await.unwrap_err().is_cancelled());
                drop(ctx.sleep(HOUR));
                Ok(activity.to_string())
            })
            .await;
        flow.result().await;
        let history = flow.text().await;
        assert!(
            history.starts_with("1 Started · 2-4 WT · 5 Completed("),
            "{history}"
        );
    })
    .await;
}

// O4, scenario 40
#[test]
async fn cancelling_twice_or_too_late_does_nothing() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut done = ctx.start_activity(Stage::quick, "done".to_owned(), options());
                (&mut done).await?;
                done.cancel();
                let timer = ctx.sleep(HOUR);
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                timer.cancel();
                timer.cancel();
                assert!(timer.await.is_err());
                Ok(String::new())
            })
            .await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.say("go").await;
        flow.result().await;
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 ActStarted(sched=5) · \
             7 ActCompleted(sched=5, \"done\") · 8-10 WT · 11 TimerStarted(1) · 12 Signaled(say) · 13-15 WT · \
             16 TimerCanceled(1) · 17 Completed(\"\")",
        )
        .await;
    })
    .await;
}

// O5
#[test]
async fn the_loser_of_a_select_is_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let hold = cancelled_by(TryCancel);
                let said = select! {
                    _ = ctx.start_activity(Stage::hold, "held".to_owned(), hold) => "held",
                    _ = ctx.sleep(HOUR) => "time",
                    _ = ctx.wait_condition(|state| !state.heard.is_empty()) => "heard",
                };
                ctx.sleep(SECOND).await?;
                Ok(said.to_owned())
            })
            .await;
        world.board.heard("held started").await;
        flow.settle().await;
        flow.say("go").await;
        flow.reaches("ActCanceled", 1).await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "heard");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 TimerStarted(1) · 7 Signaled(say) · 8-10 WT · \
             11 TimerCanceled(1) · 12 ActCancelRequested(sched=5) · 13 TimerStarted(2) · 14 ActStarted(sched=5) · \
             15 ActCanceled(sched=5, started=14, latestCancelRequested=12) · 16-18 WT · 19 TimerFired(2) · \
             20-22 WT · 23 Completed(\"heard\")",
        )
        .await;
    })
    .await;
}

// O5
#[test]
async fn a_detached_operation_runs_on() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.start_activity(Stage::hold, "held".to_owned(), options())
                    .detach();
                ctx.sleep(HOUR).detach();
                ctx.sleep(MINUTE).await?;
                Ok("done".to_owned())
            })
            .await;
        world.board.heard("held started").await;
        world.board.open("held");
        flow.reaches("ActCompleted", 1).await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "done");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 TimerStarted(1) · 7 TimerStarted(2) · \
             8 ActStarted(sched=5) · 9 ActCompleted(sched=5, \"held done\") · 10-12 WT · 13 TimerFired(2) · \
             14-16 WT · 17 Completed(\"done\")",
        )
        .await;
    })
    .await;
}

// O5
#[test]
async fn a_workflow_that_leaves_memory_cancels_nothing() {
    // `scenario` runs this with a worker that forgets every run after every task.
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let held =
                    ctx.start_activity(Stage::hold, "held".to_owned(), cancelled_by(TryCancel));
                ctx.wait_condition(|state| state.heard.len() == 3).await?;
                Ok(held.await?)
            })
            .await;
        world.board.heard("held started").await;
        for word in ["one", "two", "three"] {
            flow.say(word).await;
            flow.settle().await;
        }
        world.rest().await;
        world.work();
        world.board.heard("held started").await;
        flow.settle().await;
        assert!(!flow.text().await.contains("Cancel"));
    })
    .await;
}

// O6
#[test]
async fn a_start_to_close_timeout_is_told_with_its_kind() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = ActivityOptions::with_start_to_close_timeout(MINUTE)
                    .retry_policy(RetryPolicy::once())
                    .build();
                let error = ctx
                    .start_activity(Stage::ignore, "slow".to_owned(), options)
                    .await
                    .unwrap_err();
                assert_eq!(error.timeout_type(), Some(TimeoutType::StartToClose));
                assert!(!error.is_cancelled());
                Err(error.into())
            })
            .await;
        world.board.heard("slow started").await;
        world.advance(MINUTE).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity timed out\" <- timeout,START_TO_CLOSE \"activity \
             StartToClose timeout\""
        );
        world.board.open("slow");
    })
    .await;
}

fn local() -> LocalActivityOptions {
    LocalActivityOptions::start_to_close_timeout(HOUR)
}

#[test]
async fn a_local_activity_is_one_marker() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let first = ctx
                    .start_local_activity(Stage::quick, "a".to_owned(), local())
                    .await?;
                let second = ctx
                    .start_local_activity(Stage::quick, "b".to_owned(), local())
                    .await?;
                ctx.sleep(MINUTE).await?;
                Ok(first + &second)
            })
            .await;
        flow.reaches("TimerStarted", 1).await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "ab");
        // A replay takes the results from history.
        assert_eq!(world.board.said(), ["a", "b"]);
        let history = flow.text().await;
        assert_eq!(history.matches("MarkerRecorded(").count(), 2, "{history}");
    })
    .await;
}

// A7, O1, scenario 143
#[test]
async fn a_local_activity_is_cancelled_in_the_worker_by_every_type() {
    for (cancellation_type, told) in [
        (TryCancel, true),
        (WaitCancellationCompleted, true),
        (Abandon, false),
    ] {
        let histories = crate::harness::once(crate::harness::many(), &async |world: &World| {
            world.work();
            let body = define(async move |ctx| {
                let options = LocalActivityOptions::with_start_to_close_timeout(HOUR)
                    .cancellation_type(cancellation_type)
                    .build();
                let held = ctx.start_local_activity(Stage::hold, "held".to_owned(), options);
                let cancel = ctx.wait_condition(|state| !state.heard.is_empty());
                let mut held = held;
                select! {
                    result = &mut held => return Ok(saw(&result)),
                    heard = cancel => heard?,
                }
                held.cancel();
                Ok(saw(&held.await))
            });
            // The task that waits for the local activity is answered before its time is over, and
            // only then the signal can be seen.
            let options =
                WorkflowStartOptions::new(QUEUE, "local").task_timeout(Duration::from_millis(100));
            let flow = world.start_with(&body, options).await;
            world.board.heard("held started").await;
            flow.say("go").await;
            assert_eq!(flow.result().await, CANCELLED_HERE);
            if told {
                world
                    .board
                    .heard("held heard: cancelled by the workflow")
                    .await;
            }
            world.board.open("held");
        })
        .await;
        assert!(histories[0].contains("MarkerRecorded("), "{histories:?}");
    }
}

#[test]
async fn a_condition_with_a_timeout_says_whether_it_holds() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let late = ctx.wait_condition_timeout(MINUTE, |state| !state.heard.is_empty()).await?;
                let soon = ctx.wait_condition_timeout(MINUTE, |state| !state.heard.is_empty()).await?;
                let now = ctx.wait_condition_timeout(Duration::ZERO, |_| true).await?;
                Ok(format!("{late} {soon} {now}"))
            })
            .await;
        world.advance(MINUTE).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, "false true true");
        let history = flow.text().await;
        assert_eq!(
            history,
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerFired(1) · 7-9 WT · 10 TimerStarted(2) · \
             11 Signaled(say) · 12-14 WT · 15 TimerCanceled(2) · 16 Completed(\"false true true\")"
        );
    })
    .await;
}

// D8, scenario 163
#[test]
async fn a_condition_in_a_cancelled_scope_is_an_error_and_its_timer_is_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.wait_condition_timeout(HOUR, |_| false).await?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Canceled",
        )
            .await;
    })
    .await;
}
