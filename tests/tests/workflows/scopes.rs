//! Cancellation scopes: S1 to S7.

use steadfast::{
    error::TimedOut,
    prelude::*,
    workflow::{join, join3},
};
use steadfast_engine::conformance::notation;
use tokio::test;

use crate::harness::{HOUR, MINUTE, SECOND, Stage, cancelled_by, options, scenario};

// S1, scenario 155
#[test]
async fn a_cancelled_scope_leaves_its_parent_and_its_siblings_alone() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let one = ctx.new_scope();
                let first = ctx.in_scope(&one, async |ctx| ctx.sleep(HOUR).await.is_err());
                let second = ctx.scope(async |ctx| ctx.sleep(MINUTE).await.is_err());
                let third = async {
                    let slept = ctx.sleep(SECOND).await.is_err();
                    one.cancel("only this one");
                    slept
                };
                let (first, second, third) = join3(first, second, third).await;
                Ok(format!("{first} {second} {third} {}", ctx.is_cancelled()))
            })
            .await;
        world.advance(SECOND).await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "true false false false");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerStarted(3) · 8 TimerFired(3) · \
             9-11 WT · 12 TimerCanceled(1) · 13 TimerFired(2) · 14-16 WT · 17 Completed(\"true false false false\")",
        )
        .await;
    })
    .await;
}

// S1
#[test]
async fn a_scope_is_cancelled_with_its_parent_at_any_depth() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let reason = ctx
                    .scope(async |ctx| {
                        ctx.scope(async |ctx| {
                            ctx.scope(async |ctx| {
                                ctx.sleep(HOUR).await.unwrap_err().reason().to_owned()
                            })
                            .await
                        })
                        .await
                    })
                    .await;
                Ok(reason)
            })
            .await;
        flow.settle().await;
        flow.cancel("from above").await;
        assert_eq!(flow.result().await, "from above");
    })
    .await;
}

// S2, scenario 158
#[test]
async fn cleanup_in_a_disconnected_scope_runs_although_the_workflow_is_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let hold = cancelled_by(ActivityCancellationType::TryCancel);
                let result = ctx
                    .start_activity(Stage::hold, "held".to_owned(), hold)
                    .await;
                if result.is_err() {
                    ctx.disconnected(async |ctx| {
                        // In a helper scope inside it too.
                        ctx.scope(async |ctx| {
                            ctx.start_activity(Stage::quick, "cleanup".to_owned(), options())
                                .await
                        })
                        .await
                    })
                    .await?;
                }
                Ok(result?)
            })
            .await;
        world.board.heard("held started").await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert!(world.board.said().contains(&"cleanup".to_owned()));
    })
    .await;
}

// S2
#[test]
async fn a_disconnected_scope_is_not_reached_whether_opened_before_or_after() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let before = ctx.disconnected(async |ctx| {
                    ctx.scope(async |ctx| ctx.sleep(MINUTE).await.is_ok()).await
                });
                let connected = ctx.sleep(HOUR);
                let (before, connected) = join(before, connected).await;
                let after = ctx
                    .disconnected(async |ctx| ctx.sleep(MINUTE).await.is_ok())
                    .await;
                Ok(format!("{before} {} {after}", connected.is_err()))
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        world.advance(MINUTE).await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "true true true");
    })
    .await;
}

// S2, scenario 148
#[test]
async fn a_disconnected_scope_is_cancelled_by_its_own_handle_and_its_own_timeout() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_disconnected_scope();
                let sleeps = ctx.in_scope(&scope, async |ctx| ctx.sleep(HOUR).await.is_err());
                let (own_handle, ()) = join(sleeps, async { scope.cancel("own handle") }).await;
                let timed = ctx
                    .disconnected(async |ctx| {
                        ctx.with_timeout(MINUTE, async |ctx| ctx.sleep(HOUR).await)
                            .await
                    })
                    .await;
                Ok(format!("{own_handle} {}", timed.unwrap_err()))
            })
            .await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "true timed out after 60s");
    })
    .await;
}

// S3, scenario 44
#[test]
async fn the_timer_of_a_scope_with_a_timeout_is_cancelled_when_its_body_ends() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.with_timeout(MINUTE, async |ctx| {
                    ctx.start_activity(Stage::quick, "fast".to_owned(), options()).await
                })
                .await
            })
            .await;
        assert_eq!(flow.result().await, "fast");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, quick) · 7 ActStarted(sched=6) · \
             8 ActCompleted(sched=6, \"fast\") · 9-11 WT · 12 TimerCanceled(1) · 13 Completed(\"fast\")",
        )
        .await;
    })
    .await;
}

