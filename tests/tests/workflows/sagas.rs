//! Sagas: G1 to G6.

use steadfast::{
    convert::from_payload,
    prelude::*,
    workflow::{Saga, SagaReport},
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{
    Ctx, Flow, HOUR, MINUTE, SECOND, Script, Stage, World, cancelled_by, define, options, scenario,
};

/// Two steps that end at once, and then whatever a test wants.
async fn trip(
    world: &World,
    then: impl AsyncFn(&Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) -> Flow {
    world
        .start(async move |ctx| {
            let then = &then;
            ctx.saga(async |saga| {
                saga.step(Stage::quick, "hotel".to_owned(), options())
                    .compensate_with(Stage::quick, "undo hotel".to_owned(), options())
                    .await?;
                saga.step(Stage::quick, "flight".to_owned(), options())
                    .compensate_with_output(Stage::quick, |step| format!("undo {step}"), options())
                    .await?;
                then(ctx).await
            })
            .await
        })
        .await
}

// G2, G4, G6, scenario 175
#[test]
async fn a_cancelled_workflow_is_compensated_last_step_first() {
    scenario(async |world| {
        let flow = trip(world, async |ctx| {
            ctx.sleep(HOUR).await?;
            Ok("arrived".to_owned())
        })
        .await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said(), ["hotel", "flight", "undo flight", "undo hotel"]);
        let history = flow.text().await;
        assert!(
            history.ends_with(
                "17 TimerStarted(1) · 18 CancelRequested(cause=stop, identity=tester) · 19-21 WT · \
                 22 TimerCanceled(1) · 23 ActScheduled(3, quick) · 24 ActStarted(sched=23) · \
                 25 ActCompleted(sched=23, \"undo flight\") · 26-28 WT · 29 ActScheduled(4, quick) · \
                 30 ActStarted(sched=29) · 31 ActCompleted(sched=29, \"undo hotel\") · 32-34 WT · 35 Canceled"
            ),
            "{history}"
        );
    })
    .await;
}

// G1
#[test]
async fn a_workflow_that_completes_is_not_compensated() {
    scenario(async |world| {
        let flow = trip(world, async |_| Ok("arrived".to_owned())).await;
        assert_eq!(flow.result().await, "arrived");
        assert_eq!(world.board.said(), ["hotel", "flight"]);
    })
    .await;
}

// G1, G4
#[test]
async fn a_failing_workflow_is_compensated_and_its_error_stays() {
    scenario(async |world| {
        let flow = trip(world, async |_| {
            Err(ApplicationFailure::new("no visa", "Visa").into())
        })
        .await;
        let failure = flow.failure().await;
        assert_eq!(
            (failure.message.as_str(), short(&failure).as_str()),
            ("no visa", "application,Visa \"no visa\"")
        );
        assert_eq!(
            world.board.said(),
            ["hotel", "flight", "undo flight", "undo hotel"]
        );
    })
    .await;
}

// G3, scenario 173: 'Compensation is executed before Activity actually Completes'.
#[test]
async fn no_compensation_starts_while_a_step_may_still_run() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.step(Stage::quick, "hotel".to_owned(), options())
                        .compensate_with(Stage::quick, "undo hotel".to_owned(), options())
                        .await?;
                    // What the options say does not matter inside a saga.
                    let try_cancel = cancelled_by(ActivityCancellationType::TryCancel);
                    saga.step(Stage::ignore, "charge".to_owned(), try_cancel)
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await?;
                    ctx.sleep(HOUR).await?;
                    WorkflowResult::Ok(String::new())
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        flow.cancel("stop").await;
        flow.reaches("ActCancelRequested", 1).await;
        flow.settle().await;
        assert_eq!(world.board.said(), ["hotel", "charge started"]);
        world.board.open("charge");
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(
            world.board.said(),
            ["hotel", "charge started", "refund", "undo hotel"]
        );
    })
    .await;
}

