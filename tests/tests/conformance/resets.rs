//! Parts L and M: terminate, reset.

use steadfast::{
    core::event::ExecutionStatus::{
        Cancelled, Completed, ContinuedAsNew, Failed, Running, Terminated,
    },
    prelude::*,
};
use steadfast_engine::conformance::notation;

use crate::harness::{
    CHILDREN, Ctx, Flow, HOUR, REAL_TIME, SECOND, Script, Stage, WORKFLOWS, World, cancelled_by,
    cases, child, continue_as_new, define, is_first_run, nobodys, options, start_options,
    told_to_proceed,
};

use ActivityCancellationType::{TryCancel, WaitCancellationCompleted};

cases! {
    176: terminate_with_defaults,
    179: terminate_what_is_closed_or_unknown,
    181: terminate_by_the_first_run,
    182: terminate_during_the_wait_for_a_workflow_retry,
    184: delete_a_running_workflow,
    187: reset_to_the_first_task,
    188: reset_a_completed_workflow,
    190: reset_a_cancelled_run_to_before_the_request,
    191: reset_a_cancelled_run_to_after_the_request,
    193: reset_when_no_task_was_started,
    196: reset_a_run_before_continue_as_new,
    197: reset_with_a_running_activity,
    199: reset_with_an_activity_that_is_cancelled,
    200: reset_with_a_timer,
    202: reset_with_a_running_child,
    203: reset_to_before_the_child_was_started,
    205: reset_twice,
}

async fn terminate_with_defaults(world: &World) {
    let flow = world
        .start("w", async |ctx| {
            let timer = ctx.sleep(HOUR);
            ctx.start_activity(Stage::quick, "a".to_owned(), nobodys(TryCancel))
                .await?;
            timer.await?;
            Ok(String::new())
        })
        .await;
    flow.settle().await;
    flow.terminate("").await;
    flow.ends(
        Terminated,
        "the workflow was terminated: terminated by user via frontend",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 ActScheduled(1, quick) · \
         7 Terminated(reason=terminated by user via frontend, identity=client)",
    )
    .await;
}

async fn sleeps(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.sleep(HOUR).await?;
    Ok("slept".to_owned())
}

async fn terminate_what_is_closed_or_unknown(world: &World) {
    let flow = world.start("w", sleeps).await;
    flow.settle().await;
    flow.terminate("once").await;
    let unknown = world.client.workflow::<Script>("unknown").unwrap();
    let mut execution = flow.execution().await;
    execution.run_id =
        steadfast::core::ids::RunId::new("01890000-0000-7000-8000-000000000000").unwrap();
    let unknown_run = world.client.workflow_run::<Script>(execution);
    let mut refused = Vec::new();
    for handle in [&flow.handle, &unknown, &unknown_run] {
        let error = handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap_err();
        assert!(error.is_not_found());
        refused.push(error.to_string());
    }
    assert_eq!(
        refused,
        [
            "workflow execution already completed",
            "workflow not found for ID: unknown",
            "workflow execution not found for workflow ID \"w\" and run ID \"01890000-0000-7000-8000-000000000000\"",
        ]
    );
    flow.ends(
        Terminated,
        "the workflow was terminated: once",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=once, identity=client)",
    )
    .await;
}

/// The service waits a second between two runs of a chain, so that its second run has no task yet.
async fn terminate_by_the_first_run(world: &World) {
    let first = world
        .start("w", async |ctx| {
            if is_first_run(ctx) {
                return continue_as_new(ctx);
            }
            sleeps(ctx).await
        })
        .await;
    let second = first.next_run().await;
    second.settle().await;
    let current = world.client.workflow::<Script>("w").unwrap();
    let by_first = |run: &str| {
        current.terminate(
            WorkflowTerminateOptions::builder()
                .reason("chain")
                .first_execution_run_id(run),
        )
    };
    let closed = world.client.workflow_run::<Script>(first.execution().await);
    let closed = closed
        .terminate(WorkflowTerminateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(closed.to_string(), "workflow execution already completed");
    let wrong = by_first("01890000-0000-7000-8000-000000000000")
        .await
        .unwrap_err();
    assert_eq!(wrong.to_string(), "workflow execution not found");
    by_first(first.execution().await.run_id.as_str())
        .await
        .unwrap();
    second
        .is(
            Terminated,
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=chain, identity=client)",
        )
        .await;
}

