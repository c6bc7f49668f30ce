//! Parts J and K: scopes, compensation.

use steadfast::{
    core::event::ExecutionStatus::{Cancelled, Completed, Failed},
    prelude::*,
    workflow::{join, join3},
};

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, SECOND, Stage, WORKFLOWS, World, cancelled_by, cases, options, saw,
};

use ActivityCancellationType::{TryCancel, WaitCancellationCompleted};

cases! {
    148: a_disconnected_scope_is_cancelled_by_its_handle,
    149: a_scope_in_a_disconnected_one_is_cancelled_by_its_handle,
    151: a_time_limit_passes_and_the_activity_is_waited_for,
    152: a_time_limit_is_not_reached,
    154: the_outer_of_two_time_limits_passes,
    155: siblings_are_independent,
    157: an_error_and_an_explicit_cancel,
    158: cleanup_in_a_disconnected_scope,
    160: a_cancellation_that_nobody_requested,
    161: a_request_before_the_first_task,
    163: a_condition_with_a_time_limit_is_cancelled,
    164: started_in_a_disconnected_scope_and_awaited_outside,
    166: a_scope_is_cancelled_twice,
    167: a_background_scope_survives_its_creator,
    172: compensation_before_the_activity_ends,
    173: compensation_after_the_activity_ends,
    175: a_saga,
}

fn reason(cancelled: Result<(), steadfast::error::Cancelled>) -> String {
    cancelled.map_or_else(|error| error.reason().to_owned(), |()| "slept".to_owned())
}

/// Cancelled in the task that started it, the timer leaves no trace. TypeScript's own handle does not reach it; Go's,
/// Java's and ours does (S2).
async fn a_disconnected_scope_is_cancelled_by_its_handle(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let scope = ctx.disconnected(async |ctx| ctx.sleep(SECOND).await);
            let handle = scope.handle();
            let (slept, ()) = join(scope, async { handle.cancel("by handle") }).await;
            Ok(reason(slept))
        })
        .await;
    flow.ends(
        Completed,
        "by handle",
        "1 Started · 2-4 WT · 5 Completed(\"by handle\")",
    )
    .await;
}

async fn a_scope_in_a_disconnected_one_is_cancelled_by_its_handle(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            ctx.disconnected(async |ctx| {
                let scope = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
                let handle = scope.handle();
                let (slept, cancelled) = join(scope, async {
                    ctx.sleep(SECOND).await?;
                    handle.cancel("by handle");
                    WorkflowResult::Ok(())
                })
                .await;
                cancelled?;
                Ok(reason(slept))
            })
            .await
        })
        .await;
    flow.settle().await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "by handle",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerFired(2) · 8-10 WT · 11 TimerCanceled(1) · \
         12 Completed(\"by handle\")",
    )
    .await;
}

/// The scope says that it timed out (S3), where TypeScript shows the cancelled activity.
async fn a_time_limit_passes_and_the_activity_is_waited_for(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let limited = ctx.with_timeout(SECOND, async |ctx| {
                let wait = cancelled_by(WaitCancellationCompleted);
                ctx.start_activity(Stage::hold, "act".to_owned(), wait)
                    .await
            });
            Ok(limited.await.unwrap_err().to_string())
        })
        .await;
    world.board.heard("act started").await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "timed out after 1s",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, hold) · 7 TimerFired(1) · 8-10 WT · \
         11 ActCancelRequested(sched=6) · 12 ActStarted(sched=6) · 13 ActCanceled(sched=6, started=12, \
         latestCancelRequested=11) · 14-16 WT · 17 Completed(\"timed out after 1s\")",
    )
    .await;
}

async fn a_time_limit_is_not_reached(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            ctx.with_timeout(30 * SECOND, async |ctx| {
                let wait = cancelled_by(WaitCancellationCompleted);
                ctx.start_activity(Stage::quick, "fast".to_owned(), wait)
                    .await
            })
            .await
        })
        .await;
    flow.ends(
        Completed,
        "fast",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, quick) · 7 ActStarted(sched=6) · \
         8 ActCompleted(sched=6, \"fast\") · 9-11 WT · 12 TimerCanceled(1) · 13 Completed(\"fast\")",
    )
    .await;
}

async fn the_outer_of_two_time_limits_passes(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let limited = ctx.with_timeout(SECOND, async |ctx| {
                ctx.with_timeout(HOUR, async |ctx| ctx.sleep(2 * HOUR).await)
                    .await
            });
            Ok(limited.await.unwrap_err().to_string())
        })
        .await;
    flow.settle().await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "timed out after 1s",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerStarted(3) · 8 TimerFired(1) · 9-11 WT · \
         12 TimerCanceled(3) · 13 TimerCanceled(2) · 14 Completed(\"timed out after 1s\")",
    )
    .await;
}

