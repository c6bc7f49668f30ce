//! Parts C and D: activities and their heartbeats.

use steadfast::{
    core::event::ExecutionStatus::{Cancelled, Completed, Terminated},
    engine::PendingActivityState,
    prelude::*,
    workflow::{join, join_all},
};
use steadfast_engine::conformance::notation;

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, SECOND, Stage, World, cancelled_by, cases, nobodys, options, saw,
    told_to_proceed,
};

use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};

cases! {
    49: try_cancel_while_the_workflow_stays_open,
    50: wait_for_an_activity_that_heartbeats,
    52: an_abandoned_activity_completes_later,
    53: an_abandoned_activity_fails_later,
    54: an_abandoned_activity_times_out_later,
    55: try_cancel_of_what_has_not_started,
    56: wait_for_what_has_not_started,
    58: try_cancel_of_what_has_not_started_and_return,
    59: cancel_what_has_not_started_and_complete,
    61: three_activities_cancelled_in_one_task,
    62: wait_for_an_activity_that_never_heartbeats,
    64: wait_until_the_heartbeat_timeout,
    65: wait_for_an_activity_that_ignores_the_request,
    67: wait_for_an_activity_that_fails,
    70: try_cancel_between_two_attempts,
    71: cancel_during_the_second_attempt,
    74: cancel_the_activity_and_not_the_workflow,
    76: an_activity_that_claims_to_be_cancelled,
    83: heartbeats_after_the_cancellation,
    85: an_activity_answers_after_the_workflow_closed,
    88: the_order_of_cancel_commands,
    91: details_reach_the_next_attempt,
    92: the_worker_shuts_down,
    94: the_heartbeat_timeout_is_told,
    95: a_terminated_workflow_under_a_running_activity,
    97: a_request_reaches_an_activity_that_does_not_heartbeat,
}

/// A workflow that runs an activity, says how it ended, and stays open until it is told to proceed.
async fn lingering(
    world: &World,
    activity: impl AsyncFn(&Ctx) -> Result<String, ActivityExecutionError> + Send + Sync + 'static,
) -> Flow {
    world
        .start("w", async move |ctx| {
            let result = activity(ctx).await;
            told_to_proceed(ctx, 1).await?;
            Ok(saw(&result))
        })
        .await
}

/// A workflow that ends as its activity does.
pub(crate) async fn plain(
    world: &World,
    activity: impl AsyncFn(&Ctx) -> Result<String, ActivityExecutionError> + Send + Sync + 'static,
) -> Flow {
    world
        .start("w", async move |ctx| Ok(activity(ctx).await?))
        .await
}

/// A workflow that says how its activity ended.
async fn telling(
    world: &World,
    activity: impl AsyncFn(&Ctx) -> Result<String, ActivityExecutionError> + Send + Sync + 'static,
) -> Flow {
    world
        .start("w", async move |ctx| Ok(saw(&activity(ctx).await)))
        .await
}

const CANCELLED: &str =
    "activity,CANCEL_REQUESTED 'activity cancelled' <- canceled 'cancelled' cancelled=true";

async fn try_cancel_while_the_workflow_stays_open(world: &World) {
    let flow = lingering(world, async |ctx| {
        ctx.start_activity(Stage::linger, "act".to_owned(), cancelled_by(TryCancel))
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    world
        .board
        .heard("act heard: cancelled by the workflow")
        .await;
    flow.settle().await;
    world.board.open("act");
    flow.reaches("ActCanceled", 1).await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, linger) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, \
             latestCancelRequested=10) · 13-15 WT · 16 Signaled(proceed) · 17-19 WT · 20 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

async fn wait_for_an_activity_that_heartbeats(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::hold,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: stop",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, \
         latestCancelRequested=10) · 13-15 WT · 16 Canceled",
    )
    .await;
    assert_eq!(
        world.board.said(),
        ["act started", "act heard: cancelled by the workflow"]
    );
}

/// The workflow cancels its activity when it is told to, and ends when a timer does.
async fn abandon_and_wait_a_second(
    ctx: &Ctx,
    activity: steadfast::workflow::ActivityFuture<String>,
) -> WorkflowResult<String> {
    told_to_proceed(ctx, 1).await?;
    activity.cancel();
    let result = activity.await;
    ctx.sleep(SECOND).await?;
    Ok(saw(&result))
}

