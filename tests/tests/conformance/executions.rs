//! Parts G and H: parent-close policies, other executions.

use steadfast::{
    core::event::ExecutionStatus::{
        self, Cancelled, Completed, ContinuedAsNew, Failed, Running, Terminated, TimedOut,
    },
    prelude::*,
};

use crate::{
    children::{parent_of, saw, sleeps},
    harness::{
        CHILDREN, Flow, NOBODY, REAL_TIME, SECOND, Script, WORKFLOWS, World, cases, child,
        continue_as_new, define, is_first_run, start_options, told_to_proceed, workflow_id,
    },
};

use ChildWorkflowCancellationType::Abandon;

cases! {
    127: the_policy_terminates,
    128: the_policy_requests_cancellation,
    131: the_policy_and_continue_as_new,
    133: the_policy_and_a_child_without_a_task,
    134: the_policy_through_generations,
    136: the_run_timeout,
    137: another_execution_is_cancelled,
    139: a_closed_execution_is_cancelled,
    140: an_execution_cancels_itself,
    142: requests_to_others_and_the_end_in_one_task,
}

/// A parent that starts a child, waits for a word, and ends in this way.
async fn ending_parent(
    world: &World,
    end: &'static str,
    policy: ParentClosePolicy,
) -> (Flow, Flow) {
    let code = define(sleeps);
    let (parent_id, child_id) = (format!("{end} parent"), format!("{end} child"));
    let parent = world
        .start(&parent_id, async move |ctx| {
            if !is_first_run(ctx) {
                return Ok("second".to_owned());
            }
            let options = child(&format!("{end} child"))
                .parent_close_policy(policy)
                .cancellation_type(Abandon);
            let running = ctx.start_child_workflow(Script::run, code.clone(), options);
            running.started().await;
            ctx.wait_condition(|state| state.proceeds > 0).await?;
            match end {
                "complete" => Ok("completed".to_owned()),
                "fail" => Err(ApplicationFailure::new("parent failed", "P").into()),
                "can" => continue_as_new(ctx),
                _ => unreachable!("ended from outside"),
            }
        })
        .await;
    parent.reaches("ChildStarted", 1).await;
    world.settle().await;
    let child = world.find(&child_id).await;
    match end {
        "terminate" => parent.terminate("parent down").await,
        "cancel" => parent.cancel("").await,
        _ => parent.proceed().await,
    }
    (parent, child)
}

/// How the parent of each ending looks from its tenth event on.
const ENDINGS: [(&str, ExecutionStatus, &str); 5] = [
    (
        "terminate",
        Terminated,
        "10 Terminated(reason=parent down, identity=client)",
    ),
    (
        "complete",
        Completed,
        "10 Signaled(proceed) · 11-13 WT · 14 Completed(\"completed\")",
    ),
    (
        "cancel",
        Cancelled,
        "10 CancelRequested(identity=client) · 11-13 WT · 14 Canceled",
    ),
    (
        "fail",
        Failed,
        "10 Signaled(proceed) · 11-13 WT · 14 Failed(application,P \"parent failed\", RETRY_POLICY_NOT_SET)",
    ),
    (
        "can",
        ContinuedAsNew,
        "10 Signaled(proceed) · 11-13 WT · 14 ContinuedAsNew",
    ),
];

async fn the_policy_terminates(world: &World) {
    world.work(CHILDREN);
    for (end, status, events) in ENDINGS {
        let (parent, child) = ending_parent(world, end, ParentClosePolicy::Terminate).await;
        child.reaches("Terminated", 1).await;
        child
            .is(
                Terminated,
                "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=by parent close policy, \
                 identity=history-service)",
            )
            .await;
        let started =
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT";
        parent.is(status, &format!("{started} · {events}")).await;
    }
}

async fn the_policy_requests_cancellation(world: &World) {
    world.work(CHILDREN);
    for (end, status, events) in ENDINGS {
        let (parent, child) = ending_parent(world, end, ParentClosePolicy::RequestCancel).await;
        child.reaches("Canceled", 1).await;
        child
            .is(
                Cancelled,
                &child_of_a_closed_parent(&format!("{end} parent")),
            )
            .await;
        let started = "1 Started · 2-4 WT · 5 ChildInitiated(REQUEST_CANCEL) · 6 ChildStarted(init=5) · 7-9 WT";
        parent.is(status, &format!("{started} · {events}")).await;
    }
}

fn child_of_a_closed_parent(parent: &str) -> String {
    format!(
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=history-service, \
         externalWorkflowExecution={parent}) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled"
    )
}

