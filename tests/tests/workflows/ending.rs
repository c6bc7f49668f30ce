//! How a run ends: F1 to F6. Termination is in `requests.rs`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use steadfast::{
    client::WorkflowExecutionError,
    core::{event::ExecutionStatus, failure::FailureKind},
    prelude::*,
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{
    Flow, HOUR, MINUTE, QUEUE, SECOND, Stage, define, nobodys, options, redefine, scenario,
    scenario_without_worker,
};

// F2, F4
#[test]
async fn context_added_to_a_cancellation_leaves_it_one() {
    scenario(async |world| {
        let anyhow = world
            .start(async |ctx| {
                use anyhow::Context as _;
                ctx.sleep(HOUR)
                    .await
                    .context("while sleeping")
                    .context("in the workflow")?;
                Ok(String::new())
            })
            .await;
        let boxed = world
            .start(async |ctx| {
                let hold = nobodys(ActivityCancellationType::TryCancel);
                let result: Result<String, Box<dyn std::error::Error + Send + Sync>> = ctx
                    .start_activity(Stage::quick, "a".to_owned(), hold)
                    .await
                    .map_err(Into::into);
                Ok(result?)
            })
            .await;
        for flow in [&anyhow, &boxed] {
            flow.settle().await;
            flow.cancel("stop").await;
            assert_eq!(flow.cancelled().await, "stop");
        }
    })
    .await;
}

// F3, scenario 160
#[test]
async fn a_cancellation_that_nobody_requested_of_the_execution_fails_it() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_scope();
                let sleeps = ctx.in_scope(&scope, async |ctx| ctx.sleep(HOUR).await);
                let (slept, ()) =
                    steadfast::workflow::join(sleeps, async { scope.cancel("mine") }).await;
                slept?;
                Ok(String::new())
            })
            .await;
        let failure = flow.failure().await;
        assert_eq!(short(&failure), "canceled \"cancelled\"");
        flow.has("1 Started · 2-4 WT · 5 Failed(canceled \"cancelled\", RETRY_POLICY_NOT_SET)")
            .await;
    })
    .await;
}

// F2, scenario 34
#[test]
async fn after_a_request_any_cancellation_that_escapes_ends_as_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.cancelled().await;
                let timer = ctx.sleep(HOUR);
                ctx.sleep(SECOND).await?;
                timer.cancel();
                timer.await?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        flow.reaches("TimerStarted", 2).await;
        world.advance(SECOND).await;
        assert_eq!(flow.cancelled().await, "stop");
    })
    .await;
}

// F4
#[test]
async fn the_chain_of_causes_is_kept_also_through_anyhow() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                use anyhow::Context as _;
                let once = ActivityOptions::with_start_to_close_timeout(HOUR)
                    .retry_policy(RetryPolicy::once())
                    .build();
                let done = ctx
                    .start_activity(Stage::fail, "broken".to_owned(), once)
                    .await;
                let done = done
                    .context("the booking failed")
                    .context("the trip is off")?;
                Ok(done)
            })
            .await;
        world.board.heard("broken started 1").await;
        world.board.open("broken");
        let failure = flow.failure().await;
        let chain: Vec<String> = failure
            .chain()
            .map(|failure| failure.message.clone())
            .collect();
        assert_eq!(chain[..2], ["the trip is off", "the booking failed"]);
        assert_eq!(chain.last().unwrap(), "broken failed");
        let FailureKind::Application { error_type, .. } = &failure.chain().last().unwrap().kind
        else {
            panic!("{failure:?}");
        };
        assert_eq!(error_type, "Broken");
    })
    .await;
}

// F4
#[test]
async fn an_error_of_ones_own_fails_the_workflow_under_the_name_of_its_type() {
    #[derive(Debug)]
    struct NoRoom;
    impl std::fmt::Display for NoRoom {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no room left")
        }
    }
    impl std::error::Error for NoRoom {}

    scenario(async |world| {
        let own = world.start(async |_| Err(NoRoom.into())).await;
        let text = world.start(async |_| Err("just text".into())).await;
        let number = world
            .start(async |_| Ok("x".parse::<u32>()?.to_string()))
            .await;
        assert_eq!(
            short(&*own.failure().await),
            "application,NoRoom \"no room left\""
        );
        assert_eq!(own.failure().await.message, "no room left");
        assert_eq!(text.failure().await.message, "just text");
        assert_eq!(
            short(&*number.failure().await),
            "application,ParseIntError \"invalid digit found in string\""
        );
    })
    .await;
}