async fn an_abandoned_activity_completes_later(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let activity =
                ctx.start_activity(Stage::ignore, "act".to_owned(), cancelled_by(Abandon));
            abandon_and_wait_a_second(ctx, activity).await
        })
        .await;
    world.board.heard("act started").await;
    flow.settle().await;
    flow.proceed().await;
    flow.reaches("TimerStarted", 1).await;
    world.board.open("act");
    flow.reaches("ActCompleted", 1).await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 Signaled(proceed) · 7-9 WT · 10 TimerStarted(1) · \
             11 ActStarted(sched=5) · 12 ActCompleted(sched=5, \"act done\") · 13-15 WT · 16 TimerFired(1) · \
             17-19 WT · 20 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

/// Ours goes on, where the core of the official SDKs fails this task for ever.
async fn an_abandoned_activity_fails_later(world: &World) {
    let flow = lingering(world, async |ctx| {
        let once = cancelled_by(Abandon).retry_policy(RetryPolicy::once());
        ctx.start_activity(Stage::fail, "act".to_owned(), once)
            .await
    })
    .await;
    world.board.heard("act started 1").await;
    flow.cancel("stop").await;
    flow.reaches("WTCompleted", 2).await;
    world.board.open("act");
    flow.reaches("ActFailed", 1).await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, fail) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActStarted(sched=5) · 11 ActFailed(sched=5, application,Broken \"act failed\", \
             MAXIMUM_ATTEMPTS_REACHED) · 12-14 WT · 15 Signaled(proceed) · 16-18 WT · 19 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

/// The same with a time limit.
async fn an_abandoned_activity_times_out_later(world: &World) {
    let flow = lingering(world, async |ctx| {
        let once = cancelled_by(Abandon)
            .start_to_close_timeout(MINUTE)
            .heartbeat_timeout(HOUR)
            .retry_policy(RetryPolicy::once());
        ctx.start_activity(Stage::ignore, "act".to_owned(), once)
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    flow.reaches("WTCompleted", 2).await;
    world.advance(MINUTE).await;
    flow.reaches("ActTimedOut", 1).await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActStarted(sched=5) · 11 ActTimedOut(sched=5, timeout,START_TO_CLOSE \"activity StartToClose timeout\", \
             MAXIMUM_ATTEMPTS_REACHED) · 12-14 WT · 15 Signaled(proceed) · 16-18 WT · 19 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

async fn try_cancel_of_what_has_not_started(world: &World) {
    let flow = lingering(world, async |ctx| {
        ctx.start_activity(Stage::hold, "act".to_owned(), nobodys(TryCancel))
            .await
    })
    .await;
    flow.settle().await;
    flow.cancel("stop").await;
    flow.reaches("WTCompleted", 3).await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, latestCancelRequested=10, \
             details=\"ACTIVITY_ID_NOT_STARTED\") · 12-14 WT · 15 Signaled(proceed) · 16-18 WT · \
             19 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

async fn wait_for_what_has_not_started(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::hold,
            "act".to_owned(),
            nobodys(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    flow.settle().await;
    flow.cancel("stop").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: stop",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, latestCancelRequested=10, \
         details=\"ACTIVITY_ID_NOT_STARTED\") · 12-14 WT · 15 Canceled",
    )
    .await;
}

async fn try_cancel_of_what_has_not_started_and_return(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(Stage::hold, "act".to_owned(), nobodys(TryCancel))
            .await
    })
    .await;
    flow.settle().await;
    flow.cancel("").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 CancelRequested(identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 Canceled",
    )
    .await;
}

async fn cancel_what_has_not_started_and_complete(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let activity = ctx.start_activity(Stage::hold, "act".to_owned(), nobodys(TryCancel));
            told_to_proceed(ctx, 1).await?;
            activity.cancel();
            Ok("done".to_owned())
        })
        .await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        "done",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Signaled(proceed) · 7-9 WT · 10 ActCancelRequested(sched=5) · \
         11 Completed(\"done\")",
    )
    .await;
}

async fn three_activities_cancelled_in_one_task(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let a = ctx.start_activity(
                Stage::linger,
                "a".to_owned(),
                cancelled_by(WaitCancellationCompleted),
            );
            let b = ctx.start_activity(
                Stage::hold,
                "b".to_owned(),
                nobodys(WaitCancellationCompleted),
            );
            let c = ctx.start_activity(
                Stage::hold,
                "c".to_owned(),
                nobodys(WaitCancellationCompleted),
            );
            told_to_proceed(ctx, 1).await?;
            for activity in [&a, &b, &c] {
                activity.cancel();
            }
            let ended = join_all([a, b, c]).await;
            Ok(ended
                .iter()
                .filter(|ended| ended.as_ref().is_err_and(|error| error.is_cancelled()))
                .count()
                .to_string())
        })
        .await;
    world.board.heard("a started").await;
    flow.settle().await;
    flow.proceed().await;
    flow.reaches("WTCompleted", 3).await;
    world.board.open("a");
    flow.ends(
        Completed,
        "3",
        "1 Started · 2-4 WT · 5 ActScheduled(1, linger) · 6 ActScheduled(2, hold) · 7 ActScheduled(3, hold) · 8 Signaled(proceed) · \
         9-11 WT · 12 ActCancelRequested(sched=5) · 13 ActCancelRequested(sched=6) · 14 ActCancelRequested(sched=7) · \
         15 ActCanceled(sched=6, started=none, latestCancelRequested=13, details=\"ACTIVITY_ID_NOT_STARTED\") · \
         16 ActCanceled(sched=7, started=none, latestCancelRequested=14, details=\"ACTIVITY_ID_NOT_STARTED\") · \
         17-19 WT · 20 ActStarted(sched=5) · 21 ActCanceled(sched=5, started=20, latestCancelRequested=12) · 22-24 WT · \
         25 Completed(\"3\")",
    )
    .await;
}

/// What a workflow whose cancelled activity goes on all the same looks like.
async fn ignored(world: &World, flow: Flow, activity: &str) {
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    flow.reaches("ActCancelRequested", 1).await;
    world.board.open("act");
    flow.ends(
        Completed,
        "act done",
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, {activity}) · 6 CancelRequested(cause=stop, identity=client) · \
             7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCompleted(sched=5, \"act done\") · \
             13-15 WT · 16 Completed(\"act done\")"
        ),
    )
    .await;
}