// G1: it stopped as it was asked to, and says nothing of what it had done: due.
#[test]
async fn a_step_that_was_cancelled_while_it_ran_is_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.step(Stage::hold, "charge".to_owned(), options())
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said().last().unwrap(), "refund");
    })
    .await;
}

// G1
#[test]
async fn a_step_that_never_started_is_not_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let once = ActivityOptions::with_start_to_close_timeout(HOUR)
                        .retry_policy(RetryPolicy::once())
                        .task_queue(TaskQueue::new("nobody").unwrap())
                        .build();
                    saga.step(Stage::quick, "charge".to_owned(), once)
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said(), [""; 0]);
    })
    .await;
}

// G1
#[test]
async fn a_step_that_says_it_failed_is_not_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let once = ActivityOptions::with_start_to_close_timeout(HOUR)
                        .retry_policy(RetryPolicy::once())
                        .build();
                    saga.step(Stage::fail, "charge".to_owned(), once)
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        world.board.open("charge");
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,Broken \"charge failed\""
        );
        assert_eq!(world.board.said(), ["charge started 1"]);
    })
    .await;
}

// G5
#[test]
async fn a_step_that_timed_out_is_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let once = ActivityOptions::with_start_to_close_timeout(MINUTE)
                        .retry_policy(RetryPolicy::once())
                        .build();
                    saga.step(Stage::ignore, "charge".to_owned(), once)
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(MINUTE).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity timed out\" <- timeout,START_TO_CLOSE \"activity \
             StartToClose timeout\""
        );
        assert_eq!(world.board.said(), ["charge started", "refund"]);
        world.board.open("charge");
    })
    .await;
}

// G5, G6
#[test]
async fn a_step_whose_output_is_unknown_is_reported_as_not_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let once = ActivityOptions::with_start_to_close_timeout(MINUTE)
                        .retry_policy(RetryPolicy::once())
                        .build();
                    saga.step(Stage::ignore, "charge".to_owned(), once)
                        .compensate_with_output(
                            Stage::quick,
                            |receipt| format!("refund {receipt}"),
                            options(),
                        )
                        .await
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(MINUTE).await;
        let text = flow.failure().await.to_string();
        assert!(text.contains("`ignore` not compensated"), "{text}");
        world.board.open("charge");
    })
    .await;
}

fn broken() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .retry_policy(RetryPolicy::once())
        .build()
}

/// Three steps; the compensation of the second one fails.
async fn three_steps(
    world: &World,
    policy: impl Fn(&mut Saga<Script>) + Send + Sync + 'static,
) -> Flow {
    world.board.open("undo 2");
    world
        .start(async move |ctx| {
            ctx.saga(async |saga| {
                policy(saga);
                for number in ["1", "3"] {
                    saga.step(Stage::quick, number.to_owned(), options())
                        .compensate_with(Stage::quick, format!("undo {number}"), options())
                        .await?;
                    if number == "1" {
                        saga.step(Stage::quick, "2".to_owned(), options())
                            .compensate_with(Stage::fail, "undo 2".to_owned(), broken())
                            .await?;
                    }
                }
                ctx.sleep(HOUR).await?;
                WorkflowResult::Ok(String::new())
            })
            .await
        })
        .await
}

// G4
#[test]
async fn a_failing_compensation_does_not_stop_the_others_and_is_reported() {
    scenario(async |world| {
        let flow = three_steps(world, |_| {}).await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("stop").await;
        // The cause stays: it is still a cancellation.
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(
            world.board.said(),
            ["1", "2", "3", "undo 3", "undo 2 started 1", "undo 1"]
        );
    })
    .await;
}

// G4
#[test]
async fn a_saga_may_stop_at_the_first_failing_compensation() {
    scenario(async |world| {
        let flow = three_steps(world, |saga| {
            saga.stop_on_failed_compensation();
        })
        .await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(
            world.board.said(),
            ["1", "2", "3", "undo 3", "undo 2 started 1"]
        );
    })
    .await;
}

