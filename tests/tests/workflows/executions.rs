//! Children and other executions: O1, O5, O7, F6, F7 with parent-close policies.

use steadfast::{core::event::ExecutionStatus, prelude::*};
use steadfast_engine::conformance::notation::short;
use steadfast_tests::harness::saw_failure;
use tokio::test;

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, SECOND, Script, Stage, World, define, options, own_body, scenario,
    scenario_without_worker,
};

use ChildWorkflowCancellationType::{
    Abandon, TryCancel, WaitCancellationCompleted, WaitCancellationRequested,
};

const CHILD_CANCELLED: &str = "childWorkflowExecution,NON_RETRYABLE_FAILURE 'child workflow cancelled' <- canceled 'cancelled' \
                               cancelled=true";

fn child_options(id: &str) -> steadfast::workflow::ChildWorkflowOptionsBuilder {
    ChildWorkflowOptions::with_workflow_id(WorkflowId::new(id).unwrap())
}

/// Sleeps for an hour, and needs a while to clean up.
fn sleeper() -> String {
    define(async |ctx| {
        let slept = ctx.sleep(HOUR).await;
        if slept.is_err() {
            ctx.disconnected(async |ctx| ctx.sleep(SECOND).await)
                .await?;
        }
        slept?;
        Ok("slept".to_owned())
    })
}

/// A parent that says how its child ended, and then waits for a word.
async fn parent(
    world: &World,
    child: String,
    options: impl Fn() -> ChildWorkflowOptions + Send + Sync + 'static,
) -> Flow {
    world
        .start(async move |ctx| {
            let ended = match ctx
                .start_child_workflow(Script::run, child.clone(), options())
                .await
            {
                Ok(value) => value,
                Err(error) => saw_failure(error.failure(), error.is_cancelled()),
            };
            ctx.disconnected(async |ctx| ctx.wait_condition(|state| !state.heard.is_empty()).await)
                .await?;
            Ok(ended)
        })
        .await
}

#[test]
async fn a_child_gives_its_result_to_its_parent() {
    scenario(async |world| {
        let child = define(async |ctx| {
            let parent = ctx.view().parent().unwrap().workflow_id.clone();
            Ok(format!("child of {parent}"))
        });
        let flow = parent(world, child, || child_options("child").build()).await;
        flow.reaches("ChildCompleted", 1).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, "child of w1");
        world
            .find("child")
            .has("1 Started · 2-4 WT · 5 Completed(\"child of w1\")")
            .await;
    })
    .await;
}

#[test]
async fn a_child_is_waited_for_and_signalled_while_it_runs() {
    scenario(async |world| {
        let child = define(async |ctx| {
            ctx.wait_condition(|state| state.heard.len() == 2).await?;
            Ok(ctx.state(|state| state.heard.join(" ")))
        });
        let flow = world
            .start(async move |ctx| {
                let child =
                    ctx.start_child_workflow(Script::run, child.clone(), child_options("child"));
                let run = child.started().await;
                assert!(run.is_some());
                child.signal(Script::say, "hello".to_owned()).await?;
                let external = ctx.external_workflow(child.workflow_id().unwrap().clone());
                external.signal(Script::say, "world".to_owned()).await?;
                Ok(child.await?)
            })
            .await;
        assert_eq!(flow.result().await, "hello world");
    })
    .await;
}

// O1, scenario 107
#[test]
async fn by_default_a_parent_waits_until_its_cancelled_child_has_ended() {
    scenario(async |world| {
        let child = sleeper();
        let flow = world
            .start(async move |ctx| {
                Ok(ctx.start_child_workflow(Script::run, child.clone(), child_options("child")).await?)
            })
            .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("stop parent").await;
        world.find("child").reaches("TimerCanceled", 1).await;
        world.advance(SECOND).await;
        assert_eq!(flow.cancelled().await, "stop parent");
        flow.has(
            "1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop parent, identity=tester) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · \
             19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled",
        )
        .await;
        world
            .find("child")
            .has(
                "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop parent, \
                 identity=history-service, externalInitiatedEventId=14, externalWorkflowExecution=w1) · 7-9 WT · \
                 10 TimerCanceled(1) · 11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled",
            )
            .await;
    })
    .await;
}