async fn the_policy_and_continue_as_new(world: &World) {
    world.work(CHILDREN);
    for (name, policy) in [
        ("terminate", ParentClosePolicy::Terminate),
        ("request_cancel", ParentClosePolicy::RequestCancel),
        ("abandon", ParentClosePolicy::Abandon),
    ] {
        let code = define(sleeps);
        let parent = world
            .start(name, async move |ctx| {
                let first = is_first_run(ctx);
                if !first {
                    told_to_proceed(ctx, 1).await?;
                }
                let options = child(&format!("{name} child")).parent_close_policy(policy);
                let running = ctx.start_child_workflow(Script::run, code.clone(), options);
                if running.started().await.is_none() {
                    return Ok(saw(running.await));
                }
                if first {
                    told_to_proceed(ctx, 1).await?;
                }
                running.detach();
                if first {
                    continue_as_new(ctx)
                } else {
                    Ok("started".to_owned())
                }
            })
            .await;
        parent.reaches("ChildStarted", 1).await;
        world.settle().await;
        let old = world.find(&format!("{name} child")).await;
        parent.proceed().await;
        let second = parent.next_run().await;
        let policy_name = name.to_uppercase();
        match name {
            "terminate" => {
                old.reaches("Terminated", 1).await;
                old.is(
                    Terminated,
                    "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=by parent close policy, \
                     identity=history-service)",
                )
                .await;
            }
            "request_cancel" => {
                old.reaches("Canceled", 1).await;
                old.is(Cancelled, &child_of_a_closed_parent(name)).await;
            }
            _ => {
                world.idle().await;
                old.is(Running, "1 Started · 2-4 WT · 5 TimerStarted(1)")
                    .await;
            }
        }
        parent
            .is(
                ContinuedAsNew,
                &format!(
                    "1 Started · 2-4 WT · 5 ChildInitiated({policy_name}) · 6 ChildStarted(init=5) · 7-9 WT · \
                     10 Signaled(proceed) · 11-13 WT · 14 ContinuedAsNew"
                ),
            )
            .await;
        second.proceed().await;
        let (start, seen) = match name {
            "abandon" => (
                "ChildStartFailed(WORKFLOW_ALREADY_EXISTS)",
                "childWorkflowExecution,NON_RETRYABLE_FAILURE 'child workflow did not start' <- application,WorkflowAlreadyExists 'workflow id \
                 `abandon child` is in use'",
            ),
            _ => ("ChildStarted(init=9)", "started"),
        };
        second
            .ends(
                Completed,
                seen,
                &format!(
                    "1 Started · 2-4 WT · 5 Signaled(proceed) · 6-8 WT · 9 ChildInitiated({policy_name}) · 10 {start} · \
                     11-13 WT · 14 Completed(\"{seen}\")"
                ),
            )
            .await;
    }
}

async fn the_policy_and_a_child_without_a_task(world: &World) {
    let parent = world
        .start("parent", async |ctx| {
            let options = child("child").parent_close_policy(ParentClosePolicy::RequestCancel);
            Ok(ctx
                .start_child_workflow(Script::run, define(sleeps), options)
                .await?)
        })
        .await;
    parent.reaches("ChildStarted", 1).await;
    parent.settle().await;
    let child = world.find("child").await;
    parent.terminate("x").await;
    child.reaches("CancelRequested", 1).await;
    parent
        .is(
            Terminated,
            "1 Started · 2-4 WT · 5 ChildInitiated(REQUEST_CANCEL) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 Terminated(reason=x, identity=client)",
        )
        .await;
    child
        .is(
            Running,
            "1 Started · 2 WTScheduled · 3 CancelRequested(identity=history-service, externalWorkflowExecution=parent)",
        )
        .await;
}

async fn the_policy_through_generations(world: &World) {
    world.work(CHILDREN);
    let grandchild_code = define(sleeps);
    let child_code = define(async move |ctx| {
        let options = child("grandchild")
            .parent_close_policy(ParentClosePolicy::RequestCancel)
            .task_queue(TaskQueue::new(NOBODY).unwrap());
        Ok(ctx
            .start_child_workflow(Script::run, grandchild_code.clone(), options)
            .await?)
    });
    let (root, child) = parent_of(world, child_code, |options| options).await;
    child.reaches("ChildStarted", 1).await;
    world.settle().await;
    let grandchild = world.find("grandchild").await;
    root.terminate("root").await;
    grandchild.reaches("CancelRequested", 1).await;
    root.is(
        Terminated,
        "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
         10 Terminated(reason=root, identity=client)",
    )
    .await;
    child
        .is(
            Terminated,
            "1 Started · 2-4 WT · 5 ChildInitiated(REQUEST_CANCEL) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 Terminated(reason=by parent close policy, identity=history-service)",
        )
        .await;
    grandchild
        .is(
            Running,
            "1 Started · 2 WTScheduled · 3 CancelRequested(identity=history-service, externalWorkflowExecution=child)",
        )
        .await;
}