// F5, scenario 7
#[test]
async fn a_panic_fails_the_task_and_the_workflow_goes_on_after_the_repair() {
    scenario(async |world| {
        let body = define(async |ctx| {
            let _ = ctx.sleep(HOUR).await;
            panic!("a bug while handling the cancellation");
        });
        let flow = world.start_named(&body).await;
        flow.settle().await;
        flow.cancel("stop").await;
        flow.reaches("WTFailed", 1).await;
        assert_eq!(flow.status().await, ExecutionStatus::Running);
        redefine(&body, async |ctx| {
            ctx.sleep(HOUR).await?;
            Ok(String::new())
        });
        // The next attempt waits for its time.
        while flow.status().await == ExecutionStatus::Running {
            world.clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(flow.cancelled().await, "stop");
        let history = flow.text().await;
        assert!(
            history.starts_with(
                "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=stop, identity=tester) · \
                 7 WTScheduled · 8 WTStarted · 9 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \
                 \"workflow code panicked: a bug while handling the cancellation\") · "
            ) && history.ends_with("11 WTStarted · 12 WTCompleted · 13 TimerCanceled(1) · 14 Canceled"),
            "{history}"
        );
        let failure = flow.events().await.iter().find_map(|event| match &event.kind {
            steadfast::core::event::EventKind::WorkflowTaskFailed { failure, .. } => failure.clone(),
            _ => None,
        });
        assert_eq!(
            failure.unwrap().message,
            "workflow code panicked: a bug while handling the cancellation"
        );
    })
    .await;
}

/// What the first failed workflow task of a flow says.
async fn said_of_the_task(flow: &Flow) -> String {
    flow.reaches("WTFailed", 1).await;
    let failure = flow
        .events()
        .await
        .iter()
        .find_map(|event| match &event.kind {
            steadfast::core::event::EventKind::WorkflowTaskFailed { failure, .. } => {
                failure.clone()
            }
            _ => None,
        });
    failure.unwrap().message
}

#[test]
async fn a_context_that_is_used_inside_of_a_side_effect_says_so() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let number: u64 = ctx.side_effect(|| ctx.random_u64())?;
                Ok(number.to_string())
            })
            .await;
        let said = said_of_the_task(&flow).await;
        assert!(
            said.contains("used inside of `side_effect`, whose closure a replay does not run"),
            "{said}"
        );
    })
    .await;
}

#[test]
async fn a_state_that_is_lent_twice_says_so() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let same = ctx.clone();
                ctx.state_mut(|_| same.state_mut(|_| ()));
                Ok(String::new())
            })
            .await;
        let said = said_of_the_task(&flow).await;
        assert!(
            said.contains("the workflow's state is lent already"),
            "{said}"
        );
    })
    .await;
}

// F1, F6
#[test]
async fn an_activity_that_is_scheduled_in_the_closing_task_is_not_waited_for() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.start_activity(Stage::quick, "late".to_owned(), options())
                    .detach();
                Ok("done".to_owned())
            })
            .await;
        assert_eq!(flow.result().await, "done");
        assert_eq!(world.board.said(), [""; 0]);
    })
    .await;
}

// R4, ground rule 5: scenario 15
#[test]
async fn a_result_that_crosses_a_signal_is_not_lost_and_neither_is_the_signal() {
    // The workflow ends in the very task during which a signal arrives; the engine refuses the end
    // and the code sees the signal.
    let heard = Arc::new(AtomicU32::new(0));
    let world = crate::harness::World::new(crate::harness::many());
    world.work();
    let (client, seen) = (world.client.clone(), Arc::clone(&heard));
    let body = define(async move |ctx| {
        if ctx.state(|state| state.heard.is_empty()) && !ctx.is_replaying() {
            // In the middle of the task: only a test may do that.
            let handle = client.workflow::<crate::harness::Script>("w1").unwrap();
            std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap()
                    .block_on(handle.say("crossing".to_owned()))
                    .unwrap();
            })
            .join()
            .unwrap();
        }
        seen.store(
            ctx.state(|state| u32::try_from(state.heard.len()).unwrap()),
            Ordering::SeqCst,
        );
        Ok("done".to_owned())
    });
    let flow = world.start_named(&body).await;
    assert_eq!(flow.result().await, "done");
    assert_eq!(heard.load(Ordering::SeqCst), 1);
    flow.has(
        "1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(UNHANDLED_COMMAND, server \"UnhandledCommand\") · \
         5 Signaled(say) · 6-8 WT · 9 Completed(\"done\")",
    )
    .await;
    world.rest().await;
}