// O1, scenarios 108 and 109: what official SDKs do not.
#[test]
async fn waiting_for_the_request_resolves_when_the_child_has_it() {
    scenario(async |world| {
        let flow = parent(world, sleeper(), || {
            child_options("child")
                .cancellation_type(WaitCancellationRequested)
                .build()
        })
        .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("stop").await;
        flow.reaches("ExtCancelRequested", 1).await;
        flow.settle().await;
        flow.say("go").await;
        // The child is still cleaning up.
        assert_eq!(flow.result().await, CHILD_CANCELLED);
        let history = flow.text().await;
        assert!(!history.contains("ChildCanceled"), "{history}");
    })
    .await;
}

// O1, F6, scenario 110: the request is not lost although the parent ends at once.
#[test]
async fn a_request_to_a_child_is_not_lost_by_the_parents_end() {
    scenario(async |world| {
        let child = sleeper();
        let flow = world
            .start(async move |ctx| {
                let options = child_options("child")
                    .cancellation_type(TryCancel)
                    .parent_close_policy(ParentClosePolicy::Abandon);
                Ok(ctx.start_child_workflow(Script::run, child.clone(), options).await?)
            })
            .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop, identity=tester) · 11-13 WT · \
             14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 Canceled",
        )
        .await;
        let child = world.find("child");
        child.reaches("TimerCanceled", 1).await;
        world.advance(SECOND).await;
        assert_eq!(child.cancelled().await, "stop");
    })
    .await;
}

// O1, scenario 112
#[test]
async fn an_abandoned_child_runs_on() {
    scenario(async |world| {
        let child = sleeper();
        let flow = world
            .start(async move |ctx| {
                let options = child_options("child")
                    .cancellation_type(Abandon)
                    .parent_close_policy(ParentClosePolicy::Abandon);
                Ok(ctx
                    .start_child_workflow(Script::run, child.clone(), options)
                    .await?)
            })
            .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · \
             10 CancelRequested(cause=stop, identity=tester) · 11-13 WT · 14 Canceled",
        )
        .await;
        world.advance(HOUR).await;
        assert_eq!(world.find("child").result().await, "slept");
    })
    .await;
}

// O1, scenario 116
#[test]
async fn a_child_that_ignores_the_request_gives_its_result() {
    scenario(async |world| {
        let child = define(async |ctx| {
            let _ = ctx.sleep(HOUR).await;
            Ok("ignored".to_owned())
        });
        let flow = parent(world, child, || {
            child_options("child")
                .cancellation_type(WaitCancellationCompleted)
                .build()
        })
        .await;
        flow.reaches("ChildStarted", 1).await;
        world.settle().await;
        flow.cancel("stop").await;
        flow.reaches("ChildCompleted", 1).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, "ignored");
    })
    .await;
}

// Scenarios 123 and 124: the request reaches the current run of a child that continued.
#[test]
async fn a_child_that_continued_as_new_is_cancelled_too() {
    scenario(async |world| {
        let child = define(async |ctx| {
            if ctx.view().continued_run_id().is_none() {
                return ctx.continue_as_new(own_body(ctx), ContinueAsNewOptions::default());
            }
            ctx.sleep(HOUR).await?;
            Ok(String::new())
        });
        let flow = parent(world, child, || child_options("child").build()).await;
        flow.reaches("ChildStarted", 1).await;
        let run = world.find("child");
        loop {
            let history = run.text().await;
            if history == "1 Started · 2-4 WT · 5 TimerStarted(1)" {
                break;
            }
            world.settle().await;
        }
        flow.cancel("stop").await;
        flow.reaches("ChildCanceled", 1).await;
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, CHILD_CANCELLED);
    })
    .await;
}