async fn the_run_timeout(world: &World) {
    let flow = world
        .start_with(&define(sleeps), start_options("w").run_timeout(2 * SECOND))
        .await;
    flow.settle().await;
    world.pass(2 * SECOND).await;
    flow.ends(
        TimedOut,
        "the workflow timed out",
        "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimedOut",
    )
    .await;
}

/// A workflow that asks for the cancellation of `target` and says how that went.
async fn canceller(world: &World, target: &'static str) -> Flow {
    world
        .start("canceller", async move |ctx| {
            let request = ctx
                .external_workflow(workflow_id(target))
                .cancel("told to")
                .await;
            Ok(request.map_or_else(|error| error.to_string(), |()| "ok".to_owned()))
        })
        .await
}

/// The reason travels as it was given (D7); the core of the official SDKs puts the canceller's run before it.
async fn another_execution_is_cancelled(world: &World) {
    let target = world.start("target", sleeps).await;
    target.settle().await;
    let canceller = canceller(world, "target").await;
    canceller
        .ends(
            Completed,
            "ok",
            "1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=told to) · 6 ExtCancelRequested(init=5) · 7-9 WT · \
             10 Completed(\"ok\")",
        )
        .await;
    target
        .ends(
            Cancelled,
            "the workflow was cancelled: told to",
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=told to, identity=history-service, \
             externalInitiatedEventId=5, externalWorkflowExecution=canceller) · 7-9 WT · 10 TimerCanceled(1) · \
             11 Canceled",
        )
        .await;
}

async fn a_closed_execution_is_cancelled(world: &World) {
    let target = world.start("target", async |_| Ok("done".to_owned())).await;
    target.reaches("Completed", 1).await;
    let canceller = canceller(world, "target").await;
    canceller
        .ends(
            Completed,
            "ok",
            "1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=told to) · 6 ExtCancelRequested(init=5) · 7-9 WT · \
             10 Completed(\"ok\")",
        )
        .await;
    target
        .ends(
            Completed,
            "done",
            "1 Started · 2-4 WT · 5 Completed(\"done\")",
        )
        .await;
}

async fn an_execution_cancels_itself(world: &World) {
    let canceller = canceller(world, "canceller").await;
    canceller
        .ends(
            Completed,
            "workflow execution `canceller` not found",
            "1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=told to) · \
             6 ExtCancelFailed(init=5, EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND) · 7-9 WT · \
             10 Completed(\"workflow execution `canceller` not found\")",
        )
        .await;
}

/// F6: ours closes when both were acknowledged, so that both are delivered. The service drops those of the recorded
/// sender, which closes in the same task.
async fn requests_to_others_and_the_end_in_one_task(world: &World) {
    let target = world
        .start("target", async |ctx| {
            ctx.cancelled().await;
            told_to_proceed(ctx, 1).await?;
            Ok("both".to_owned())
        })
        .await;
    target.settle().await;
    world.rest(WORKFLOWS).await;
    let sender = world
        .start_with(
            &define(async |ctx| {
                let target = ctx.external_workflow(workflow_id("target"));
                target.cancel("bye").detach();
                target.signal(Script::proceed, ()).detach();
                Ok("gone".to_owned())
            }),
            start_options("canceller"),
        )
        .await;
    world.work(WORKFLOWS);
    sender.reaches("Completed", 1).await;
    target.reaches("Completed", 1).await;
    // Two acknowledgements may come into one workflow task or into two.
    let (cancelled, signaled) = ("ExtCancelRequested(init=5)", "ExtSignaled(init=6)");
    let with = |first, second| {
        format!(
            "Started · ExtCancelInitiated(reason=bye) · ExtSignalInitiated · {first} · {second} · Completed(\"gone\")"
        )
    };
    // A service deals with both at the same time.
    let facts = sender.facts().await;
    let expected = if REAL_TIME && facts == with(signaled, cancelled) {
        facts.clone()
    } else {
        with(cancelled, signaled)
    };
    assert_eq!(facts, expected);
    let cancelled = "CancelRequested(cause=bye, identity=history-service, externalInitiatedEventId=5, \
                     externalWorkflowExecution=canceller)";
    let with = |first, second| format!("Started · {first} · {second} · Completed(\"both\")");
    let facts = target.facts().await;
    let expected = if REAL_TIME && facts == with("Signaled(proceed)", cancelled) {
        facts.clone()
    } else {
        with(cancelled, "Signaled(proceed)")
    };
    assert_eq!(facts, expected);
}