#[test]
async fn a_workflow_retry_policy_starts_another_run_after_its_wait() {
    scenario(async |world| {
        let body = define(async |ctx| {
            if ctx.view().attempt() < 3 {
                return Err(ApplicationFailure::new("not yet", "Early").into());
            }
            Ok(format!("attempt {}", ctx.view().attempt()))
        });
        let policy = RetryPolicy {
            initial_interval: MINUTE,
            ..RetryPolicy::default()
        };
        let options = WorkflowStartOptions::new(QUEUE, "retried").retry_policy(policy);
        let flow = world.start_with(&body, options).await;
        let result = flow.result();
        let clock = async {
            for wait in [MINUTE, 2 * MINUTE] {
                loop {
                    let runs = world.executions(None).await.len() as u32;
                    if runs == if wait == MINUTE { 2 } else { 3 } {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                world.clock.advance(wait);
            }
        };
        let (result, ()) = tokio::join!(result, clock);
        assert_eq!(result, "attempt 3");
    })
    .await;
}

#[test]
async fn error_types_that_are_not_retryable_and_failures_that_say_so_are_not_tried_again() {
    scenario(async |world| {
        let named = define(async |_| Err(ApplicationFailure::new("no", "Final").into()));
        let said = define(async |_| Err(ApplicationFailure::non_retryable("no", "Other").into()));
        for (id, body) in [("named", named), ("said", said)] {
            let policy = RetryPolicy {
                non_retryable_error_types: vec!["Final".to_owned()],
                ..RetryPolicy::default()
            };
            let options = WorkflowStartOptions::new(QUEUE, id).retry_policy(policy);
            let flow = world.start_with(&body, options).await;
            flow.failure().await;
        }
        assert_eq!(world.executions(None).await.len(), 2);
    })
    .await;
}

#[test]
async fn run_and_execution_timeouts_close_the_workflow() {
    scenario_without_worker(async |world| {
        let body = define(async |ctx| {
            ctx.sleep(24 * HOUR).await?;
            Ok(String::new())
        });
        let run = WorkflowStartOptions::new(QUEUE, "run").run_timeout(MINUTE);
        let execution = WorkflowStartOptions::new(QUEUE, "execution").execution_timeout(MINUTE);
        let run = world.start_with(&body, run).await;
        let execution = world.start_with(&body, execution).await;
        world.work();
        run.settle().await;
        execution.settle().await;
        world.advance(MINUTE).await;
        for flow in [run, execution] {
            let error = flow.handle.result().await.unwrap_err();
            assert!(
                matches!(
                    error,
                    ClientError::Workflow(WorkflowExecutionError::TimedOut)
                ),
                "{error}"
            );
            flow.has("1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimedOut")
                .await;
        }
    })
    .await;
}

// M2, F6: nobody reads what an update would change once the run function has ended, so its sender is told.
#[test]
async fn an_update_that_comes_while_a_run_waits_for_its_end_is_refused() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let saga = ctx.saga(async |saga| {
                    saga.compensate_with("by hand", async |ctx| Ok(ctx.sleep(MINUTE).await?));
                    ctx.wait_condition(|_| false).await?;
                    WorkflowResult::Ok(String::new())
                });
                select! {
                    done = saga => done,
                    slept = ctx.sleep(SECOND) => { slept?; Ok("ended".to_owned()) }
                }
            })
            .await;
        world.advance(SECOND).await;
        flow.reaches("TimerStarted", 2).await;
        let refused = flow.handle.update_by_name("any", vec![]).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("the workflow's code has ended"), "{text}");
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "ended");
    })
    .await;
}
