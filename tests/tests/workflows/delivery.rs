//! How a cancellation is delivered: D1 to D9.

use steadfast::{prelude::*, workflow::join_all};
use tokio::test;

use crate::harness::{
    Ctx, HOUR, MINUTE, SECOND, Stage, cancelled_by, options, scenario, scenario_without_worker,
};

/// Starts an activity in whatever scope runs.
async fn helper(ctx: &Ctx) -> Result<String, ActivityExecutionError> {
    ctx.start_activity(Stage::quick, "helper".to_owned(), options())
        .await
}

// D1
#[test]
async fn an_operation_belongs_to_the_running_scope_whichever_context_starts_it() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let outer = ctx.clone();
                let scope = ctx.scope(async |_| outer.sleep(HOUR).await);
                let handle = scope.handle();
                let (slept, cancelled) = steadfast::workflow::join(
                    scope,
                    async {
                        outer.sleep(MINUTE).await?;
                        handle.cancel("the scope only");
                        WorkflowResult::Ok(())
                    },
                )
                .await;
                cancelled?;
                assert_eq!(slept.unwrap_err().reason(), "the scope only");
                // A helper that captured the outer context is right without passing anything.
                let done = ctx.disconnected(async |_| helper(&outer).await).await?;
                Ok(format!("{done}, {}", ctx.is_cancelled()))
            })
            .await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "helper, false");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerFired(2) · 8-10 WT · \
             11 TimerCanceled(1) · 12 ActScheduled(1, quick) · 13 ActStarted(sched=12) · \
             14 ActCompleted(sched=12, \"helper\") · 15-17 WT · 18 Completed(\"helper, false\")",
        )
        .await;
    })
    .await;
}

// D2, scenario 88
#[test]
async fn a_request_cancels_everything_unfinished_in_creation_order() {
    scenario_without_worker(async |world| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let nobodys = || crate::harness::nobodys(ActivityCancellationType::TryCancel);
                let first = ctx.start_activity(Stage::quick, "a".to_owned(), nobodys());
                let second = ctx.sleep(HOUR);
                let inner = ctx.scope(async |ctx| {
                    let third = ctx.start_activity(Stage::quick, "b".to_owned(), nobodys());
                    let fourth = ctx.sleep(HOUR);
                    let third = third.await.is_err_and(|error| error.is_cancelled());
                    third && fourth.await.is_err()
                });
                let (inner, first) = steadfast::workflow::join(inner, first).await;
                assert!(inner);
                assert!(second.await.is_err());
                first?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 TimerStarted(1) · 7 ActScheduled(2, quick) · \
             8 TimerStarted(2) · 9 CancelRequested(cause=stop, identity=tester) · 10-12 WT · \
             13 ActCancelRequested(sched=5) · 14 TimerCanceled(1) · 15 ActCancelRequested(sched=7) · \
             16 TimerCanceled(2) · 17 Canceled",
        )
        .await;
    })
    .await;
}

// D3, D8: Go's `ActivityToBeSkipped`.
#[test]
async fn in_a_cancelled_scope_nothing_starts_and_the_error_says_what_to_do() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let slept = ctx.sleep(HOUR).await;
                assert!(slept.is_err());
                let skipped = ctx.start_activity(Stage::quick, "skipped".to_owned(), options()).await;
                let skipped = skipped.unwrap_err();
                assert!(skipped.is_cancelled());
                let local = LocalActivityOptions::start_to_close_timeout(HOUR);
                let local = ctx.start_local_activity(Stage::quick, "local".to_owned(), local).await;
                assert!(local.unwrap_err().is_cancelled());
                let child = ctx
                    .start_child_workflow(
                        crate::harness::Script::run,
                        String::new(),
                        ChildWorkflowOptions::builder(),
                    )
                    .await;
                assert!(child.unwrap_err().is_cancelled());
                assert!(ctx.wait_condition(|_| false).await.is_err());
                let chain = steadfast_chain(&skipped);
                Ok(chain)
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        let text = flow.result().await;
        assert!(text.contains("disconnected"), "{text}");
        assert_eq!(world.board.said(), [""; 0]);
        let history = flow.text().await;
        assert!(
            history.starts_with(
                "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
                 10 TimerCanceled(1) · 11 Completed"
            ),
            "{history}"
        );
    })
    .await;
}