/// The sibling sleeps longer than the recorded one, so that no two timers are due at once.
async fn siblings_are_independent(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let first = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
            let handle = first.handle();
            let second = ctx.scope(async |ctx| ctx.sleep(2 * SECOND).await);
            let third = async {
                ctx.sleep(SECOND).await?;
                handle.cancel("the first");
                WorkflowResult::Ok(())
            };
            let (first, second, third) = join3(first, second, third).await;
            third?;
            Ok(format!("{}, {}", reason(first), reason(second)))
        })
        .await;
    flow.settle().await;
    world.advance(SECOND).await;
    flow.reaches("TimerCanceled", 1).await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "the first, slept",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerStarted(3) · 8 TimerFired(3) · \
         9-11 WT · 12 TimerCanceled(1) · 13 TimerFired(2) · 14-16 WT · 17 Completed(\"the first, slept\")",
    )
    .await;
}

async fn an_error_and_an_explicit_cancel(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let sibling = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
            let handle = sibling.handle();
            let (sibling, branch) = join(sibling, async {
                ctx.sleep(SECOND).await?;
                handle.cancel("a branch failed");
                WorkflowResult::<()>::Err(ApplicationFailure::new("branch failed", "Branch").into())
            })
            .await;
            Ok(format!("{}, {}", branch.unwrap_err(), reason(sibling)))
        })
        .await;
    flow.settle().await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "branch failed, a branch failed",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerFired(2) · 8-10 WT · 11 TimerCanceled(1) · \
         12 Completed(\"branch failed, a branch failed\")",
    )
    .await;
}

/// An activity that is undone in a disconnected scope.
async fn undone(
    ctx: &Ctx,
    activity: Result<String, ActivityExecutionError>,
    undo: &str,
) -> WorkflowResult<String> {
    ctx.disconnected(async |ctx| {
        ctx.start_activity(Stage::quick, undo.to_owned(), options())
            .await
    })
    .await?;
    Ok(activity?)
}

async fn cleanup_in_a_disconnected_scope(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let act = ctx
                .start_activity(Stage::linger, "act".to_owned(), cancelled_by(TryCancel))
                .await;
            undone(ctx, act, "cleanup").await
        })
        .await;
    world.board.heard("act started").await;
    flow.cancel("").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, linger) · 6 CancelRequested(identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActScheduled(2, quick) · 12 ActStarted(sched=11) · \
         13 ActCompleted(sched=11, \"cleanup\") · 14-16 WT · 17 Canceled",
    )
    .await;
}

/// A Rust workflow cannot make up a cancellation; its own scope's is one that nobody requested of it (F3).
async fn a_cancellation_that_nobody_requested(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let scope = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
            let handle = scope.handle();
            let (slept, ()) = join(scope, async { handle.cancel("made up") }).await;
            slept?;
            Ok(String::new())
        })
        .await;
    flow.ends(
        Failed,
        "the workflow failed: cancelled",
        "1 Started · 2-4 WT · 5 Failed(canceled \"cancelled\", RETRY_POLICY_NOT_SET)",
    )
    .await;
}

async fn a_request_before_the_first_task(world: &World) {
    world.rest(WORKFLOWS).await;
    let flow = world
        .start("w", async |ctx| {
            let activity = ctx
                .start_activity(Stage::quick, "a".to_owned(), options())
                .await;
            Ok(saw(&activity))
        })
        .await;
    flow.cancel("").await;
    world.work(WORKFLOWS);
    let seen = "activity,CANCEL_REQUESTED 'activity cancelled' <- canceled 'cancelled before it started' cancelled=true";
    flow.ends(
        Completed,
        seen,
        &format!(
            "1 Started · 2 WTScheduled · 3 CancelRequested(identity=client) · 4 WTStarted · 5 WTCompleted · \
             6 Completed(\"{seen}\")"
        ),
    )
    .await;
}

async fn a_condition_with_a_time_limit_is_cancelled(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let waited = ctx
                .wait_condition_timeout(HOUR, |state| state.proceeds > 0)
                .await;
            Ok(waited.map_or_else(|error| error.to_string(), |held| held.to_string()))
        })
        .await;
    flow.settle().await;
    flow.cancel("").await;
    flow.ends(
        Completed,
        "cancelled",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=client) · 7-9 WT · 10 TimerCanceled(1) · \
         11 Completed(\"cancelled\")",
    )
    .await;
}

#[expect(
    clippy::async_yields_async,
    reason = "what is started inside is awaited outside"
)]
async fn started_in_a_disconnected_scope_and_awaited_outside(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let activity = ctx
                .disconnected(async |ctx| {
                    ctx.start_activity(Stage::hold, "act".to_owned(), options())
                })
                .await;
            Ok(activity.await?)
        })
        .await;
    world.board.heard("act started").await;
    flow.cancel("").await;
    flow.reaches("WTCompleted", 2).await;
    world.board.open("act");
    flow.ends(
        Completed,
        "act done",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(identity=client) · 7-9 WT · 10 ActStarted(sched=5) · \
         11 ActCompleted(sched=5, \"act done\") · 12-14 WT · 15 Completed(\"act done\")",
    )
    .await;
}