// S3, scenario 43
#[test]
async fn a_scope_that_times_out_says_so_and_not_that_it_was_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let hold = cancelled_by(ActivityCancellationType::TryCancel);
                let error = ctx
                    .with_timeout(SECOND, async |ctx| {
                        ctx.start_activity(Stage::hold, "held".to_owned(), hold).await
                    })
                    .await
                    .unwrap_err();
                assert!(error.is_timeout() && !error.is_cancelled());
                let timed_out = error.as_error().unwrap().downcast_ref::<TimedOut>();
                assert_eq!(timed_out, Some(&TimedOut { after: SECOND }));
                Err(error)
            })
            .await;
        world.board.heard("held started").await;
        world.advance(SECOND).await;
        let failure = flow.failure().await;
        assert_eq!(failure.message, "timed out after 1s");
        let history = flow.text().await;
        assert_eq!(
            history,
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, hold) · 7 TimerFired(1) · 8-10 WT · \
             11 ActCancelRequested(sched=6) · 12 Failed(timeout,START_TO_CLOSE \"timed out after 1s\", \
             RETRY_POLICY_NOT_SET)"
        );
    })
    .await;
}

// S3, O1, scenario 151
#[test]
async fn a_scope_that_times_out_waits_for_what_is_to_be_waited_for() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let wait = cancelled_by(ActivityCancellationType::WaitCancellationCompleted);
                let held = ctx.with_timeout(SECOND, async |ctx| {
                    ctx.start_activity(Stage::hold, "held".to_owned(), wait).await
                });
                Ok(held.await.unwrap_err().to_string())
            })
            .await;
        world.board.heard("held started").await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "timed out after 1s");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, hold) · 7 TimerFired(1) · 8-10 WT · \
             11 ActCancelRequested(sched=6) · 12 ActStarted(sched=6) · \
             13 ActCanceled(sched=6, started=12, latestCancelRequested=11) · 14-16 WT · \
             17 Completed(\"timed out after 1s\")",
        )
        .await;
    })
    .await;
}

// S3
#[test]
async fn a_cancellation_from_above_says_cancelled_even_if_the_time_ends_later() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let error = ctx
                    .with_timeout(HOUR, async |ctx| ctx.sleep(2 * HOUR).await)
                    .await
                    .unwrap_err();
                assert!(error.is_cancelled() && !error.is_timeout());
                Err(error)
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · \
             7 CancelRequested(cause=stop, identity=tester) · 8-10 WT · 11 TimerCanceled(2) · 12 TimerCanceled(1) · \
             13 Canceled",
        )
        .await;
    })
    .await;
}

// S3, scenario 154
#[test]
async fn of_nested_timeouts_the_outer_one_ends_the_inner_one() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut inner_said = String::new();
                let outer = ctx
                    .with_timeout(SECOND, async |ctx| {
                        let inner = ctx.with_timeout(HOUR, async |ctx| ctx.sleep(2 * HOUR).await).await;
                        let error = inner.unwrap_err();
                        inner_said = format!("cancelled={}", error.is_cancelled());
                        WorkflowResult::<()>::Err(error)
                    })
                    .await;
                Ok(format!("{inner_said}, {}", outer.unwrap_err()))
            })
            .await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "cancelled=true, timed out after 1s");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerStarted(3) · 8 TimerFired(1) · \
             9-11 WT · 12 TimerCanceled(3) · 13 TimerCanceled(2) · \
             14 Completed(\"cancelled=true, timed out after 1s\")",
        )
        .await;
    })
    .await;
}

// S4
#[test]
async fn a_kept_scope_is_cancelled_from_a_signal_handler() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_scope();
                ctx.state_mut(|state| state.scope = Some(scope.clone()));
                let reason = ctx
                    .in_scope(&scope, async |ctx| {
                        ctx.sleep(HOUR).await.unwrap_err().reason().to_owned()
                    })
                    .await;
                Ok(format!("{reason}, {}", ctx.is_cancelled()))
            })
            .await;
        flow.settle().await;
        flow.handle
            .cancel_scope("the customer called".to_owned())
            .await
            .unwrap();
        assert_eq!(flow.result().await, "the customer called, false");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(cancel_scope) · 7-9 WT · 10 TimerCanceled(1) · \
             11 Completed(\"the customer called, false\")",
        )
        .await;
    })
    .await;
}

// D4
#[test]
async fn a_scope_that_accepted_a_cancellation_is_reached_by_a_later_one_from_above() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_scope();
                ctx.state_mut(|state| state.scope = Some(scope.clone()));
                let (mine, later) = ctx
                    .in_scope(&scope, async |ctx| {
                        let mine = ctx.cancelled().await.to_string();
                        // It goes on as before, until the workflow itself is cancelled.
                        let later = ctx.sleep(HOUR).await.unwrap_err().reason().to_owned();
                        (mine, later)
                    })
                    .await;
                Ok(format!("{mine}, {later}"))
            })
            .await;
        flow.settle().await;
        flow.handle.cancel_scope("mine".to_owned()).await.unwrap();
        flow.reaches("TimerStarted", 1).await;
        flow.cancel("everything").await;
        assert_eq!(flow.result().await, "mine, everything");
    })
    .await;
}