// G4
#[test]
async fn compensations_may_run_side_by_side() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.parallel();
                    for name in ["a", "b"] {
                        saga.step(Stage::quick, name.to_owned(), options())
                            .compensate_with(Stage::hold, format!("undo {name}"), options())
                            .await?;
                    }
                    WorkflowResult::<String>::Err(ApplicationFailure::new("no", "Broken").into())
                })
                .await
            })
            .await;
        world.board.heard("undo a started").await;
        world.board.heard("undo b started").await;
        world.board.open("undo a");
        flow.reaches("ActCompleted", 3).await;
        world.board.open("undo b");
        flow.failure().await;
    })
    .await;
}

// G2: compensations of any kind, nested sagas, children as steps.
#[test]
async fn compensations_can_be_any_code_and_sagas_nest() {
    scenario(async |world| {
        let child = define(async |ctx| {
            Ok(ctx
                .start_activity(Stage::quick, "undone by a child".to_owned(), options())
                .await?)
        });
        let flow = world
            .start(async move |ctx| {
                let child = child.clone();
                ctx.saga(async |outer| {
                    let by_child = child.clone();
                    outer.compensate_with("a child", async move |ctx: &mut Ctx| {
                        ctx.start_child_workflow(
                            Script::run,
                            by_child,
                            ChildWorkflowOptions::builder(),
                        )
                        .await?;
                        ctx.sleep(SECOND).await?;
                        Ok(())
                    });
                    ctx.saga(async |inner| {
                        inner
                            .step(Stage::quick, "inner".to_owned(), options())
                            .compensate_with(Stage::quick, "undo inner".to_owned(), options())
                            .await?;
                        WorkflowResult::<()>::Err(ApplicationFailure::new("no", "Broken").into())
                    })
                    .await?;
                    WorkflowResult::Ok(String::new())
                })
                .await
            })
            .await;
        flow.reaches("TimerStarted", 1).await;
        world.advance(SECOND).await;
        assert_eq!(short(&*flow.failure().await), "application,Broken \"no\"");
        assert_eq!(
            world.board.said(),
            ["inner", "undo inner", "undone by a child"]
        );
    })
    .await;
}

// G4
#[test]
async fn a_saga_that_is_unwound_by_hand_says_what_was_done() {
    scenario(async |world| {
        world.board.open("undo b");
        let flow = world
            .start(async |ctx| {
                let mut report: Option<SagaReport> = None;
                ctx.saga(async |saga| {
                    saga.step(Stage::quick, "a".to_owned(), options())
                        .compensate_with(Stage::quick, "undo a".to_owned(), options())
                        .await?;
                    saga.step(Stage::quick, "b".to_owned(), options())
                        .compensate_with(Stage::fail, "undo b".to_owned(), broken())
                        .await?;
                    report = Some(saga.unwind().await);
                    WorkflowResult::Ok(())
                })
                .await?;
                Ok(report.unwrap().to_string())
            })
            .await;
        let text = flow.result().await;
        assert!(
            text.starts_with("`quick` not compensated: ") && text.ends_with("`quick` compensated"),
            "{text}"
        );
    })
    .await;
}

/// A saga of one step, which a child workflow does.
async fn step_of_a_child(world: &World, child: String, id: &'static str) -> Flow {
    world
        .start(async move |ctx| {
            let child = child.clone();
            ctx.saga(async |saga| {
                let named = ChildWorkflowOptions::builder().workflow_id(WorkflowId::new(id)?);
                saga.child_workflow(Script::run, child, named)
                    .compensate_with(Stage::quick, "undo child".to_owned(), options())
                    .await?;
                WorkflowResult::<String>::Err(ApplicationFailure::new("no visa", "Visa").into())
            })
            .await
        })
        .await
}

