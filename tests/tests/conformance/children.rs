//! Part F: child workflows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use steadfast::{
    core::event::ExecutionStatus::{Cancelled, Completed, Failed, Running, Terminated},
    prelude::*,
    workflow::ChildWorkflowOptionsBuilder,
};
use steadfast_engine::conformance::notation;

use crate::harness::{
    CHILDREN, Ctx, Flow, HOUR, REAL_TIME, SECOND, Script, World, cases, child, continue_as_new,
    define, is_first_run, told_to_proceed,
};

use ChildWorkflowCancellationType::{Abandon, TryCancel, WaitCancellationRequested};

cases! {
    107: wait_for_the_end_of_a_child,
    109: wait_for_the_request_to_a_child,
    110: try_cancel_and_close,
    112: abandon_a_child,
    113: a_child_started_and_cancelled_in_one_task,
    115: the_start_of_a_child_and_the_request_in_one_task,
    116: a_child_ignores_the_request,
    118: a_child_is_cancelled_by_somebody_else,
    119: a_child_is_terminated_by_somebody_else,
    121: a_parent_cancels_its_child_only,
    124: a_child_that_continued_as_new,
    125: a_child_is_reset,
}

pub(crate) async fn sleeps(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.sleep(HOUR).await?;
    Ok("slept".to_owned())
}

/// Needs a while to clean up.
async fn sleeps_and_cleans_up(ctx: &mut Ctx) -> WorkflowResult<String> {
    let slept = ctx.sleep(HOUR).await;
    ctx.disconnected(async |ctx| ctx.sleep(SECOND).await)
        .await?;
    slept?;
    Ok("slept".to_owned())
}

/// What a child ended with, as its parent sees it.
pub(crate) fn saw(result: Result<String, ChildWorkflowError>) -> String {
    result.unwrap_or_else(|error| notation::short(error.failure()).replace('"', "'"))
}

/// A parent that ends as its child does, with both at rest.
pub(crate) async fn parent_of(
    world: &World,
    code: String,
    options: impl Fn(ChildWorkflowOptionsBuilder) -> ChildWorkflowOptionsBuilder + Send + Sync + 'static,
) -> (Flow, Flow) {
    world.work(CHILDREN);
    let parent = world
        .start("parent", async move |ctx| {
            Ok(ctx
                .start_child_workflow(Script::run, code.clone(), options(child("child")))
                .await?)
        })
        .await;
    parent.reaches("ChildStarted", 1).await;
    world.settle().await;
    (parent, world.find("child").await)
}

/// Cancels the parent while the child's worker rests, so that the child's end is in a task of its own.
async fn cancel_parent(world: &World, parent: &Flow) {
    world.rest(CHILDREN).await;
    parent.cancel("stop parent").await;
    parent.reaches("ExtCancelRequested", 1).await;
    world.settle().await;
    world.work(CHILDREN);
}

/// The request that a child gets carries its parent's reason (D7), which the service's own does not.
async fn wait_for_the_end_of_a_child(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps_and_cleans_up), |options| options).await;
    cancel_parent(world, &parent).await;
    child.reaches("TimerStarted", 2).await;
    world.advance(SECOND).await;
    parent
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · \
             19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled",
        )
        .await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop parent, identity=history-service, \
             externalInitiatedEventId=14, externalWorkflowExecution=parent) · 7-9 WT · 10 TimerCanceled(1) · \
             11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled",
        )
        .await;
}

const CHILD_CANCELED: &str = "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop parent, \
    identity=history-service, externalInitiatedEventId=14, externalWorkflowExecution=parent) · 7-9 WT · \
    10 TimerCanceled(1) · 11 Canceled";

/// Ours does as documented; official SDKs wait for the child's end (108, 109).
async fn wait_for_the_request_to_a_child(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps), |options| {
        options
            .cancellation_type(WaitCancellationRequested)
            .parent_close_policy(ParentClosePolicy::Abandon)
    })
    .await;
    cancel_parent(world, &parent).await;
    parent
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 Canceled",
        )
        .await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            CHILD_CANCELED,
        )
        .await;
}

/// F6: ours closes when the request was acknowledged, so that the child hears of it. The service drops the request of
/// the recorded parent, which closes in the same task.
async fn try_cancel_and_close(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps), |options| {
        options
            .cancellation_type(TryCancel)
            .parent_close_policy(ParentClosePolicy::Abandon)
    })
    .await;
    cancel_parent(world, &parent).await;
    parent
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 Canceled",
        )
        .await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            CHILD_CANCELED,
        )
        .await;
}