// S5
#[test]
async fn cleanups_run_last_first_before_a_cancelled_workflow_closes() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                for name in ["first", "second"] {
                    ctx.on_cancel(async move |ctx| {
                        ctx.start_activity(Stage::quick, name.to_owned(), options()).await
                    });
                }
                ctx.sleep(HOUR).await?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said(), ["second", "first"]);
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 TimerCanceled(1) · 11 ActScheduled(1, quick) · 12 ActStarted(sched=11) · \
             13 ActCompleted(sched=11, \"second\") · 14-16 WT · 17 ActScheduled(2, quick) · \
             18 ActStarted(sched=17) · 19 ActCompleted(sched=17, \"first\") · 20-22 WT · 23 Canceled",
        )
        .await;
    })
    .await;
}

// S5
#[test]
async fn cleanups_do_not_run_when_the_workflow_ends_otherwise() {
    scenario(async |world| {
        let cleanup = async |ctx: &mut crate::harness::Ctx| {
            ctx.on_cancel(async |ctx| {
                ctx.start_activity(Stage::quick, "cleanup".to_owned(), options())
                    .await
            });
        };
        let completes = world
            .start(async move |ctx| {
                cleanup(ctx).await;
                let _ = ctx.sleep(HOUR).await;
                Ok("swallowed".to_owned())
            })
            .await;
        let fails = world
            .start(async move |ctx| {
                cleanup(ctx).await;
                Err(ApplicationFailure::new("no", "Broken").into())
            })
            .await;
        completes.settle().await;
        completes.cancel("stop").await;
        assert_eq!(completes.result().await, "swallowed");
        fails.failure().await;
        assert_eq!(world.board.said(), [""; 0]);
    })
    .await;
}

// S6, O5
#[test]
async fn a_dropped_scope_cancels_what_is_in_it() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let hold = cancelled_by(ActivityCancellationType::TryCancel);
                let held = ctx.scope(async |ctx| {
                    ctx.start_activity(Stage::hold, "held".to_owned(), hold).await
                });
                Ok(select! {
                    _ = held => "held".to_owned(),
                    _ = ctx.sleep(SECOND) => "time".to_owned(),
                })
            })
            .await;
        world.board.heard("held started").await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "time");
        let history = flow.text().await;
        assert_eq!(
            history,
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, hold) · 7 TimerFired(1) · 8-10 WT · \
             11 ActCancelRequested(sched=6) · 12 Completed(\"time\")"
        );
    })
    .await;
}

// S7
#[test]
async fn errors_leave_a_scope_unchanged() {
    scenario(async |world| {
        #[derive(Debug, PartialEq)]
        struct Mine(u32);
        let flow = world
            .start(async |ctx| {
                let error = ctx.scope(async |_| Result::<(), Mine>::Err(Mine(7))).await;
                assert_eq!(error, Err(Mine(7)));
                let error = ctx
                    .with_timeout(HOUR, async |_| {
                        Result::<(), _>::Err(ApplicationFailure::new("seven", "Mine"))
                    })
                    .await;
                Err(error.unwrap_err())
            })
            .await;
        let failure = flow.failure().await;
        assert_eq!(notation::short(&failure), "application,Mine \"seven\"");
        assert_eq!(failure.message, "seven");
    })
    .await;
}

// S1, D4
#[test]
async fn select_and_join_work_inside_scopes() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let said = ctx
                    .scope(async |ctx| {
                        let both = join(ctx.sleep(SECOND), ctx.sleep(MINUTE));
                        let mut both = Box::pin(both);
                        select! {
                            _ = &mut both => "both".to_owned(),
                            reason = ctx.cancelled() => {
                                let (first, second) = both.await;
                                format!("{reason}: {} {}", first.is_ok(), second.is_ok())
                            }
                        }
                    })
                    .await;
                // The inner scope took the request, the workflow's own scope did not.
                Ok(format!("{said}; {}", ctx.sleep(SECOND).await.is_err()))
            })
            .await;
        world.advance(SECOND).await;
        flow.settle().await;
        flow.cancel("stop").await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "stop: true true; true");
    })
    .await;
}

// O5, S6: a task that has ended was not dropped unfinished, so what it left is left.
#[test]
#[expect(clippy::async_yields_async, reason = "that is what is left running")]
async fn awaiting_a_task_leaves_alone_what_it_left_running() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let started = ctx
                    .spawn(async |ctx| {
                        ctx.spawn(async |ctx| {
                            let _ = ctx.sleep(MINUTE).await;
                            ctx.state_mut(|state| state.heard.push("inner".to_owned()));
                        })
                        .detach();
                        ctx.start_activity(Stage::quick, "left".to_owned(), options())
                    })
                    .await;
                let result = started.await?;
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                Ok(result)
            })
            .await;
        flow.reaches("ActCompleted", 1).await;
        flow.settle().await;
        world.clock.advance(MINUTE);
        assert_eq!(flow.result().await, "left");
    })
    .await;
}