async fn terminate_during_the_wait_for_a_workflow_retry(world: &World) {
    let body = define(async |_| Err(ApplicationFailure::new("x", "Boom").into()));
    let policy = RetryPolicy {
        initial_interval: 20 * SECOND,
        ..RetryPolicy::default()
    };
    let first = world
        .start_with(&body, start_options("w").retry_policy(policy))
        .await;
    let second = first.next_run().await;
    second.terminate("in backoff").await;
    second
        .ends(
            Terminated,
            "the workflow was terminated: in backoff",
            "1 Started · 2 Terminated(reason=in backoff, identity=client)",
        )
        .await;
    first
        .is(
            Failed,
            "1 Started · 2-4 WT · 5 Failed(application,Boom \"x\", IN_PROGRESS)",
        )
        .await;
}

async fn delete_a_running_workflow(world: &World) {
    let flow = world.start("w", sleeps).await;
    flow.settle().await;
    flow.handle.delete().await.unwrap();
    // A service deletes a while after it said that it will.
    while REAL_TIME && flow.handle.history().await.is_ok() {
        world.pass(SECOND / 4).await;
    }
    assert!(flow.handle.history().await.unwrap_err().is_not_found());
}

/// Runs one activity, and then waits to be told to proceed.
async fn step_and_wait(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.start_activity(Stage::quick, "step1".to_owned(), options())
        .await?;
    ctx.wait_condition(|state| state.proceeds > 0).await?;
    Ok("done".to_owned())
}

const STEP: &str = "1 Started · 2-4 WT · 5 ActScheduled(1, quick) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, \"step1\")";

/// The failure of a task that a reset leaves.
fn reset(reason: &str) -> String {
    format!(
        "WTFailed(RESET_WORKFLOW, resetWorkflow \"{reason}\", identity=history-service, baseRunId,newRunId set)"
    )
}

async fn waiting(world: &World) -> Flow {
    let base = world.start("w", step_and_wait).await;
    base.reaches("WTCompleted", 2).await;
    base.settle().await;
    base
}

async fn reset_to_the_first_task(world: &World) {
    let base = waiting(world).await;
    let new = base.reset(4, "rsn").await;
    new.reaches("ActCompleted", 1).await;
    new.settle().await;
    new.proceed().await;
    new.ends(
        Completed,
        "done",
        &format!(
            "1 Started · 2 WTScheduled · 3 WTStarted · 4 {} · 5-7 WT · 8 ActScheduled(1, quick) · 9 ActStarted(sched=8) · \
             10 ActCompleted(sched=8, \"step1\") · 11-13 WT · 14 Signaled(proceed) · 15-17 WT · 18 Completed(\"done\")",
            reset("rsn")
        ),
    )
    .await;
    base.is(
        Terminated,
        &format!("{STEP} · 8-10 WT · 11 Terminated(reason=rsn, identity=history-resetter)"),
    )
    .await;
    assert_eq!(world.board.said(), ["step1", "step1"]);
}

async fn reset_a_completed_workflow(world: &World) {
    let base = waiting(world).await;
    base.proceed().await;
    base.reaches("Completed", 1).await;
    let new = base.reset(10, "again").await;
    new.ends(
        Completed,
        "done",
        &format!(
            "{STEP} · 8 WTScheduled · 9 WTStarted · 10 {} · 11 Signaled(proceed) · 12-14 WT · 15 Completed(\"done\")",
            reset("again")
        ),
    )
    .await;
    base.is(
        Completed,
        &format!("{STEP} · 8-10 WT · 11 Signaled(proceed) · 12-14 WT · 15 Completed(\"done\")"),
    )
    .await;
    assert_eq!(
        base.describe().await.reset_run_id,
        Some(new.execution().await.run_id)
    );
}