async fn abandon_a_child(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps), |options| {
        options
            .cancellation_type(Abandon)
            .parent_close_policy(ParentClosePolicy::Abandon)
    })
    .await;
    parent.cancel("stop parent").await;
    parent
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · 14 Canceled",
        )
        .await;
    world.idle().await;
    child
        .is(Running, "1 Started · 2-4 WT · 5 TimerStarted(1)")
        .await;
}

async fn a_child_started_and_cancelled_in_one_task(world: &World) {
    let parent = world
        .start("parent", async |ctx| {
            let child = ctx.start_child_workflow(Script::run, define(sleeps), child("child"));
            child.cancel();
            Ok(saw(child.await))
        })
        .await;
    let seen = "childWorkflowExecution,NON_RETRYABLE_FAILURE 'child workflow cancelled' <- canceled 'cancelled before it started'";
    parent
        .ends(
            Completed,
            seen,
            &format!("1 Started · 2-4 WT · 5 Completed(\"{seen}\")"),
        )
        .await;
}

/// Ours waits for the child as its type says. The recorded parent closes at once, and the policy terminates the child.
/// A failing task stands for the recorded one whose worker died.
async fn the_start_of_a_child_and_the_request_in_one_task(world: &World) {
    world.work(CHILDREN);
    let code = define(sleeps);
    let repaired = Arc::new(AtomicBool::new(false));
    let fixed = Arc::clone(&repaired);
    let parent = world
        .start("parent", async move |ctx| {
            let child = ctx.start_child_workflow(Script::run, code.clone(), child("child"));
            child.started().await;
            assert!(fixed.load(Ordering::SeqCst), "not yet");
            Ok(child.await?)
        })
        .await;
    parent.reaches("WTFailed", 1).await;
    world.idle().await;
    repaired.store(true, Ordering::SeqCst);
    let child = world.find("child").await;
    parent.cancel("stop parent").await;
    world.rest(CHILDREN).await;
    world.pass(SECOND).await;
    parent.reaches("ExtCancelRequested", 1).await;
    world.settle().await;
    world.work(CHILDREN);
    let failed = "WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \"workflow code panicked: not yet\")";
    let before = format!(
        "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7 WTScheduled · 8 WTStarted · \
         9 {failed}"
    );
    // A failure on a sticky queue does not count as an attempt on a service, and so the next is recorded too.
    let expected = if REAL_TIME {
        format!(
            "{before} · 10 WTScheduled · 11 WTStarted · 12 {failed} · 13 CancelRequested(cause=stop parent, \
             identity=client) · 14-16 WT · 17 ExtCancelInitiated(childWorkflowOnly) · 18 ExtCancelRequested(init=17) · \
             19-21 WT · 22 ChildCanceled(init=5) · 23-25 WT · 26 Canceled"
        )
    } else {
        format!(
            "{before} · 10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · \
             19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled"
        )
    };
    let child_canceled = if REAL_TIME {
        CHILD_CANCELED.replace("EventId=14", "EventId=17")
    } else {
        CHILD_CANCELED.to_owned()
    };
    let seen = "the workflow was cancelled: stop parent";
    parent.ends(Cancelled, seen, &expected).await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            &child_canceled,
        )
        .await;
}

async fn a_child_ignores_the_request(world: &World) {
    let code = define(async |ctx| {
        drop(ctx.sleep(HOUR).await);
        told_to_proceed(ctx, 1).await?;
        Ok("child-ignored-cancel".to_owned())
    });
    let (parent, child) = parent_of(world, code, |options| options).await;
    cancel_parent(world, &parent).await;
    child.reaches("TimerCanceled", 1).await;
    child.proceed().await;
    parent
        .ends(
            Completed,
            "child-ignored-cancel",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · \
             19 ChildCompleted(init=5) · 20-22 WT · 23 Completed(\"child-ignored-cancel\")",
        )
        .await;
    child
        .ends(
            Completed,
            "child-ignored-cancel",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop parent, identity=history-service, \
             externalInitiatedEventId=14, externalWorkflowExecution=parent) · 7-9 WT · 10 TimerCanceled(1) · \
             11 Signaled(proceed) · 12-14 WT · 15 Completed(\"child-ignored-cancel\")",
        )
        .await;
}

async fn a_child_is_cancelled_by_somebody_else(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps), |options| options).await;
    child.cancel("outsider").await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: outsider",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=outsider, identity=client) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Canceled",
        )
        .await;
    parent
        .ends(
            Failed,
            "the workflow failed: child workflow cancelled: cancelled",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 ChildCanceled(init=5) · 11-13 WT · 14 Failed(childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow cancelled\" <- \
             canceled \"cancelled\", RETRY_POLICY_NOT_SET)",
        )
        .await;
}