// G1
#[test]
async fn a_child_workflow_that_completed_as_a_step_is_compensated() {
    scenario(async |world| {
        let child = define(async |_| Ok("done".to_owned()));
        let flow = step_of_a_child(world, child, "child").await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Visa \"no visa\""
        );
        assert_eq!(world.board.said(), ["undo child"]);
    })
    .await;
}

// G1
#[test]
async fn a_child_workflow_that_failed_or_never_started_is_not_compensated() {
    scenario(async |world| {
        let child = define(async |ctx| {
            Ok(ctx
                .start_activity(Stage::fail, "inside".to_owned(), broken())
                .await?)
        });
        world.board.open("inside");
        let flow = step_of_a_child(world, child, "child").await;
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,RETRY_POLICY_NOT_SET \"child workflow failed\" <- \
             activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,Broken \"inside failed\""
        );
        assert_eq!(world.board.said(), ["inside started 1"]);

        let child = define(async |_| Ok(String::new()));
        // Its own id is in use: by the parent.
        let flow = step_of_a_child(world, child, "w2").await;
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow did not start\" <- \
             application,WorkflowAlreadyExists \"workflow id `w2` is in use\""
        );
        assert_eq!(world.board.said(), ["inside started 1"]);
    })
    .await;
}

// G3, G5
#[test]
async fn a_cancelled_saga_waits_for_the_end_of_its_child_workflow_before_it_undoes_it() {
    scenario(async |world| {
        let child = define(async |ctx| {
            let slept = ctx.sleep(HOUR).await;
            ctx.disconnected(async |ctx| {
                ctx.start_activity(Stage::quick, "the child cleans up".to_owned(), options())
                    .await
            })
            .await?;
            slept?;
            Ok(String::new())
        });
        let flow = step_of_a_child(world, child, "child").await;
        flow.reaches("ChildStarted", 1).await;
        world.find("child").reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(world.board.said(), ["the child cleans up", "undo child"]);
    })
    .await;
}

// G5: the last attempt decides, not the ones before.
#[test]
async fn a_step_that_failed_once_and_then_timed_out_is_compensated() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let twice = ActivityOptions::with_schedule_to_close_timeout(HOUR)
                        .start_to_close_timeout(MINUTE)
                        .retry_policy(RetryPolicy {
                            maximum_attempts: 2,
                            ..RetryPolicy::default()
                        })
                        .build();
                    saga.step(Stage::fail_then_ignore, "charge".to_owned(), twice)
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        world.board.heard("charge started 1").await;
        flow.reaches("ActScheduled", 1).await;
        world.advance(SECOND).await;
        world.board.heard("charge started 2").await;
        world.advance(MINUTE).await;
        let failure = flow.failure().await;
        assert_eq!(
            short(&failure),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity timed out\" <- timeout,START_TO_CLOSE \"activity \
             StartToClose timeout\" <- application,Broken \"charge failed\""
        );
        assert_eq!(world.board.said().last().unwrap(), "refund");
        world.board.open("charge again");
    })
    .await;
}

/// A nested saga of two steps between two steps, and then whatever a test wants.
async fn nested(
    world: &World,
    in_the_inner: impl Fn() -> WorkflowResult<()> + Send + Sync + 'static,
    in_the_outer: impl Fn() -> WorkflowResult<String> + Send + Sync + 'static,
) -> Flow {
    async fn step(saga: &Saga<Script>, name: &str) -> WorkflowResult<()> {
        saga.step(Stage::quick, name.to_owned(), options())
            .compensate_with(Stage::quick, format!("undo {name}"), options())
            .await?;
        Ok(())
    }
    world
        .start(async move |ctx| {
            ctx.saga(async |outer| {
                step(outer, "a").await?;
                let inner = outer
                    .nested(async |inner| {
                        step(inner, "b").await?;
                        step(inner, "c").await?;
                        in_the_inner()
                    })
                    .await;
                if let Err(error) = &inner {
                    assert_eq!(error.to_string(), "sold out");
                }
                step(outer, "d").await?;
                in_the_outer()
            })
            .await
        })
        .await
}

