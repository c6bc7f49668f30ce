//! Parts A and B: cancelling workflows, timers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use steadfast::{
    core::event::ExecutionStatus::{
        Cancelled, Completed, ContinuedAsNew, Failed, Running, Terminated,
    },
    prelude::*,
};

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, REAL_TIME, SECOND, Stage, WORKFLOWS, World, cancelled_by, cases,
    continue_as_new, define, is_first_run, options, start_options, told_to_proceed,
};

use ActivityCancellationType::TryCancel;

cases! {
    1: a_cancelled_sleep_escapes,
    2: a_cancelled_sleep_is_swallowed,
    4: the_reason_reaches_workflow_code,
    5: a_timer_after_the_request_was_accepted,
    7: a_panic_while_handling_the_request,
    8: a_request_before_the_first_task,
    10: a_request_before_the_first_task_of_an_activity,
    11: two_requests_before_the_first_task,
    13: a_second_reason_while_cleaning_up,
    17: a_request_to_a_closed_workflow,
    19: the_first_run_guards_the_chain,
    20: a_cancelled_run_continues_as_new,
    22: a_signal_and_a_request_in_one_task,
    23: a_request_during_the_start_delay,
    24: a_request_during_the_wait_for_the_time_of_a_cron_schedule,
    25: a_request_during_the_wait_for_a_workflow_retry,
    26: a_workflow_retry_policy_and_a_request,
    31: a_request_between_failing_attempts,
    34: a_later_cancellation_escapes_after_the_first_was_swallowed,
    35: requests_to_a_cancelled_workflow,
    38: a_timer_started_and_cancelled_in_one_task,
    40: a_timer_cancelled_in_a_later_task,
    43: a_time_limit_passes_around_an_activity,
    44: a_time_limit_is_not_reached,
    46: a_timer_due_after_termination,
}

async fn sleeps(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.sleep(HOUR).await?;
    Ok("slept".to_owned())
}

async fn sleeper(world: &World) -> Flow {
    let flow = world.start("w", sleeps).await;
    flow.settle().await;
    flow
}

async fn a_cancelled_sleep_escapes(world: &World) {
    let flow = sleeper(world).await;
    flow.cancel("because-reraise").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: because-reraise",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-reraise, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 Canceled",
    )
    .await;
}

async fn a_cancelled_sleep_is_swallowed(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            drop(ctx.sleep(HOUR).await);
            Ok("swallowed".to_owned())
        })
        .await;
    flow.settle().await;
    flow.cancel("because-swallow").await;
    flow.ends(
        Completed,
        "swallowed",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-swallow, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 Completed(\"swallowed\")",
    )
    .await;
}

async fn the_reason_reaches_workflow_code(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let cancelled = ctx.sleep(HOUR).await.unwrap_err();
            Ok(format!("reason='{}'", cancelled.reason()))
        })
        .await;
    flow.settle().await;
    flow.cancel("because-reason").await;
    flow.ends(
        Completed,
        "reason='because-reason'",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-reason, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 Completed(\"reason='because-reason'\")",
    )
    .await;
}

/// Until the request is accepted, new operations fail at once (D3); then they start (D5).
async fn a_timer_after_the_request_was_accepted(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let cancelled = ctx.sleep(HOUR).await.unwrap_err();
            assert!(ctx.sleep(SECOND).await.is_err());
            ctx.cancelled().await;
            ctx.sleep(SECOND).await?;
            Err(cancelled.into())
        })
        .await;
    flow.settle().await;
    flow.cancel("because-timer-after").await;
    flow.reaches("TimerStarted", 2).await;
    world.advance(SECOND).await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: because-timer-after",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-timer-after, identity=client) · \
         7-9 WT · 10 TimerCanceled(1) · 11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled",
    )
    .await;
}