async fn a_child_is_terminated_by_somebody_else(world: &World) {
    let (parent, child) = parent_of(world, define(sleeps), |options| options).await;
    child.terminate("outsider").await;
    child
        .ends(
            Terminated,
            "the workflow was terminated: outsider",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=outsider, identity=client)",
        )
        .await;
    parent
        .ends(
            Failed,
            "the workflow failed: child workflow terminated: terminated",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 ChildTerminated(init=5) · 11-13 WT · 14 Failed(childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow terminated\" <- \
             terminated \"terminated\", RETRY_POLICY_NOT_SET)",
        )
        .await;
}

async fn a_parent_cancels_its_child_only(world: &World) {
    world.work(CHILDREN);
    let code = define(sleeps);
    let parent = world
        .start("parent", async move |ctx| {
            let child = ctx.start_child_workflow(Script::run, code.clone(), child("child"));
            told_to_proceed(ctx, 1).await?;
            child.cancel_with_reason("told to");
            Ok(saw(child.await))
        })
        .await;
    parent.reaches("ChildStarted", 1).await;
    world.settle().await;
    let child = world.find("child").await;
    world.rest(CHILDREN).await;
    parent.proceed().await;
    parent.reaches("ExtCancelRequested", 1).await;
    world.settle().await;
    world.work(CHILDREN);
    let seen = "childWorkflowExecution,NON_RETRYABLE_FAILURE 'child workflow cancelled' <- canceled 'cancelled'";
    parent
        .ends(
            Completed,
            seen,
            &format!(
                "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
                 10 Signaled(proceed) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · \
                 15 ExtCancelRequested(init=14) · 16-18 WT · 19 ChildCanceled(init=5) · 20-22 WT · \
                 23 Completed(\"{seen}\")"
            ),
        )
        .await;
    child
        .ends(
            Cancelled,
            "the workflow was cancelled: told to",
            &CHILD_CANCELED.replace("stop parent", "told to"),
        )
        .await;
}

/// Ours reaches the current run. The official SDKs send the first run's id, and the parent hangs.
async fn a_child_that_continued_as_new(world: &World) {
    let code = define(async |ctx| {
        if is_first_run(ctx) {
            return continue_as_new(ctx);
        }
        sleeps(ctx).await
    });
    let (parent, first) = parent_of(world, code, |options| options).await;
    let second = world.find("child").await;
    second.reaches("TimerStarted", 1).await;
    world.settle().await;
    drop(first);
    cancel_parent(world, &parent).await;
    parent
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=client) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · \
             19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled",
        )
        .await;
    world
        .find("child")
        .await
        .ends(
            Cancelled,
            "the workflow was cancelled: stop parent",
            CHILD_CANCELED,
        )
        .await;
}

async fn a_child_is_reset(world: &World) {
    let waits = define(async |ctx| {
        if ctx.state(|state| state.proceeds) == 0 {
            ctx.wait_condition_timeout(HOUR, |state| state.proceeds > 0)
                .await?;
        }
        Ok("child done".to_owned())
    });
    let (parent, base) = parent_of(world, waits, |options| options).await;
    let new = base.reset(4, "reset child").await;
    new.reaches("TimerStarted", 1).await;
    new.settle().await;
    new.proceed().await;
    parent
        .ends(
            Completed,
            "child done",
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 ChildCompleted(init=5) · 11-13 WT · 14 Completed(\"child done\")",
        )
        .await;
    base.is(
        Terminated,
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=reset child, identity=history-resetter)",
    )
    .await;
    new.is(
        Completed,
        "1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow \"reset child\", \
         identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 TimerStarted(1) · 9 Signaled(proceed) · \
         10-12 WT · 13 TimerCanceled(1) · 14 Completed(\"child done\")",
    )
    .await;
}