async fn wait_for_an_activity_that_never_heartbeats(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::ignore,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    });
    ignored(world, flow.await, "ignore").await;
}

async fn wait_for_an_activity_that_ignores_the_request(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::stall,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    });
    ignored(world, flow.await, "stall").await;
}

const SILENT: &str = "timeout,HEARTBEAT \"activity Heartbeat timeout\"";

async fn wait_until_the_heartbeat_timeout(world: &World) {
    let flow = telling(world, async |ctx| {
        ctx.start_activity(
            Stage::ignore,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    flow.reaches("ActCancelRequested", 1).await;
    world.advance(MINUTE).await;
    times_out(&flow, "ignore").await;
}

/// What a workflow whose cancelled activity falls silent looks like.
async fn times_out(flow: &Flow, activity: &str) {
    let seen = format!(
        "activity,CANCEL_REQUESTED 'activity timed out' <- {} cancelled=false",
        SILENT.replace('"', "'")
    );
    flow.ends(
        Completed,
        &seen,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, {activity}) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActTimedOut(sched=5, {SILENT}, \
             CANCEL_REQUESTED) · 13-15 WT · 16 Completed(\"{seen}\")"
        ),
    )
    .await;
}

async fn wait_for_an_activity_that_fails(world: &World) {
    let flow = telling(world, async |ctx| {
        ctx.start_activity(
            Stage::fail,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    world.board.heard("act started 1").await;
    flow.cancel("stop").await;
    let seen = "activity,CANCEL_REQUESTED 'activity failed' <- application,Broken 'act failed' cancelled=false";
    flow.ends(
        Completed,
        seen,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, fail) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActFailed(sched=5, application,Broken \
             \"act failed\", CANCEL_REQUESTED) · 13-15 WT · 16 Completed(\"{seen}\")"
        ),
    )
    .await;
}

async fn try_cancel_between_two_attempts(world: &World) {
    let flow = lingering(world, async |ctx| {
        ctx.start_activity(Stage::fail, "act".to_owned(), cancelled_by(TryCancel))
            .await
    })
    .await;
    world.board.open("act");
    world.board.heard("act started 1").await;
    world.idle().await;
    flow.cancel("stop").await;
    flow.reaches("WTCompleted", 3).await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, fail) · 6 CancelRequested(cause=stop, identity=client) · 7-9 WT · \
             10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, latestCancelRequested=10, \
             details=\"ACTIVITY_ID_NOT_STARTED\") · 12-14 WT · 15 Signaled(proceed) · 16-18 WT · \
             19 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

async fn cancel_during_the_second_attempt(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::resume,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    flow.settle().await;
    world.idle().await;
    world.pass(SECOND).await;
    world.board.heard("act resumed from progress-4").await;
    flow.cancel("").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, resume) · 6 CancelRequested(identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5, attempt=2, lastFailure=application,Retry \
         \"attempt 1 fails\") · 12 ActCanceled(sched=5, started=11, latestCancelRequested=10, \
         details=\"stopped at attempt 2\") · 13-15 WT · 16 Canceled",
    )
    .await;
}

async fn cancel_the_activity_and_not_the_workflow(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let activity = ctx.start_activity(
                Stage::hold,
                "act".to_owned(),
                cancelled_by(WaitCancellationCompleted),
            );
            told_to_proceed(ctx, 1).await?;
            activity.cancel();
            Ok(saw(&activity.await))
        })
        .await;
    world.board.heard("act started").await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        CANCELLED,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Signaled(proceed) · 7-9 WT · 10 ActCancelRequested(sched=5) · \
             11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, latestCancelRequested=10) · 13-15 WT · \
             16 Completed(\"{CANCELLED}\")"
        ),
    )
    .await;
}