// F3, scenario 118
#[test]
async fn a_child_that_others_cancel_or_terminate_fails_its_parent() {
    scenario(async |world| {
        let child = sleeper();
        for (number, how) in ["cancel", "terminate"].into_iter().enumerate() {
            let child = child.clone();
            let id = format!("child {number}");
            let own = id.clone();
            let flow = world
                .start(async move |ctx| {
                    Ok(ctx
                        .start_child_workflow(Script::run, child.clone(), child_options(&own))
                        .await?)
                })
                .await;
            flow.reaches("ChildStarted", 1).await;
            world.settle().await;
            let target = world.find(&id);
            if how == "cancel" {
                target.cancel("outsider").await;
                target.reaches("TimerCanceled", 1).await;
                world.advance(SECOND).await;
            } else {
                target
                    .handle
                    .terminate(WorkflowTerminateOptions::default())
                    .await
                    .unwrap();
            }
            let expected = if how == "cancel" {
                "childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow cancelled\" <- canceled \
                 \"cancelled\""
            } else {
                "childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow terminated\" <- terminated \
                 \"terminated\""
            };
            assert_eq!(short(&*flow.failure().await), expected);
        }
    })
    .await;
}

// F4
#[test]
async fn a_failing_child_hands_its_failure_to_its_parent() {
    scenario(async |world| {
        let child = define(async |_| Err(ApplicationFailure::new("no", "Broken").into()));
        let flow = world
            .start(async move |ctx| {
                Ok(ctx
                    .start_child_workflow(Script::run, child.clone(), child_options("child"))
                    .await?)
            })
            .await;
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,RETRY_POLICY_NOT_SET \"child workflow failed\" <- application,Broken \"no\""
        );
    })
    .await;
}

#[test]
async fn a_child_whose_id_is_taken_does_not_start() {
    scenario(async |world| {
        let child = sleeper();
        let taken = world
            .start_with(
                &child,
                WorkflowStartOptions::new(crate::harness::QUEUE, "taken"),
            )
            .await;
        taken.settle().await;
        let flow = world
            .start(async move |ctx| {
                let child =
                    ctx.start_child_workflow(Script::run, child.clone(), child_options("taken"));
                assert!(child.started().await.is_none());
                Ok(child.await?)
            })
            .await;
        let failure = flow.failure().await;
        assert!(failure.to_string().contains("child"), "{failure}");
        flow.reaches("ChildStartFailed", 1).await;
    })
    .await;
}

// F7, scenarios 127 and 128
#[test]
async fn children_of_a_closed_parent_are_treated_by_their_policy() {
    scenario(async |world| {
        let child = define(async |ctx| {
            ctx.sleep(HOUR).await?;
            Ok(String::new())
        });
        let flow = world
            .start(async move |ctx| {
                let policies = [
                    ("terminate", ParentClosePolicy::Terminate),
                    ("cancel", ParentClosePolicy::RequestCancel),
                    ("abandon", ParentClosePolicy::Abandon),
                ];
                for (id, policy) in policies {
                    let options = child_options(id).parent_close_policy(policy);
                    ctx.start_child_workflow(Script::run, child.clone(), options)
                        .detach();
                }
                // F6: nothing that was started is lost although the parent ends at once.
                Ok("parent done".to_owned())
            })
            .await;
        assert_eq!(flow.result().await, "parent done");
        world.find("terminate").reaches("Terminated", 1).await;
        world.find("cancel").reaches("Canceled", 1).await;
        world.settle().await;
        world.clock.advance(HOUR);
        assert_eq!(world.find("abandon").result().await, "");
        assert_eq!(
            world.find("terminate").status().await,
            ExecutionStatus::Terminated
        );
        let history = world.find("terminate").text().await;
        assert!(
            history
                .ends_with("Terminated(reason=by parent close policy, identity=history-service)"),
            "{history}"
        );
    })
    .await;
}

// Scenario 137
#[test]
async fn another_execution_is_cancelled_with_a_reason() {
    scenario(async |world| {
        let target = world
            .start(async |ctx| {
                ctx.sleep(HOUR).await?;
                Ok(String::new())
            })
            .await;
        target.settle().await;
        let canceller = world
            .start(async |ctx| {
                ctx.external_workflow(WorkflowId::new("w1").unwrap())
                    .cancel("told to")
                    .await?;
                Ok("ok".to_owned())
            })
            .await;
        assert_eq!(canceller.result().await, "ok");
        assert!(target.cancelled().await.contains("told to"));
        canceller
            .has(
                "1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=told to) · 6 ExtCancelRequested(init=5) · \
                 7-9 WT · 10 Completed(\"ok\")",
            )
            .await;
    })
    .await;
}