async fn a_scope_is_cancelled_twice(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let scope = ctx.scope(async |ctx| {
                let wait = cancelled_by(WaitCancellationCompleted);
                ctx.start_activity(Stage::hold, "act".to_owned(), wait)
                    .await
            });
            let handle = scope.handle();
            let (act, cancelled) = join(scope, async {
                ctx.sleep(SECOND).await?;
                handle.cancel("once");
                handle.cancel("twice");
                WorkflowResult::Ok(())
            })
            .await;
            cancelled?;
            Ok(act.unwrap_err().cancel_reason().unwrap().to_owned())
        })
        .await;
    world.board.heard("act started").await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "once",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 TimerStarted(1) · 7 TimerFired(1) · 8-10 WT · \
         11 ActCancelRequested(sched=5) · 12 ActStarted(sched=5) · 13 ActCanceled(sched=5, started=12, \
         latestCancelRequested=11) · 14-16 WT · 17 Completed(\"once\")",
    )
    .await;
}

/// The first timer was the creator's own, which leaves no trace.
#[expect(
    clippy::async_yields_async,
    reason = "what is started inside is awaited outside"
)]
async fn a_background_scope_survives_its_creator(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let background = ctx.new_scope();
            let creator = ctx.scope(async |ctx| {
                let task = ctx.in_scope(&background, async |ctx| {
                    ctx.spawn(async |ctx| reason(ctx.sleep(SECOND).await))
                });
                (task.await, reason(ctx.sleep(HOUR).await))
            });
            let handle = creator.handle();
            let ((task, creator), ()) = join(creator, async { handle.cancel("the creator") }).await;
            Ok(format!("{creator}, {}", task.await))
        })
        .await;
    flow.settle().await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "the creator, slept",
        "1 Started · 2-4 WT · 5 TimerStarted(2) · 6 TimerFired(2) · 7-9 WT · 10 Completed(\"the creator, slept\")",
    )
    .await;
}

async fn compensation_before_the_activity_ends(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let main = ctx
                .start_activity(Stage::linger, "main".to_owned(), cancelled_by(TryCancel))
                .await;
            let undone = undone(ctx, main, "compensate").await;
            ctx.disconnected(async |ctx| ctx.sleep(2 * MINUTE).await)
                .await?;
            undone
        })
        .await;
    world.board.heard("main started").await;
    flow.cancel("undo").await;
    world
        .board
        .heard("main heard: cancelled by the workflow")
        .await;
    flow.reaches("TimerStarted", 1).await;
    flow.settle().await;
    world.board.open("main");
    flow.reaches("ActCanceled", 1).await;
    flow.settle().await;
    world.advance(2 * MINUTE).await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: undo",
        "1 Started · 2-4 WT · 5 ActScheduled(1, linger) · 6 CancelRequested(cause=undo, identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActScheduled(2, quick) · 12 ActStarted(sched=11) · \
         13 ActCompleted(sched=11, \"compensate\") · 14-16 WT · 17 TimerStarted(1) · 18 ActStarted(sched=5) · \
         19 ActCanceled(sched=5, started=18, latestCancelRequested=10) · 20-22 WT · 23 TimerFired(1) · 24-26 WT · \
         27 Canceled",
    )
    .await;
}

/// In a saga whatever the options of the step say (G3).
async fn compensation_after_the_activity_ends(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            ctx.saga(async |saga| {
                saga.step(Stage::hold, "main".to_owned(), cancelled_by(TryCancel))
                    .compensate_with(Stage::quick, "compensate".to_owned(), options())
                    .await
            })
            .await
        })
        .await;
    world.board.heard("main started").await;
    flow.cancel("undo").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: undo",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=undo, identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, \
         latestCancelRequested=10) · 13-15 WT · 16 ActScheduled(2, quick) · 17 ActStarted(sched=16) · \
         18 ActCompleted(sched=16, \"compensate\") · 19-21 WT · 22 Canceled",
    )
    .await;
}

async fn a_saga(world: &World) {
    let flow: Flow = world
        .start("w", async |ctx| {
            ctx.saga(async |saga| {
                for step in ["1", "2"] {
                    saga.step(Stage::quick, format!("step{step}"), options())
                        .compensate_with(Stage::quick, format!("undo{step}"), options())
                        .await?;
                }
                // Nothing is registered for the third, as in the recorded workflow.
                let wait = cancelled_by(WaitCancellationCompleted);
                ctx.start_activity(Stage::hold, "step3".to_owned(), wait)
                    .await
            })
            .await
        })
        .await;
    world.board.heard("step3 started").await;
    flow.cancel("").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, \"step1\") · 8-10 WT · \
         11 ActScheduled(2, quick) · 12 ActStarted(sched=11) · 13 ActCompleted(sched=11, \"step2\") · 14-16 WT · \
         17 ActScheduled(3, hold) · 18 CancelRequested(identity=client) · 19-21 WT · 22 ActCancelRequested(sched=17) · \
         23 ActStarted(sched=17) · 24 ActCanceled(sched=17, started=23, latestCancelRequested=22) · 25-27 WT · \
         28 ActScheduled(4, quick) · 29 ActStarted(sched=28) · 30 ActCompleted(sched=28, \"undo2\") · 31-33 WT · \
         34 ActScheduled(5, quick) · 35 ActStarted(sched=34) · 36 ActCompleted(sched=34, \"undo1\") · 37-39 WT · 40 Canceled",
    )
    .await;
}