// G1, G4
#[test]
async fn what_a_nested_saga_did_is_undone_with_the_outer_one() {
    scenario(async |world| {
        let fails = || Err(ApplicationFailure::new("no visa", "Visa").into());
        let flow = nested(world, || Ok(()), fails).await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Visa \"no visa\""
        );
        assert_eq!(
            world.board.said(),
            ["a", "b", "c", "d", "undo d", "undo c", "undo b", "undo a"]
        );
    })
    .await;
}

// G1
#[test]
async fn a_nested_saga_that_fails_is_undone_alone_and_once() {
    scenario(async |world| {
        let fails = || Err(ApplicationFailure::new("sold out", "SoldOut").into());
        let flow = nested(world, fails, || Ok("without b and c".to_owned())).await;
        assert_eq!(flow.result().await, "without b and c");
        assert_eq!(world.board.said(), ["a", "b", "c", "undo c", "undo b", "d"]);
    })
    .await;
}

/// The part of what a workflow says of its scopes that is about sagas.
async fn sagas(flow: &Flow) -> Vec<String> {
    let answer = flow.handle.query_by_name("__steadfast_scopes", Vec::new());
    let text: String = from_payload(Some(&answer.await.unwrap())).unwrap();
    let lines = text.lines().map(str::to_owned);
    lines
        .skip_while(|line| !line.starts_with("- a saga"))
        .collect()
}

/// Whoever looks at a running workflow sees what would be undone, what is, and in which order (G4).
#[test]
async fn a_saga_says_what_it_would_undo_and_what_it_undoes() {
    scenario(async |world| {
        let quick = |name: &str| (Stage::quick, name.to_owned(), options());
        let flow = world
            .start(async move |ctx| {
                ctx.saga(async |saga| {
                    saga.compensate_with("passport\n- *lost*", async |_| Ok(()));
                    let (hotel, name, options) = quick("hotel");
                    saga.step(hotel, name, options)
                        .compensate(async |ctx| Ok(ctx.sleep(HOUR).await?))
                        .await?;
                    let (flight, name, options) = quick("flight");
                    saga.step(flight, name, options.clone())
                        .compensate_with_output(Stage::quick, |it| format!("undo {it}"), options)
                        .await?;
                    let (note, name, options) = quick("note");
                    saga.step(note, name, options)
                        .without_compensation()
                        .await?;
                    saga.nested(async |taxi| {
                        taxi.parallel();
                        let (ride, name, options) = quick("ride");
                        let known = taxi.step(ride, name, options.clone());
                        known
                            .compensate_with(Stage::quick, "undo ride".to_owned(), options)
                            .await
                    })
                    .await?;
                    let (_, refund, options) = quick("refund");
                    saga.step(Stage::ignore, "charge".to_owned(), options.clone())
                        .compensate_with(Stage::quick, refund, options)
                        .await?;
                    ctx.sleep(HOUR).await?;
                    WorkflowResult::Ok(String::new())
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        assert_eq!(
            sagas(&flow).await,
            [
                "- a saga would undo, in this order:",
                "  - `ignore`: has not ended; activity `quick` would undo it",
                "  - what a saga in it did, side by side:",
                "    - `quick`: activity `quick` undoes it",
                "  - `quick`: activity `quick` undoes it",
                "  - `quick`: workflow code undoes it",
                "  - `passport - *lost*`: workflow code undoes it",
            ]
        );
        flow.cancel("stop").await;
        world.board.open("charge");
        flow.reaches("TimerStarted", 1).await;
        assert_eq!(
            sagas(&flow).await,
            [
                "- a saga is being undone:",
                "  - `quick`: is being undone now",
                "  - `passport - *lost*`: workflow code undoes it",
            ]
        );
        world.advance(HOUR).await;
        assert_eq!(flow.cancelled().await, "stop");
        assert_eq!(sagas(&flow).await, [""; 0]);
    })
    .await;
}