/// The second failure is already a later attempt and so not recorded: ground rule 11. The service records it, as a
/// failure on a sticky queue does not count there, and hands the task out again at once.
async fn a_panic_while_handling_the_request(world: &World) {
    let panics = Arc::new(AtomicU32::new(0));
    let flow = world
        .start("w", async move |ctx| {
            let slept = ctx.sleep(HOUR).await;
            if slept.is_err() && panics.fetch_add(1, Ordering::SeqCst) < 2 {
                panic!("plain error while handling cancel");
            }
            slept?;
            Ok(String::new())
        })
        .await;
    flow.settle().await;
    flow.cancel("x").await;
    flow.reaches("WTFailed", 1).await;
    if !REAL_TIME {
        world.idle().await;
        let described = flow.describe().await;
        assert_eq!(
            (described.status, described.cancel_requested),
            (Running, true)
        );
        world.pass(MINUTE).await;
    }
    let failed = "WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \
                  \"workflow code panicked: plain error while handling cancel\")";
    let then = if REAL_TIME {
        format!(
            "10 WTScheduled · 11 WTStarted · 12 {failed} · 13 WTScheduled(attempt=2) · 14 WTStarted · \
             15 WTCompleted · 16 TimerCanceled(1) · 17 Canceled"
        )
    } else {
        "10 WTScheduled(attempt=3) · 11 WTStarted · 12 WTCompleted · 13 TimerCanceled(1) · 14 Canceled".to_owned()
    };
    flow.ends(
        Cancelled,
        "the workflow was cancelled: x",
        &format!(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=x, identity=client) · 7 WTScheduled · \
             8 WTStarted · 9 {failed} · {then}"
        ),
    )
    .await;
}

async fn a_request_before_the_first_task(world: &World) {
    world.rest(WORKFLOWS).await;
    let flow = world.start("w", sleeps).await;
    flow.cancel("").await;
    world.work(WORKFLOWS);
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2 WTScheduled · 3 CancelRequested(identity=client) · 4 WTStarted · 5 WTCompleted · 6 Canceled",
    )
    .await;
}

async fn a_request_before_the_first_task_of_an_activity(world: &World) {
    world.rest(WORKFLOWS).await;
    let flow = world
        .start("w", async |ctx| {
            Ok(ctx
                .start_activity(Stage::quick, "a".to_owned(), options())
                .await?)
        })
        .await;
    flow.cancel("").await;
    world.work(WORKFLOWS);
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2 WTScheduled · 3 CancelRequested(identity=client) · 4 WTStarted · 5 WTCompleted · 6 Canceled",
    )
    .await;
    assert_eq!(world.board.said(), [""; 0]);
}

/// The recorded workflow gives details with its end, which Rust code cannot.
async fn two_requests_before_the_first_task(world: &World) {
    world.rest(WORKFLOWS).await;
    let flow = world.start("w", sleeps).await;
    flow.cancel_as("id-1", "first").await;
    flow.cancel_as("id-2", "second").await;
    world.work(WORKFLOWS);
    flow.ends(
        Cancelled,
        "the workflow was cancelled: first",
        "1 Started · 2 WTScheduled · 3 CancelRequested(cause=first, identity=id-1) · 4 WTStarted · 5 WTCompleted · \
         6 Canceled",
    )
    .await;
}

async fn a_second_reason_while_cleaning_up(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let first = ctx.sleep(HOUR).await.unwrap_err();
            told_to_proceed(ctx, 1).await?;
            let now = ctx.cancel_reason().unwrap();
            Ok(format!("ignored {} then {now}", first.reason()))
        })
        .await;
    flow.settle().await;
    flow.cancel("first").await;
    flow.reaches("TimerCanceled", 1).await;
    flow.cancel("second").await;
    flow.proceed().await;
    flow.ends(
        Completed,
        "ignored first then first",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=first, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 Signaled(proceed) · 12-14 WT · 15 Completed(\"ignored first then first\")",
    )
    .await;
}