fn steadfast_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

// D4
#[test]
async fn whoever_waits_on_cancelled_takes_the_request_and_nothing_else_happens() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut timer = ctx.sleep(HOUR);
                let reason = select! {
                    _ = &mut timer => panic!("it is not cancelled"),
                    reason = ctx.cancelled() => reason,
                };
                // The scope works as before: operations run and new ones start.
                let done = ctx.start_activity(Stage::quick, "after".to_owned(), options()).await?;
                timer.await?;
                Ok(format!("{reason}, {done}"))
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        flow.reaches("ActCompleted", 1).await;
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "stop, after");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 ActScheduled(1, quick) · 11 ActStarted(sched=10) · 12 ActCompleted(sched=10, \"after\") · \
             13-15 WT · 16 TimerFired(1) · 17-19 WT · 20 Completed(\"stop, after\")",
        )
        .await;
    })
    .await;
}

// D4: the waiter is in an outer scope, so what runs in the inner one is not reached either.
#[test]
async fn an_accepted_request_does_not_go_on_to_child_scopes() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let mut inner = ctx.scope(async |ctx| {
                    ctx.sleep(MINUTE).await?;
                    WorkflowResult::Ok(ctx.is_cancelled())
                });
                select! {
                    _ = &mut inner => panic!("the request comes first"),
                    _ = ctx.cancelled() => {}
                }
                let inner_is_cancelled = inner.await?;
                Ok(format!("{inner_is_cancelled} {}", ctx.is_cancelled()))
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "false true");
    })
    .await;
}

// D5, scenario 5
#[test]
async fn accepting_later_lets_new_operations_start_and_what_was_cancelled_stays_so() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let cancelled = ctx.sleep(HOUR).await.unwrap_err();
                // Looking accepts nothing.
                assert!(ctx.is_cancelled());
                assert_eq!(ctx.cancel_reason().unwrap().as_str(), "stop");
                assert!(ctx.sleep(SECOND).await.is_err());
                assert_eq!(ctx.cancelled().await.as_str(), "stop");
                ctx.sleep(SECOND).await?;
                Err(cancelled.into())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        world.advance(SECOND).await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 TimerCanceled(1) · 11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled",
        )
        .await;
    })
    .await;
}

// D6
#[test]
async fn of_a_completion_and_a_cancellation_in_one_task_the_first_in_history_wins() {
    for (first, expected) in [("timer", "fired"), ("cancel", "cancelled")] {
        scenario_without_worker(async |world| {
            // The branch for the cancellation comes first in the text, and still loses.
            let flow = world
                .start(async |ctx| {
                    let timer = ctx.sleep(MINUTE);
                    Ok(select! {
                        _ = ctx.cancelled() => "cancelled".to_owned(),
                        fired = timer => match fired {
                            Ok(()) => "fired".to_owned(),
                            Err(_) => "timer cancelled".to_owned(),
                        }
                    })
                })
                .await;
            world.work();
            flow.settle().await;
            world.rest().await;
            if first == "timer" {
                world.clock.advance(MINUTE);
                flow.cancel("stop").await;
            } else {
                flow.cancel("stop").await;
                world.clock.advance(MINUTE);
            }
            world.work();
            assert_eq!(flow.result().await, expected);
        })
        .await;
    }
}

// D6
#[test]
async fn select_polls_its_branches_in_written_order() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let (first, second) = (ctx.sleep(MINUTE), ctx.sleep(MINUTE));
                ctx.sleep(HOUR).await?;
                Ok(select! {
                    _ = second => "second".to_owned(),
                    _ = first => "first".to_owned(),
                })
            })
            .await;
        flow.settle().await;
        world.clock.advance(MINUTE);
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "second");
    })
    .await;
}

