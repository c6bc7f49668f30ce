//! What happens while a worker has a workflow task: parts A, B, C, L and M.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use steadfast::{
    core::event::ExecutionStatus::{Cancelled, Completed, ContinuedAsNew, Running, Terminated},
    prelude::*,
};

use crate::harness::{
    Ctx, HOUR, REAL_TIME, SECOND, Stage, World, cancelled_by, cases, continue_as_new, define,
    is_first_run, start_options, told_to_proceed,
};

cases! {
    14: a_request_while_a_task_asks_for_more,
    16: a_request_while_a_task_continues_as_new,
    29: a_worker_dies_with_the_request,
    32: a_request_while_a_later_attempt_runs,
    41: a_timer_fires_while_a_task_cancels_it,
    80: an_activity_completes_while_a_task_cancels_it,
    178: a_termination_while_a_task_runs,
    194: a_reset_while_a_task_runs,
}

async fn sleeps(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.sleep(HOUR).await?;
    Ok("slept".to_owned())
}

const FIRST_TASK: &str = "1 Started · 2 WTScheduled · 3 WTStarted";

async fn a_request_while_a_task_asks_for_more(world: &World) {
    world.gate.close();
    let flow = world.start("w", sleeps).await;
    world.gate.holds().await;
    flow.cancel("mid-task").await;
    // Nobody sees it before the task is answered.
    flow.is(Running, FIRST_TASK).await;
    world.gate.open();
    flow.ends(
        Cancelled,
        "the workflow was cancelled: mid-task",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=mid-task, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 Canceled",
    )
    .await;
}

async fn a_request_while_a_task_continues_as_new(world: &World) {
    world.gate.close();
    let flow = world
        .start("w", async |ctx| {
            if is_first_run(ctx) {
                continue_as_new(ctx)
            } else {
                Ok("second".to_owned())
            }
        })
        .await;
    world.gate.holds().await;
    flow.cancel("in-flight").await;
    world.gate.open();
    let second = flow.next_run().await;
    second.reaches("Completed", 1).await;
    assert!(!second.describe().await.cancel_requested);
    second
        .ends(
            Completed,
            "second",
            "1 Started · 2-4 WT · 5 Completed(\"second\")",
        )
        .await;
    flow.is(
        ContinuedAsNew,
        &format!(
            "{FIRST_TASK} · 4 WTFailed(UNHANDLED_COMMAND, server \"UnhandledCommand\") · \
             5 CancelRequested(cause=in-flight, identity=client) · 6-8 WT · 9 ContinuedAsNew"
        ),
    )
    .await;
}

async fn a_worker_dies_with_the_request(world: &World) {
    world.rest(crate::harness::WORKFLOWS).await;
    let flow = world.start("w", sleeps).await;
    flow.cancel("x").await;
    world.gate.close();
    world.work(crate::harness::WORKFLOWS);
    world.gate.holds().await;
    world.pass(10 * SECOND).await;
    flow.reaches("WTTimedOut", 1).await;
    // The late answer is refused (E1), and the next attempt is answered.
    world.gate.open();
    world.gate.took("Workflow task not found.").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: x",
        "1 Started · 2 WTScheduled · 3 CancelRequested(cause=x, identity=client) · 4 WTStarted · \
         5 WTTimedOut(START_TO_CLOSE) · 6 WTScheduled(attempt=2) · 7 WTStarted · 8 WTCompleted · 9 Canceled",
    )
    .await;
}

async fn a_request_while_a_later_attempt_runs(world: &World) {
    world.gate.close();
    let panics = Arc::new(AtomicU32::new(0));
    let flow = world
        .start("w", async move |ctx| {
            assert!(panics.fetch_add(1, Ordering::SeqCst) > 0, "boom");
            sleeps(ctx).await
        })
        .await;
    flow.reaches("WTFailed", 1).await;
    world.pass(SECOND).await;
    world.gate.holds().await;
    flow.cancel("during attempt 2").await;
    let failed = "4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \"workflow code panicked: boom\")";
    // A service shows who asks the attempt that it will record only when it ends.
    let shown = if REAL_TIME {
        " · 5 WTScheduled(attempt=2) · 6 WTStarted"
    } else {
        ""
    };
    flow.is(Running, &format!("{FIRST_TASK} · {failed}{shown}"))
        .await;
    world.gate.open();
    flow.ends(
        Cancelled,
        "the workflow was cancelled: during attempt 2",
        &format!(
            "{FIRST_TASK} · {failed} · 5 WTScheduled(attempt=2) · 6 WTStarted · 7 WTCompleted · 8 TimerStarted(1) · \
             9 CancelRequested(cause=during attempt 2, identity=client) · 10-12 WT · 13 TimerCanceled(1) · 14 Canceled"
        ),
    )
    .await;
}