async fn reset_a_cancelled_run_to_before_the_request(world: &World) {
    let base = waiting(world).await;
    base.cancel("oops").await;
    base.reaches("Canceled", 1).await;
    let new = base.reset(10, "rsn").await;
    new.reaches("WTCompleted", 2).await;
    assert!(!new.describe().await.cancel_requested);
    new.proceed().await;
    new.ends(
        Completed,
        "done",
        &format!(
            "{STEP} · 8 WTScheduled · 9 WTStarted · 10 {} · 11-13 WT · 14 Signaled(proceed) · 15-17 WT · \
             18 Completed(\"done\")",
            reset("rsn")
        ),
    )
    .await;
    base.is(Cancelled, &cancelled()).await;
}

fn cancelled() -> String {
    format!(
        "{STEP} · 8-10 WT · 11 CancelRequested(cause=oops, identity=client) · 12-14 WT · 15 Canceled"
    )
}

async fn reset_a_cancelled_run_to_after_the_request(world: &World) {
    let base = waiting(world).await;
    base.cancel("oops").await;
    base.reaches("Canceled", 1).await;
    let new = base.reset(14, "rsn").await;
    new.ends(
        Cancelled,
        "the workflow was cancelled: oops",
        &format!(
            "{STEP} · 8-10 WT · 11 CancelRequested(cause=oops, identity=client) · 12 WTScheduled · 13 WTStarted · 14 {} · \
             15-17 WT · 18 Canceled",
            reset("rsn")
        ),
    )
    .await;
    base.is(Cancelled, &cancelled()).await;
}

async fn reset_when_no_task_was_started(world: &World) {
    world.rest(WORKFLOWS).await;
    let base = world.start("w", step_and_wait).await;
    base.proceed().await;
    let new = base.reset(3, "rsn").await;
    new.is(
        Running,
        &format!(
            "1 Started · 2 WTScheduled · 3 WTStarted · 4 {} · 5 Signaled(proceed) · 6 WTScheduled",
            reset("rsn")
        ),
    )
    .await;
    base.is(
        Terminated,
        "1 Started · 2 WTScheduled · 3 Signaled(proceed) · 4 Terminated(reason=rsn, identity=history-resetter)",
    )
    .await;
}

/// The timer that the code lets go as it continues as new is cancelled (O5); the recorded one is left alone.
async fn reset_a_run_before_continue_as_new(world: &World) {
    world.rest(WORKFLOWS).await;
    let run1 = world
        .start("w", async |ctx| {
            if is_first_run(ctx) {
                let _timer = ctx.sleep(HOUR);
                told_to_proceed(ctx, 2).await?;
                return continue_as_new(ctx);
            }
            sleeps(ctx).await
        })
        .await;
    run1.proceed().await;
    world.work(WORKFLOWS);
    run1.reaches("TimerStarted", 1).await;
    run1.settle().await;
    run1.proceed().await;
    let run2 = run1.next_run().await;
    run2.settle().await;
    world.rest(WORKFLOWS).await;
    run2.proceed().await;
    let run3 = run1.reset(5, "to before CAN").await;
    run3.is(
        Running,
        &format!(
            "1 Started · 2 WTScheduled · 3 Signaled(proceed) · 4 WTStarted · 5 {} · 6 Signaled(proceed) · \
             7 Signaled(proceed) · 8 WTScheduled",
            reset("to before CAN")
        ),
    )
    .await;
    run1.is(
        ContinuedAsNew,
        "1 Started · 2 WTScheduled · 3 Signaled(proceed) · 4 WTStarted · 5 WTCompleted · 6 TimerStarted(1) · \
         7 Signaled(proceed) · 8-10 WT · 11 TimerCanceled(1) · 12 ContinuedAsNew",
    )
    .await;
    run2.is(
        Terminated,
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(proceed) · 7 WTScheduled · \
         8 Terminated(reason=to before CAN, identity=history-resetter)",
    )
    .await;
}

