//! Parts E and I: races of a request with a completion, local activities.

use steadfast::{
    core::event::ExecutionStatus::{Cancelled, Completed},
    prelude::*,
};

use crate::{
    activities::plain,
    harness::{
        Flow, HOUR, REAL_TIME, SECOND, Stage, WORKFLOWS, World, cancelled_by, cases, define, saw,
        start_options, told_to_proceed,
    },
};

use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};

cases! {
    100: of_completion_and_request_wait_gives_the_result,
    101: of_request_and_completion_wait_gives_the_result,
    103: of_request_and_completion_try_cancel_gives_the_cancellation,
    143: local_activities,
}

/// A workflow whose activity runs while nobody takes its workflow tasks.
async fn race(world: &World, cancellation_type: ActivityCancellationType) -> Flow {
    let flow = plain(world, async move |ctx| {
        ctx.start_activity(
            Stage::ignore,
            "act".to_owned(),
            cancelled_by(cancellation_type),
        )
        .await
    })
    .await;
    world.board.heard("act started").await;
    flow.settle().await;
    world.rest(WORKFLOWS).await;
    flow
}

async fn of_completion_and_request_wait_gives_the_result(world: &World) {
    let flow = race(world, WaitCancellationCompleted).await;
    world.board.open("act");
    flow.reaches("ActCompleted", 1).await;
    flow.cancel("").await;
    world.work(WORKFLOWS);
    flow.ends(
        Completed,
        "act done",
        "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, \"act done\") · \
         8 WTScheduled · 9 CancelRequested(identity=client) · 10 WTStarted · 11 WTCompleted · 12 Completed(\"act done\")",
    )
    .await;
}

async fn of_request_and_completion_wait_gives_the_result(world: &World) {
    let flow = race(world, WaitCancellationCompleted).await;
    flow.cancel("").await;
    world.board.open("act");
    flow.reaches("ActCompleted", 1).await;
    world.work(WORKFLOWS);
    flow.ends(
        Completed,
        "act done",
        "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(identity=client) · 7 WTScheduled · \
         8 ActStarted(sched=5) · 9 ActCompleted(sched=5, \"act done\") · 10 WTStarted · 11 WTCompleted · \
         12 Completed(\"act done\")",
    )
    .await;
}

/// History's order decides (D6), as in Go (scenario 104): the request came first, and no request for an activity that
/// has ended is sent. TypeScript gives the result.
async fn of_request_and_completion_try_cancel_gives_the_cancellation(world: &World) {
    let flow = race(world, TryCancel).await;
    flow.cancel("").await;
    world.board.open("act");
    flow.reaches("ActCompleted", 1).await;
    world.work(WORKFLOWS);
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(identity=client) · 7 WTScheduled · \
         8 ActStarted(sched=5) · 9 ActCompleted(sched=5, \"act done\") · 10 WTStarted · 11 WTCompleted · 12 Canceled",
    )
    .await;
}

/// The recorded workflow cancels when a timer fires, ours when it is told to; in both, the worker answers the task that
/// started the local activity before it ends.
async fn local_activities(world: &World) {
    let cancelled = "activity,CANCEL_REQUESTED 'local activity cancelled' <- canceled 'cancelled' cancelled=true";
    for (id, cancellation_type, seen, failure) in [
        (
            "try_cancel",
            TryCancel,
            cancelled,
            ", canceled \"cancelled\"",
        ),
        (
            "wait",
            WaitCancellationCompleted,
            cancelled,
            ", canceled \"cancelled\"",
        ),
        ("abandon", Abandon, cancelled, ", canceled \"cancelled\""),
        ("swallow", WaitCancellationCompleted, "swallow done", ""),
    ] {
        let body = define(async move |ctx| {
            let options = LocalActivityOptions::with_start_to_close_timeout(HOUR)
                .cancellation_type(cancellation_type)
                .build();
            let mut local = match id {
                "swallow" => ctx.start_local_activity(Stage::swallow, id.to_owned(), options),
                _ => ctx.start_local_activity(Stage::hold, id.to_owned(), options),
            };
            select! {
                _ = &mut local => panic!("nobody lets it go"),
                told = told_to_proceed(ctx, 1) => told?,
            }
            local.cancel();
            Ok(saw(&local.await))
        });
        // Not so short that a task of a service is lost on its way.
        let task_timeout = if REAL_TIME { 2 * SECOND } else { SECOND / 10 };
        let options = start_options(id).task_timeout(task_timeout);
        let flow = world.start_with(&body, options).await;
        world.board.heard(&format!("{id} started")).await;
        flow.proceed().await;
        let end =
            format!("9 MarkerRecorded(core_local_activity{failure}) · 10 Completed(\"{seen}\")");
        let signaled = "1 Started · 2-4 WT · 5 Signaled(proceed) · 6-8 WT";
        // On a service it depends on time whether the task that goes on with the local activity is there first.
        let scheduled = "1 Started · 2-4 WT · 5 WTScheduled · 6 Signaled(proceed) · 7 WTStarted · 8 WTCompleted";
        let _ = flow.handle.result().await;
        let found = flow.text().await;
        let begin = if REAL_TIME && found.starts_with(scheduled) {
            scheduled
        } else {
            signaled
        };
        flow.ends(Completed, seen, &format!("{begin} · {end}"))
            .await;
        world.board.open(id);
    }
}