// Scenarios 139 and 140, and what is unknown
#[test]
async fn what_cannot_be_delivered_is_an_error_and_a_closed_target_is_none() {
    scenario(async |world| {
        let closed = world.start(async |_| Ok("closed".to_owned())).await;
        closed.result().await;
        let flow = world
            .start(async |ctx| {
                let external = |id: &str| ctx.external_workflow(WorkflowId::new(id).unwrap());
                external("w1").cancel("late").await?;
                let itself = external("w2").cancel("me").await.is_err();
                let unknown = external("unknown").cancel("who").await.is_err();
                let signal = external("w1")
                    .signal(Script::say, "late".to_owned())
                    .await
                    .is_err();
                Ok(format!("{itself} {unknown} {signal}"))
            })
            .await;
        assert_eq!(flow.result().await, "true true true");
    })
    .await;
}

// O7, scenario 141
#[test]
async fn a_signal_that_is_taken_back_in_its_task_is_never_sent() {
    scenario(async |world| {
        let target = world
            .start(async |ctx| {
                ctx.sleep(HOUR).await?;
                Ok(ctx.state(|state| state.heard.len().to_string()))
            })
            .await;
        target.settle().await;
        let flow = world
            .start(async |ctx| {
                let external = ctx.external_workflow(WorkflowId::new("w1").unwrap());
                let scope = ctx.new_scope();
                let signal = ctx.in_scope(&scope, async |_| {
                    external.signal(Script::say, "never".to_owned()).await
                });
                let (sent, ()) =
                    steadfast::workflow::join(signal, async { scope.cancel("no") }).await;
                drop(external.cancel("never"));
                Ok(sent.unwrap_err().is_cancelled().to_string())
            })
            .await;
        assert_eq!(flow.result().await, "true");
        flow.has("1 Started · 2-4 WT · 5 Completed(\"true\")").await;
        world.advance(HOUR).await;
        assert_eq!(target.result().await, "0");
    })
    .await;
}

// F6, scenario 142
#[test]
async fn what_a_workflow_asked_of_others_is_not_lost_by_its_end() {
    scenario(async |world| {
        let target = world
            .start(async |ctx| {
                let reason = ctx.cancelled().await;
                Ok(format!(
                    "{reason}: {}",
                    ctx.state(|state| state.heard.join(","))
                ))
            })
            .await;
        target.settle().await;
        let sender = world
            .start(async |ctx| {
                let external = ctx.external_workflow(WorkflowId::new("w1").unwrap());
                external.signal(Script::say, "bye".to_owned()).detach();
                external.cancel("leaving").detach();
                Ok("gone".to_owned())
            })
            .await;
        assert_eq!(sender.result().await, "gone");
        let result = target.result().await;
        assert!(
            result.ends_with(": bye") && result.contains("leaving"),
            "{result}"
        );
    })
    .await;
}

// S2, F6: a child that is started for cleanup.
#[test]
async fn a_child_in_a_disconnected_scope_runs_although_its_parent_is_cancelled() {
    scenario_without_worker(async |world| {
        world.work();
        let child = define(async |ctx| {
            Ok(ctx
                .start_activity(Stage::quick, "undone".to_owned(), options())
                .await?)
        });
        let flow = world
            .start(async move |ctx| {
                let slept = ctx.sleep(MINUTE).await;
                cleanup(ctx, child.clone()).await?;
                slept?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said(), ["undone"]);
    })
    .await;
}

async fn cleanup(ctx: &Ctx, child: String) -> WorkflowResult<()> {
    let done = ctx.disconnected(async |ctx| {
        ctx.start_child_workflow(Script::run, child, child_options("cleanup"))
            .await
    });
    done.await?;
    Ok(())
}