async fn reset_with_a_running_activity(world: &World) {
    let base = world
        .start("w", async |ctx| {
            let activity = ctx.start_activity(Stage::hold, "act".to_owned(), options());
            told_to_proceed(ctx, 1).await?;
            Ok(activity.await?)
        })
        .await;
    world.board.heard("act started").await;
    base.settle().await;
    base.proceed().await;
    base.reaches("WTCompleted", 2).await;
    let new = base.reset(9, "act").await;
    // The old attempt is no longer wanted, and the activity starts again.
    world
        .board
        .heard("act heard: no longer wanted: its workflow has closed")
        .await;
    while world
        .board
        .said()
        .iter()
        .filter(|said| *said == "act started")
        .count()
        < 2
    {
        tokio::task::yield_now().await;
    }
    new.settle().await;
    let pending = new.describe().await.pending_activities.remove(0);
    assert_eq!(pending.attempt, 1);
    world.board.open("act");
    new.ends(
        Completed,
        "act done",
        &format!(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Signaled(proceed) · 7 WTScheduled · 8 WTStarted · 9 {} · \
             10-12 WT · 13 ActStarted(sched=5) · 14 ActCompleted(sched=5, \"act done\") · 15-17 WT · \
             18 Completed(\"act done\")",
            reset("act")
        ),
    )
    .await;
    base.is(
        Terminated,
        "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · 6 Signaled(proceed) · 7-9 WT · \
         10 Terminated(reason=act, identity=history-resetter)",
    )
    .await;
}

async fn reset_with_an_activity_that_is_cancelled(world: &World) {
    let base = world
        .start("w", async |ctx| {
            let wait = cancelled_by(WaitCancellationCompleted);
            let activity = ctx.start_activity(Stage::linger, "act".to_owned(), wait);
            told_to_proceed(ctx, 1).await?;
            activity.cancel();
            told_to_proceed(ctx, 2).await?;
            activity.await?;
            Ok(String::new())
        })
        .await;
    world.board.heard("act started").await;
    for tasks in [2, 3] {
        base.settle().await;
        base.proceed().await;
        base.reaches("WTCompleted", tasks).await;
    }
    world
        .board
        .heard("act heard: cancelled by the workflow")
        .await;
    let new = base.reset(14, "rsn").await;
    // It is dispatched again, and told at once.
    while world
        .board
        .said()
        .iter()
        .filter(|said| *said == "act heard: cancelled by the workflow")
        .count()
        < 2
    {
        tokio::task::yield_now().await;
    }
    new.settle().await;
    world.board.open("act");
    new.reaches("Failed", 1).await;
    let before = "1 Started · 2-4 WT · 5 ActScheduled(1, linger) · 6 Signaled(proceed) · 7-9 WT · \
                  10 ActCancelRequested(sched=5) · 11 Signaled(proceed)";
    new.is(
        Failed,
        &format!(
            "{before} · 12 WTScheduled · 13 WTStarted · 14 {} · 15-17 WT · 18 ActStarted(sched=5) · 19 ActCanceled(\
             sched=5, started=18, latestCancelRequested=10) · 20-22 WT · 23 Failed(activity,CANCEL_REQUESTED \"activity cancelled\" <- \
             canceled \"cancelled\", RETRY_POLICY_NOT_SET)",
            reset("rsn")
        ),
    )
    .await;
    base.is(
        Terminated,
        &format!("{before} · 12-14 WT · 15 Terminated(reason=rsn, identity=history-resetter)"),
    )
    .await;
}

async fn reset_with_a_timer(world: &World) {
    let base = world
        .start("w", async |ctx| {
            let timer = ctx.sleep(6 * SECOND);
            told_to_proceed(ctx, 1).await?;
            timer.await?;
            Ok("fired".to_owned())
        })
        .await;
    base.settle().await;
    world.pass(2 * SECOND).await;
    base.proceed().await;
    base.reaches("WTCompleted", 2).await;
    let new = base.reset(9, "rsn").await;
    new.reaches("WTCompleted", 2).await;
    let before = "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(proceed)";
    let reset = format!(
        "{before} · 7 WTScheduled · 8 WTStarted · 9 {} · 10-12 WT",
        reset("rsn")
    );
    // It keeps its due time: four seconds from here.
    if !REAL_TIME {
        world.advance(4 * SECOND - SECOND / 100).await;
        world.idle().await;
        new.is(Running, &reset).await;
        world.advance(SECOND / 100).await;
    }
    new.ends(
        Completed,
        "fired",
        &format!("{reset} · 13 TimerFired(1) · 14-16 WT · 17 Completed(\"fired\")"),
    )
    .await;
    base.is(
        Terminated,
        &format!("{before} · 7-9 WT · 10 Terminated(reason=rsn, identity=history-resetter)"),
    )
    .await;
}

/// A parent whose child waits to be told to proceed, at rest.
async fn parent_and_child(world: &World) -> (Flow, Flow) {
    world.work(CHILDREN);
    let code = define(async |ctx| {
        told_to_proceed(ctx, 1).await?;
        Ok("child done".to_owned())
    });
    let base = world
        .start("w", async move |ctx| {
            let options = child("child");
            match ctx
                .start_child_workflow(Script::run, code.clone(), options)
                .await
            {
                Ok(result) => Ok(result),
                Err(error) => Ok(notation::short(error.failure()).replace('"', "'")),
            }
        })
        .await;
    base.reaches("ChildStarted", 1).await;
    world.settle().await;
    (base, world.find("child").await)
}

async fn reset_with_a_running_child(world: &World) {
    let (base, child) = parent_and_child(world).await;
    let new = base.reset(9, "child").await;
    new.reaches("WTCompleted", 2).await;
    world.settle().await;
    child.is(Running, "1 Started · 2-4 WT").await;
    child.proceed().await;
    let before = "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5)";
    new.ends(
        Completed,
        "child done",
        &format!(
            "{before} · 7 WTScheduled · 8 WTStarted · 9 {} · 10-12 WT · 13 ChildCompleted(init=5) · 14-16 WT · \
             17 Completed(\"child done\")",
            reset("child")
        ),
    )
    .await;
    base.is(
        Terminated,
        &format!("{before} · 7-9 WT · 10 Terminated(reason=child, identity=history-resetter)"),
    )
    .await;
    child
        .ends(
            Completed,
            "child done",
            "1 Started · 2-4 WT · 5 Signaled(proceed) · 6-8 WT · 9 Completed(\"child done\")",
        )
        .await;
}

/// With an id of the workflow's choice, as recorded. An id that the run derives is another after a reset.
async fn reset_to_before_the_child_was_started(world: &World) {
    let (base, child) = parent_and_child(world).await;
    let new = base.reset(4, "rsn").await;
    let seen = "childWorkflowExecution,NON_RETRYABLE_FAILURE 'child workflow did not start' <- application,WorkflowAlreadyExists 'workflow id \
                `child` is in use'";
    new.ends(
        Completed,
        seen,
        &format!(
            "1 Started · 2 WTScheduled · 3 WTStarted · 4 {} · 5-7 WT · 8 ChildInitiated(TERMINATE) · \
             9 ChildStartFailed(WORKFLOW_ALREADY_EXISTS) · 10-12 WT · 13 Completed(\"{seen}\")",
            reset("rsn")
        ),
    )
    .await;
    base.is(
        Terminated,
        "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
         10 Terminated(reason=rsn, identity=history-resetter)",
    )
    .await;
    child.is(Running, "1 Started · 2-4 WT").await;
}

async fn reset_twice(world: &World) {
    let run1 = world.start("w", sleeps).await;
    run1.settle().await;
    let run2 = run1.reset(4, "one").await;
    run2.reaches("TimerStarted", 1).await;
    run2.settle().await;
    world.rest(WORKFLOWS).await;
    let run3 = run1.reset(4, "two").await;
    let prefix = "1 Started · 2 WTScheduled · 3 WTStarted · 4";
    run1.is(Terminated, "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=one, identity=history-resetter)")
        .await;
    run2.is(
        Terminated,
        &format!(
            "{prefix} {} · 5-7 WT · 8 TimerStarted(1) · 9 Terminated(reason=two, identity=history-resetter)",
            reset("one")
        ),
    )
    .await;
    run3.is(
        Running,
        &format!("{prefix} {} · 5 WTScheduled", reset("two")),
    )
    .await;
    assert_eq!(
        run1.describe().await.reset_run_id,
        Some(run3.execution().await.run_id)
    );
}