async fn a_timer_fires_while_a_task_cancels_it(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let timer = ctx.sleep(2 * SECOND);
            told_to_proceed(ctx, 1).await?;
            timer.cancel();
            Ok("done".to_owned())
        })
        .await;
    flow.settle().await;
    world.gate.close();
    flow.proceed().await;
    world.gate.holds().await;
    world.pass(3 * SECOND).await;
    // Whatever is asked after the timer was due comes after it.
    flow.describe().await;
    world.gate.open();
    flow.ends(
        Completed,
        "done",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(proceed) · 7-9 WT · 10 TimerCanceled(1) · \
         11 Completed(\"done\")",
    )
    .await;
}

async fn an_activity_completes_while_a_task_cancels_it(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let wait = cancelled_by(ActivityCancellationType::WaitCancellationCompleted);
            let activity = ctx.start_activity(Stage::ignore, "act".to_owned(), wait);
            told_to_proceed(ctx, 1).await?;
            activity.cancel();
            Ok(activity.await?)
        })
        .await;
    world.board.heard("act started").await;
    flow.settle().await;
    world.gate.close();
    flow.proceed().await;
    world.gate.holds().await;
    world.board.open("act");
    // Its worker ends when the activity's answer was given.
    world.rest_activities().await;
    flow.is(Running, "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 Signaled(proceed) · 7 WTScheduled · 8 WTStarted").await;
    world.gate.open();
    flow.ends(
        Completed,
        "act done",
        "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 Signaled(proceed) · 7-9 WT · 10 ActCancelRequested(sched=5) · \
         11 ActStarted(sched=5) · 12 ActCompleted(sched=5, \"act done\") · 13-15 WT · 16 Completed(\"act done\")",
    )
    .await;
}

async fn a_termination_while_a_task_runs(world: &World) {
    world.gate.close();
    let flow = world.start("w", sleeps).await;
    world.gate.holds().await;
    flow.terminate("mid-task").await;
    world.gate.open();
    world.gate.took("Workflow task not found.").await;
    flow.ends(
        Terminated,
        "the workflow was terminated: mid-task",
        &format!(
            "{FIRST_TASK} · 4 WTFailed(FORCE_CLOSE_COMMAND, identity=history-service) · \
             5 Terminated(reason=mid-task, identity=client)"
        ),
    )
    .await;
}

/// The new run is on the way to its end when this one is compared: its worker still runs.
async fn a_reset_while_a_task_runs(world: &World) {
    world.gate.close();
    let body = define(async |ctx| {
        told_to_proceed(ctx, 1).await?;
        Ok("done".to_owned())
    });
    let base = world.start_with(&body, start_options("w")).await;
    world.gate.holds().await;
    base.proceed().await;
    let new = base.reset(3, "in flight").await;
    world.gate.open();
    world.gate.took("Workflow task not found.").await;
    new.ends(
        Completed,
        "done",
        &format!(
            "{FIRST_TASK} · 4 WTFailed(RESET_WORKFLOW, resetWorkflow \"in flight\", identity=history-service, \
             baseRunId,newRunId set) · 5 Signaled(proceed) · 6-8 WT · 9 Completed(\"done\")"
        ),
    )
    .await;
    base.is(
        Terminated,
        &format!(
            "{FIRST_TASK} · 4 WTFailed(FORCE_CLOSE_COMMAND, identity=history-service) · 5 Signaled(proceed) · \
             6 Terminated(reason=in flight, identity=history-resetter)"
        ),
    )
    .await;
}