async fn a_request_to_a_closed_workflow(world: &World) {
    let flow = world.start("w", async |_| Ok("done".to_owned())).await;
    flow.reaches("Completed", 1).await;
    flow.cancel("by id").await;
    let one_run = world
        .client
        .workflow_run::<crate::harness::Script>(flow.execution().await);
    one_run
        .cancel(WorkflowCancelOptions::builder().reason("by id and run"))
        .await
        .unwrap();
    flow.ends(
        Completed,
        "done",
        "1 Started · 2-4 WT · 5 Completed(\"done\")",
    )
    .await;
}

/// The service waits a second between two runs of a chain, so that its second run has no task yet.
async fn the_first_run_guards_the_chain(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            if is_first_run(ctx) {
                return continue_as_new(ctx);
            }
            sleeps(ctx).await
        })
        .await;
    let second = flow.next_run().await;
    second.settle().await;
    let current = world.find("w").await;
    let by_first = |run: &str, reason: &str| {
        let options = WorkflowCancelOptions::builder()
            .reason(reason)
            .first_execution_run_id(run);
        current.handle.cancel(options)
    };
    let refused = by_first("01890000-0000-7000-8000-000000000000", "random")
        .await
        .unwrap_err();
    assert_eq!(
        (refused.to_string().as_str(), refused.is_not_found()),
        ("workflow execution not found", true)
    );
    let first = world
        .client
        .workflow_run::<crate::harness::Script>(flow.execution().await);
    first
        .cancel(WorkflowCancelOptions::builder().reason("run 1"))
        .await
        .unwrap();
    by_first(flow.execution().await.run_id.as_str(), "via first run id")
        .await
        .unwrap();
    second
        .ends(
            Cancelled,
            "the workflow was cancelled: via first run id",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=via first run id, identity=client) · \
             7-9 WT · 10 TimerCanceled(1) · 11 Canceled",
        )
        .await;
    flow.is(ContinuedAsNew, "1 Started · 2-4 WT · 5 ContinuedAsNew")
        .await;
}

async fn a_cancelled_run_continues_as_new(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let slept = ctx.sleep(HOUR).await;
            if is_first_run(ctx) {
                return continue_as_new(ctx);
            }
            slept?;
            Ok(String::new())
        })
        .await;
    flow.settle().await;
    flow.cancel("before-can").await;
    let second = flow.next_run().await;
    second.settle().await;
    assert!(!second.describe().await.cancel_requested);
    second.cancel("second").await;
    second
        .ends(
            Cancelled,
            "the workflow was cancelled: second",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=second, identity=client) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Canceled",
        )
        .await;
    flow.is(
        ContinuedAsNew,
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=before-can, identity=client) · 7-9 WT · \
         10 TimerCanceled(1) · 11 ContinuedAsNew",
    )
    .await;
}

async fn a_signal_and_a_request_in_one_task(world: &World) {
    world.rest(WORKFLOWS).await;
    let flow = world
        .start("w", async |ctx| {
            // The signal's handler ran before this function.
            let proceeds = ctx.state(|state| state.proceeds);
            let ignored = ctx.sleep(HOUR).await.is_err();
            told_to_proceed(ctx, 1).await?;
            Ok(format!("{proceeds} {ignored}"))
        })
        .await;
    flow.proceed().await;
    flow.cancel("").await;
    world.work(WORKFLOWS);
    flow.ends(
        Completed,
        "1 true",
        "1 Started · 2 WTScheduled · 3 Signaled(proceed) · 4 CancelRequested(identity=client) · 5 WTStarted · \
         6 WTCompleted · 7 Completed(\"1 true\")",
    )
    .await;
}

async fn a_request_during_the_start_delay(world: &World) {
    let flow = world
        .start_with(&define(sleeps), start_options("w").start_delay(6 * SECOND))
        .await;
    world.pass(2 * SECOND).await;
    flow.cancel("during delay").await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: during delay",
        "1 Started · 2 CancelRequested(cause=during delay, identity=client) · 3-5 WT · 6 Canceled",
    )
    .await;
}