// D7
#[test]
async fn the_reason_is_in_every_kind_of_error() {
    scenario(async |world| {
        let child = crate::harness::define(async |ctx| {
            let reason = ctx.cancelled().await;
            Ok(format!("child: {reason}"))
        });
        let flow = world
            .start(async move |ctx| {
                let nobodys = crate::harness::nobodys(ActivityCancellationType::TryCancel);
                let activity = ctx.start_activity(Stage::quick, "a".to_owned(), nobodys);
                let child = ctx.start_child_workflow(
                    crate::harness::Script::run,
                    child.clone(),
                    ChildWorkflowOptions::builder(),
                );
                let timer = ctx.sleep(HOUR);
                let condition = ctx.wait_condition(|_| false);
                let mut reasons = vec![
                    activity
                        .await
                        .unwrap_err()
                        .cancel_reason()
                        .unwrap()
                        .to_owned(),
                    timer.await.unwrap_err().reason().to_owned(),
                    condition.await.unwrap_err().reason().to_owned(),
                ];
                reasons.push(child.await?);
                let error: WorkflowError = ctx.sleep(SECOND).await.unwrap_err().into();
                reasons.push(error.cancel_reason().unwrap().to_owned());
                Ok(reasons.join(", "))
            })
            .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("why").await;
        let result = flow.result().await;
        assert_eq!(result, "why, why, why, child: why, why");
    })
    .await;
}

// D7
#[test]
async fn without_a_reason_there_is_none() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| Ok(format!("[{}]", ctx.cancelled().await)))
            .await;
        flow.settle().await;
        flow.handle
            .cancel(WorkflowCancelOptions::default())
            .await
            .unwrap();
        assert_eq!(flow.result().await, "[]");
    })
    .await;
}

// D9
#[test]
async fn a_cancellation_from_code_wakes_who_waits_in_the_same_task() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_scope();
                let waits = ctx.in_scope(&scope, async |ctx| ctx.cancelled().await.to_string());
                let sleeps =
                    ctx.spawn(async |ctx| ctx.sleep(HOUR).await.unwrap_err().reason().to_owned());
                let (waited, ()) = steadfast::workflow::join(waits, async {
                    scope.cancel("mine");
                    sleeps.cancel("the task's");
                })
                .await;
                Ok(format!("{waited}, {}", sleeps.await))
            })
            .await;
        assert_eq!(flow.result().await, "mine, the task's");
        flow.has("1 Started · 2-4 WT · 5 Completed(\"mine, the task's\")")
            .await;
    })
    .await;
}

// D2, D4
#[test]
async fn a_request_reaches_two_hundred_activities_at_once() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let nobodys = || crate::harness::nobodys(ActivityCancellationType::TryCancel);
                let activities =
                    (0..200).map(|n| ctx.start_activity(Stage::quick, n.to_string(), nobodys()));
                let ended = join_all(activities.collect::<Vec<_>>()).await;
                let cancelled = ended
                    .iter()
                    .filter(|end| end.as_ref().is_err_and(|error| error.is_cancelled()));
                Ok(cancelled.count().to_string())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "200");
    })
    .await;
}

// D1, D2
#[test]
async fn a_request_reaches_what_a_detached_task_started() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.spawn(async |ctx| {
                    let slept = ctx.sleep(SECOND).await.and(ctx.sleep(HOUR).await);
                    let seen = slept
                        .map_or_else(|error| error.reason().to_owned(), |()| "nothing".to_owned());
                    ctx.state_mut(|state| state.heard.push(seen));
                })
                .detach();
                ctx.disconnected(async |ctx| {
                    ctx.wait_condition(|state| !state.heard.is_empty()).await
                })
                .await?;
                Ok(ctx.state(|state| state.heard.join(" ")))
            })
            .await;
        world.advance(SECOND).await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "stop");
    })
    .await;
}

// D2, O1
#[test]
async fn a_request_waits_for_what_is_to_be_waited_for() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let wait = cancelled_by(ActivityCancellationType::WaitCancellationCompleted);
                let held = ctx.start_activity(Stage::hold, "held".to_owned(), wait);
                let (held, slept) = steadfast::workflow::join(held, ctx.sleep(HOUR)).await;
                assert!(slept.is_err());
                held?;
                Ok(String::new())
            })
            .await;
        world.board.heard("held started").await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 TimerStarted(1) · \
             7 CancelRequested(cause=stop, identity=tester) · 8-10 WT · 11 ActCancelRequested(sched=5) · \
             12 TimerCanceled(1) · 13 ActStarted(sched=5) · \
             14 ActCanceled(sched=5, started=13, latestCancelRequested=11) · 15-17 WT · 18 Canceled",
        )
        .await;
    })
    .await;
}