/// Ours is an ordinary failure, where the activity of the official SDKs hangs until it times out.
async fn an_activity_that_claims_to_be_cancelled(world: &World) {
    let flow = telling(world, async |ctx| {
        ctx.start_activity(
            Stage::give_up,
            (),
            options().retry_policy(RetryPolicy::once()),
        )
        .await
    })
    .await;
    let failure = "application,UnexpectedCancel \"the activity ended as cancelled, but nobody asked it to stop\"";
    let seen = format!(
        "activity,MAXIMUM_ATTEMPTS_REACHED 'activity failed' <- {} cancelled=false",
        failure.replace('"', "'")
    );
    flow.ends(
        Completed,
        &seen,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, give_up) · 6 ActStarted(sched=5) · 7 ActFailed(sched=5, {failure}, \
             MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed(\"{seen}\")"
        ),
    )
    .await;
}

async fn heartbeats_after_the_cancellation(world: &World) {
    // A heartbeat is held back for 0.8 times the limit, in the worker's own time.
    let limit = crate::here::SILENCE;
    let flow = telling(world, async move |ctx| {
        let options = cancelled_by(WaitCancellationCompleted).heartbeat_timeout(limit);
        ctx.start_activity(Stage::stall, "act".to_owned(), options)
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("stop").await;
    loop {
        let pending = flow.describe().await.pending_activities.remove(0);
        let details = pending
            .heartbeat_details
            .first()
            .map(|details| details.data.as_slice().to_vec());
        if details.as_deref() == Some(b"\"after\"") {
            assert_eq!(pending.state, PendingActivityState::CancelRequested);
            break;
        }
        tokio::task::yield_now().await;
    }
    world.pass(limit).await;
    times_out(&flow, "stall").await;
}

async fn an_activity_answers_after_the_workflow_closed(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(Stage::ignore, "act".to_owned(), cancelled_by(Abandon))
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.cancel("").await;
    flow.reaches("Canceled", 1).await;
    world.board.open("act");
    // Its worker ends when the answer was given.
    world.rest_activities().await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, ignore) · 6 CancelRequested(identity=client) · 7-9 WT · 10 Canceled",
    )
    .await;
}

