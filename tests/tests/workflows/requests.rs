//! What a request to cancel or terminate does: R1 to R4, F7.

use steadfast::{core::event::ExecutionStatus, engine::EngineError, prelude::*};
use tokio::test;

use crate::harness::{
    HOUR, MINUTE, SECOND, Stage, options, own_body, scenario, scenario_without_worker,
};

// R1, F2, scenario 1
#[test]
async fn a_cancelled_sleep_that_escapes_ends_the_workflow_as_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.sleep(HOUR).await?;
                Ok("slept".to_owned())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Canceled",
        )
            .await;
        assert_eq!(flow.status().await, ExecutionStatus::Cancelled);
    })
    .await;
}

// R4, F1, scenario 2
#[test]
async fn a_workflow_that_ignores_the_request_completes() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let _ = ctx.sleep(HOUR).await;
                Ok("swallowed".to_owned())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "swallowed");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · 7-9 WT · \
             10 TimerCanceled(1) · 11 Completed(\"swallowed\")",
        )
        .await;
    })
    .await;
}

// R1, scenario 11
#[test]
async fn a_second_request_records_nothing_and_the_first_reason_stays() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let reason = ctx.cancelled().await;
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                Ok(reason.to_string())
            })
            .await;
        flow.settle().await;
        flow.cancel("first").await;
        flow.settle().await;
        flow.cancel("second").await;
        flow.say("go").await;
        assert_eq!(flow.result().await, "first");
        flow.has(
            "1 Started · 2-4 WT · 5 CancelRequested(cause=first, identity=tester) · 6-8 WT · 9 Signaled(say) · \
             10-12 WT · 13 Completed(\"first\")",
        )
            .await;
    })
    .await;
}

// R2, scenario 17 and 179
#[test]
async fn a_closed_execution_is_cancelled_without_effect_and_terminated_with_an_error() {
    scenario(async |world| {
        let flow = world.start(async |_| Ok("done".to_owned())).await;
        flow.result().await;
        flow.cancel("late").await;
        flow.has("1 Started · 2-4 WT · 5 Completed(\"done\")").await;

        let error = flow
            .handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "workflow execution already completed");
        assert!(error.is_not_found());

        let unknown = world.find("unknown").handle;
        let error = unknown
            .cancel(WorkflowCancelOptions::default())
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::Engine(EngineError::NotFound { .. })),
            "{error}"
        );
    })
    .await;
}

// R3, O2, scenarios 8 and 10
#[test]
async fn a_request_before_the_first_task_is_seen_at_the_first_await() {
    scenario_without_worker(async |world| {
        let sleeps = world
            .start(async |ctx| {
                ctx.sleep(HOUR).await?;
                Ok(String::new())
            })
            .await;
        let calls = world
            .start(async |ctx| {
                Ok(ctx.start_activity(Stage::quick, "a".to_owned(), options()).await?)
            })
            .await;
        for flow in [&sleeps, &calls] {
            flow.cancel("early").await;
        }
        world.work();
        for flow in [&sleeps, &calls] {
            assert_eq!(flow.cancelled().await, "early");
            flow.has(
                "1 Started · 2 WTScheduled · 3 CancelRequested(cause=early, identity=tester) · 4 WTStarted · \
                 5 WTCompleted · 6 Canceled",
            )
                .await;
        }
    })
    .await;
}

// R3, scenario 22
#[test]
async fn a_signal_before_the_first_task_is_heard_before_the_request() {
    scenario_without_worker(async |world| {
        let flow = world
            .start(async |ctx| {
                let heard = ctx.state(|state| state.heard.len());
                let cancelled = ctx.sleep(HOUR).await.is_err();
                Ok(format!("{heard} {cancelled}"))
            })
            .await;
        flow.say("proceed").await;
        flow.cancel("stop").await;
        world.work();
        assert_eq!(flow.result().await, "1 true");
        flow.has(
            "1 Started · 2 WTScheduled · 3 Signaled(say) · 4 CancelRequested(cause=stop, identity=tester) · \
             5 WTStarted · 6 WTCompleted · 7 Completed(\"1 true\")",
        )
        .await;
    })
    .await;
}

// Scenario 23
#[test]
async fn a_request_does_not_wait_for_the_start_delay() {
    scenario(async |world| {
        let body = crate::harness::define(async |ctx| {
            ctx.sleep(HOUR).await?;
            Ok(String::new())
        });
        let options =
            WorkflowStartOptions::new(crate::harness::QUEUE, "delayed").start_delay(MINUTE);
        let flow = world.start_with(&body, options).await;
        world.clock.advance(SECOND);
        flow.cancel("during delay").await;
        assert_eq!(flow.cancelled().await, "during delay");
        flow.has(
            "1 Started · 2 CancelRequested(cause=during delay, identity=tester) · 3-5 WT · 6 Canceled",
        )
            .await;
    })
    .await;
}

// Scenario 20
#[test]
async fn a_request_does_not_travel_to_the_run_that_continues() {
    scenario(async |world| {
        let body = crate::harness::define(async |ctx| {
            let first = ctx.view().continued_run_id().is_none();
            let slept = ctx.sleep(HOUR).await;
            if first {
                return ctx.continue_as_new(own_body(ctx), ContinueAsNewOptions::default());
            }
            slept?;
            Ok("second".to_owned())
        });
        let flow = world.start_named(&body).await;
        flow.settle().await;
        flow.cancel("before").await;
        let first = world.executions(None).await.remove(0).execution;
        let second = world.find("w1");
        loop {
            let now = second.execution().await;
            if now != first {
                break;
            }
            world.settle().await;
        }
        second.settle().await;
        second.has("1 Started · 2-4 WT · 5 TimerStarted(1)").await;
        second.cancel("again").await;
        assert_eq!(second.cancelled().await, "again");
    })
    .await;
}

// F7, scenarios 176 and 46
#[test]
async fn a_terminated_workflow_gets_no_chance_and_nothing_follows() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.on_cancel(async |ctx| {
                    let _ = ctx
                        .start_activity(Stage::quick, "cleanup".to_owned(), options())
                        .await;
                });
                ctx.sleep(HOUR).await?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        let options = WorkflowTerminateOptions::builder().reason("emergency");
        flow.handle.terminate(options).await.unwrap();
        world.clock.advance(2 * HOUR);
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=emergency, identity=tester)",
        )
            .await;
        assert_eq!(world.board.said(), [""; 0]);
        assert_eq!(flow.status().await, ExecutionStatus::Terminated);
        let error = flow.handle.result().await.unwrap_err();
        assert_eq!(error.to_string(), "the workflow was terminated: emergency");
    })
    .await;
}

// F7, A1, scenario 95
#[test]
async fn an_activity_of_a_terminated_workflow_hears_that_nobody_wants_it() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let options = crate::harness::cancelled_by(ActivityCancellationType::TryCancel);
                Ok(ctx
                    .start_activity(Stage::hold, "held".to_owned(), options)
                    .await?)
            })
            .await;
        world.board.heard("held started").await;
        flow.handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
        world
            .board
            .heard("held heard: no longer wanted: its workflow has closed")
            .await;
        flow.has(
            "1 Started · 2-4 WT · 5 ActScheduled(1, hold) · \
             6 Terminated(reason=terminated by user via frontend, identity=tester)",
        )
        .await;
    })
    .await;
}