/// Of the first run, and of one that follows.
async fn a_request_during_the_wait_for_the_time_of_a_cron_schedule(world: &World) {
    let first = world
        .start_with(
            &define(sleeps),
            start_options("w").cron_schedule("@every 3600s"),
        )
        .await;
    world.pass(2 * SECOND).await;
    first.cancel("before its time").await;
    first
        .ends(
            Cancelled,
            "the workflow was cancelled: before its time",
            "1 Started · 2 CancelRequested(cause=before its time, identity=client) · 3-5 WT · 6 Canceled",
        )
        .await;

    let body = define(async |ctx| {
        if is_first_run(ctx) {
            return Ok("first".to_owned());
        }
        sleeps(ctx).await
    });
    let flow = world
        .start_with(&body, start_options("again").cron_schedule("@every 2s"))
        .await;
    world.pass(2 * SECOND).await;
    let second = flow.next_run().await;
    second.cancel("in between").await;
    second
        .ends(
            Cancelled,
            "the workflow was cancelled: in between",
            "1 Started · 2 CancelRequested(cause=in between, identity=client) · 3-5 WT · 6 Canceled",
        )
        .await;
    flow.is(Completed, "1 Started · 2-4 WT · 5 Completed(\"first\")")
        .await;
}

/// Retried after twenty seconds.
fn retried() -> RetryPolicy {
    RetryPolicy {
        initial_interval: 20 * SECOND,
        ..RetryPolicy::default()
    }
}

async fn a_request_during_the_wait_for_a_workflow_retry(world: &World) {
    let body = define(async |ctx| {
        if ctx.view().attempt() == 1 {
            return Err(ApplicationFailure::new("x", "Boom").into());
        }
        sleeps(ctx).await
    });
    let flow = world
        .start_with(&body, start_options("w").retry_policy(retried()))
        .await;
    let second = flow.next_run().await;
    second.cancel("in backoff").await;
    second
        .ends(
            Cancelled,
            "the workflow was cancelled: in backoff",
            "1 Started · 2 CancelRequested(cause=in backoff, identity=client) · 3-5 WT · 6 Canceled",
        )
        .await;
    flow.is(
        Failed,
        "1 Started · 2-4 WT · 5 Failed(application,Boom \"x\", IN_PROGRESS)",
    )
    .await;
}

async fn a_workflow_retry_policy_and_a_request(world: &World) {
    let canceled = world
        .start_with(
            &define(sleeps),
            start_options("canceled").retry_policy(retried()),
        )
        .await;
    canceled.settle().await;
    canceled.cancel("").await;
    canceled
        .ends(
            Cancelled,
            "the workflow was cancelled",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=client) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Canceled",
        )
        .await;

    let body = define(async |ctx| {
        if ctx.sleep(HOUR).await.is_err() {
            return Err(ApplicationFailure::new("cleanup broke", "CleanupError").into());
        }
        Ok(String::new())
    });
    let failed = world
        .start_with(&body, start_options("failed").retry_policy(retried()))
        .await;
    failed.settle().await;
    failed.cancel("").await;
    let second = failed.next_run().await;
    world.pass(20 * SECOND).await;
    second.reaches("TimerStarted", 1).await;
    assert!(!second.describe().await.cancel_requested);
    second
        .is(Running, "1 Started · 2-4 WT · 5 TimerStarted(1)")
        .await;
    failed
        .is(
            Failed,
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=client) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Failed(application,CleanupError \"cleanup broke\", IN_PROGRESS)",
        )
        .await;
}

async fn a_request_between_failing_attempts(world: &World) {
    let repaired = Arc::new(AtomicBool::new(false));
    let fixed = Arc::clone(&repaired);
    let flow = world
        .start("w", async move |ctx| {
            assert!(fixed.load(Ordering::SeqCst), "boom");
            sleeps(ctx).await
        })
        .await;
    flow.reaches("WTFailed", 1).await;
    world.idle().await;
    flow.cancel("between attempts").await;
    repaired.store(true, Ordering::SeqCst);
    world.pass(MINUTE).await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled: between attempts",
        "1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \
         \"workflow code panicked: boom\") · 5 CancelRequested(cause=between attempts, identity=client) · 6-8 WT · \
         9 Canceled",
    )
    .await;
}