async fn the_order_of_cancel_commands(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let activities: Vec<_> = (0..10)
                .map(|_| ctx.start_activity(Stage::hold, "act".to_owned(), nobodys(TryCancel)))
                .collect();
            let timers: Vec<_> = (0..10).map(|_| ctx.sleep(HOUR)).collect();
            let (activities, timers) = join(join_all(activities), join_all(timers)).await;
            assert!(activities.iter().all(Result::is_err));
            timers.into_iter().collect::<Result<(), _>>()?;
            Ok(String::new())
        })
        .await;
    flow.settle().await;
    flow.cancel("").await;
    let numbered = |first: usize, text: &dyn Fn(usize) -> String| {
        let events: Vec<String> = (0..10)
            .map(|n| format!("{} {}", first + n, text(n)))
            .collect();
        events.join(" · ")
    };
    let expected = [
        "1 Started · 2-4 WT".to_owned(),
        numbered(5, &|n| format!("ActScheduled({}, hold)", n + 1)),
        numbered(15, &|n| format!("TimerStarted({})", n + 1)),
        "25 CancelRequested(identity=client) · 26-28 WT".to_owned(),
        numbered(29, &|n| format!("ActCancelRequested(sched={})", n + 5)),
        numbered(39, &|n| format!("TimerCanceled({})", n + 1)),
        "49 Canceled".to_owned(),
    ];
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        &expected.join(" · "),
    )
    .await;
}

async fn details_reach_the_next_attempt(world: &World) {
    world.board.open("act");
    let flow = plain(world, async |ctx| {
        ctx.start_activity(Stage::resume, "act".to_owned(), options())
            .await
    })
    .await;
    flow.settle().await;
    world.idle().await;
    world.pass(SECOND).await;
    flow.ends(
        Completed,
        "resumed from progress-4",
        "1 Started · 2-4 WT · 5 ActScheduled(1, resume) · 6 ActStarted(sched=5, attempt=2, lastFailure=application,Retry \
         \"attempt 1 fails\") · 7 ActCompleted(sched=5, \"resumed from progress-4\") · 8-10 WT · \
         11 Completed(\"resumed from progress-4\")",
    )
    .await;
}

async fn the_worker_shuts_down(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(Stage::hold, "act".to_owned(), options())
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.settle().await;
    world.rest_activities().await;
    assert_eq!(
        world.board.said(),
        ["act started", "act heard: the worker is shutting down"]
    );
    let pending = flow.describe().await.pending_activities.remove(0);
    assert_eq!(
        (pending.state, pending.attempt),
        (PendingActivityState::Scheduled, 2)
    );
    assert_eq!(
        notation::short(&pending.last_failure.unwrap()),
        "application,WorkerShutdown \"the worker is shutting down and this activity did not complete in time\""
    );
    flow.terminate("x").await;
    flow.ends(
        Terminated,
        "the workflow was terminated: x",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Terminated(reason=x, identity=client)",
    )
    .await;
}

async fn the_heartbeat_timeout_is_told(world: &World) {
    let flow = telling(world, async |ctx| {
        let once = options().retry_policy(RetryPolicy::once());
        ctx.start_activity(Stage::silent, "act".to_owned(), once)
            .await
    })
    .await;
    world.board.heard("act started").await;
    world.advance(MINUTE).await;
    world.board.heard("act heard: timed out").await;
    let seen = format!(
        "activity,MAXIMUM_ATTEMPTS_REACHED 'activity timed out' <- {} cancelled=false",
        SILENT.replace('"', "'")
    );
    flow.ends(
        Completed,
        &seen,
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, silent) · 6 ActStarted(sched=5) · 7 ActTimedOut(sched=5, {SILENT}, \
             MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed(\"{seen}\")"
        ),
    )
    .await;
}

async fn a_terminated_workflow_under_a_running_activity(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(Stage::hold, "act".to_owned(), options())
            .await
    })
    .await;
    world.board.heard("act started").await;
    flow.settle().await;
    flow.terminate("gone").await;
    world
        .board
        .heard("act heard: no longer wanted: its workflow has closed")
        .await;
    flow.ends(
        Terminated,
        "the workflow was terminated: gone",
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Terminated(reason=gone, identity=client)",
    )
    .await;
}

/// The service needs a setting for it; the embedded engine always tells at once (A1).
async fn a_request_reaches_an_activity_that_does_not_heartbeat(world: &World) {
    let flow = plain(world, async |ctx| {
        ctx.start_activity(
            Stage::listen,
            "act".to_owned(),
            cancelled_by(WaitCancellationCompleted),
        )
        .await
    })
    .await;
    world.board.heard("act started").await;
    flow.settle().await;
    flow.cancel("").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 ActScheduled(1, listen) · 6 CancelRequested(identity=client) · 7-9 WT · \
         10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, \
         latestCancelRequested=10) · 13-15 WT · 16 Canceled",
    )
    .await;
}