async fn a_later_cancellation_escapes_after_the_first_was_swallowed(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            drop(ctx.sleep(HOUR).await);
            ctx.cancelled().await;
            let activity = ctx.start_activity(Stage::hold, "a".to_owned(), options());
            ctx.sleep(SECOND).await?;
            activity.cancel();
            Ok(activity.await?)
        })
        .await;
    flow.settle().await;
    flow.cancel("").await;
    world.board.heard("a started").await;
    world.advance(SECOND).await;
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=client) · 7-9 WT · 10 TimerCanceled(1) · \
         11 ActScheduled(1, hold) · 12 TimerStarted(2) · 13 TimerFired(2) · 14-16 WT · 17 ActCancelRequested(sched=11) · \
         18 Canceled",
    )
    .await;
}

async fn requests_to_a_cancelled_workflow(world: &World) {
    let flow = sleeper(world).await;
    flow.cancel("").await;
    flow.reaches("Canceled", 1).await;
    let signal = flow.handle.proceed().await;
    let terminate = flow
        .handle
        .terminate(WorkflowTerminateOptions::default())
        .await;
    let update = flow.handle.proceed_now().await.map(drop);
    for refused in [signal, terminate, update] {
        assert_eq!(
            refused.unwrap_err().to_string(),
            "workflow execution already completed"
        );
    }
    flow.cancel("again").await;
    assert_eq!(flow.handle.proceeds().await.unwrap(), 0);
    flow.ends(
        Cancelled,
        "the workflow was cancelled",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=client) · 7-9 WT · 10 TimerCanceled(1) · \
         11 Canceled",
    )
    .await;
}

async fn a_timer_started_and_cancelled_in_one_task(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let timer = ctx.sleep(HOUR);
            timer.cancel();
            assert!(timer.await.is_err());
            Ok("timer-cancelled-same-task".to_owned())
        })
        .await;
    flow.ends(
        Completed,
        "timer-cancelled-same-task",
        "1 Started · 2-4 WT · 5 Completed(\"timer-cancelled-same-task\")",
    )
    .await;
}

async fn a_timer_cancelled_in_a_later_task(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let timer = ctx.sleep(HOUR);
            told_to_proceed(ctx, 1).await?;
            timer.cancel();
            assert!(timer.await.is_err());
            Ok("timer-cancelled-next-task".to_owned())
        })
        .await;
    flow.settle().await;
    flow.proceed().await;
    flow.ends(
        Completed,
        "timer-cancelled-next-task",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(proceed) · 7-9 WT · 10 TimerCanceled(1) · \
         11 Completed(\"timer-cancelled-next-task\")",
    )
    .await;
}

/// The scope says that it timed out (S3), where Python shows the cancelled activity.
async fn a_time_limit_passes_around_an_activity(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let limited = ctx.with_timeout(SECOND, async |ctx| {
                ctx.start_activity(Stage::hold, "inner".to_owned(), cancelled_by(TryCancel))
                    .await
            });
            Ok(limited.await.unwrap_err().to_string())
        })
        .await;
    world.board.heard("inner started").await;
    world.advance(SECOND).await;
    flow.ends(
        Completed,
        "timed out after 1s",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, hold) · 7 TimerFired(1) · 8-10 WT · \
         11 ActCancelRequested(sched=6) · 12 Completed(\"timed out after 1s\")",
    )
    .await;
}

async fn a_time_limit_is_not_reached(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            ctx.with_timeout(30 * SECOND, async |ctx| {
                ctx.start_activity(Stage::quick, "fast".to_owned(), options())
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

async fn a_timer_due_after_termination(world: &World) {
    let flow = sleeper(world).await;
    flow.terminate("x").await;
    world.pass(2 * HOUR).await;
    world.idle().await;
    flow.ends(
        Terminated,
        "the workflow was terminated: x",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=x, identity=client)",
    )
    .await;
}
