//! What becomes of steps and sagas that are dropped, and of steps whose outcome is unknown: G1, G3, G5 to G8.

use std::sync::Arc;

use steadfast::{
    prelude::*,
    workflow::{Saga, try_join},
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{
    Board, Ctx, Flow, MINUTE, SECOND, Script, Stage, World, many, none, once, options, scenario,
    scenario_without_worker,
};

fn attempts(maximum_attempts: u32) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(MINUTE)
        .retry_policy(RetryPolicy {
            maximum_attempts,
            ..RetryPolicy::default()
        })
        .build()
}

/// A step that does not listen, and is undone with a key.
async fn charge(saga: &Saga<Script>) -> Result<String, ActivityExecutionError> {
    saga.step(Stage::ignore, "charge".to_owned(), options())
        .compensate_with(Stage::quick, "refund".to_owned(), options())
        .await
}

fn too_slow<T>() -> WorkflowResult<T> {
    Err(ApplicationFailure::new("too slow", "Slow").into())
}

/// Starts a workflow whose step is dropped after a minute, and says what it did once the activity,
/// which does not hear, has ended.
async fn refunds(
    world: &World,
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) -> Flow {
    let flow = world.start(body).await;
    world.board.heard("charge started").await;
    world.advance(MINUTE).await;
    flow.reaches("ActCancelRequested", 1).await;
    flow.settle().await;
    // G3: not while the step may still run.
    assert_eq!(world.board.said(), ["charge started"]);
    world.board.open("charge");
    flow.handle.result().await.ok();
    assert_eq!(world.board.said(), ["charge started", "refund"]);
    flow
}

// G1: a step loses a `select!`.
#[test]
async fn a_step_that_loses_a_select_is_waited_for_and_undone() {
    scenario(async |world| {
        let flow = refunds(world, async |ctx| {
            ctx.saga(async |saga| {
                select! {
                    paid = charge(saga) => Ok(paid?),
                    slept = ctx.sleep(MINUTE) => { slept?; too_slow() }
                }
            })
            .await
        })
        .await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Slow \"too slow\""
        );
    })
    .await;
}

// G1: the other one of two fails.
#[test]
async fn a_step_that_try_join_drops_is_undone() {
    scenario(async |world| {
        let flow = refunds(world, async |ctx| {
            ctx.saga(async |saga| {
                let other = async {
                    ctx.sleep(MINUTE).await?;
                    too_slow::<()>()
                };
                let (paid, ()) = try_join(async { Ok(charge(saga).await?) }, other).await?;
                WorkflowResult::Ok(paid)
            })
            .await
        })
        .await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Slow \"too slow\""
        );
    })
    .await;
}

// G1, S6: a task is dropped with its step.
#[test]
async fn a_step_in_a_task_that_is_dropped_is_undone() {
    scenario(async |world| {
        refunds(world, async |ctx| {
            ctx.saga(async |saga| {
                let step = saga
                    .step(Stage::ignore, "charge".to_owned(), options())
                    .compensate_with(Stage::quick, "refund".to_owned(), options());
                let task = ctx.spawn(async |_| step.await);
                ctx.sleep(MINUTE).await?;
                drop(task);
                too_slow()
            })
            .await
        })
        .await;
    })
    .await;
}

// G1, S3: a time limit cancels the step, which is waited for; nothing is dropped.
#[test]
async fn a_step_under_a_time_limit_is_undone() {
    scenario(async |world| {
        let flow = refunds(world, async |ctx| {
            ctx.saga(async |saga| {
                let paid = ctx.with_timeout(MINUTE, async |_| charge(saga).await).await;
                // It is done, and the time is over all the same: what then, is for the code to say.
                paid?;
                too_slow()
            })
            .await
        })
        .await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Slow \"too slow\""
        );
    })
    .await;
}

// G1: nobody has the outcome of a dropped step, so it is undone also where the saga goes well.
#[test]
async fn a_dropped_step_of_a_saga_that_succeeds_is_undone() {
    scenario(async |world| {
        let flow = refunds(world, async |ctx| {
            ctx.saga(async |saga| {
                select! {
                    paid = charge(saga) => Ok(paid?),
                    slept = ctx.sleep(MINUTE) => { slept?; WorkflowResult::Ok("without".to_owned()) }
                }
            })
            .await
        })
        .await;
        assert_eq!(flow.result().await, "without");
    })
    .await;
}

// G1: a whole saga loses a `select!`, with a step that runs and one that is done.
#[test]
async fn a_saga_that_loses_a_select_is_undone_before_the_run_closes() {
    for worker in [many(), none()] {
        once(worker, &async |world: &World| {
            world.work();
            let flow = world
                .start(async |ctx| {
                    let saga = ctx.saga(async |saga| {
                        saga.step(Stage::quick, "hotel".to_owned(), options())
                            .compensate_with(Stage::quick, "undo hotel".to_owned(), options())
                            .await?;
                        charge(saga).await?;
                        WorkflowResult::Ok(String::new())
                    });
                    select! {
                        done = saga => done,
                        why = ctx.cancelled() => Ok(format!("stopped: {why}")),
                    }
                })
                .await;
            world.board.heard("charge started").await;
            flow.settle().await;
            flow.cancel("enough").await;
            flow.reaches("ActCancelRequested", 1).await;
            world.board.open("charge");
            assert_eq!(flow.result().await, "stopped: enough");
            assert_eq!(
                world.board.said(),
                ["hotel", "charge started", "refund", "undo hotel"]
            );
        })
        .await;
    }
}

// G1: a saga in a task that ends with the run, and one in a time limit.
#[test]
async fn a_saga_in_a_task_is_undone_when_the_run_ends() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let task = ctx.spawn(async |ctx| {
                    ctx.saga(async |saga| {
                        saga.step(Stage::quick, "hotel".to_owned(), options())
                            .compensate_with(Stage::quick, "undo hotel".to_owned(), options())
                            .await?;
                        ctx.wait_condition(|_| false).await?;
                        WorkflowResult::Ok(())
                    })
                    .await
                });
                task.detach();
                ctx.sleep(MINUTE).await?;
                Ok("ended".to_owned())
            })
            .await;
        world.board.heard("hotel").await;
        world.settle().await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["hotel", "undo hotel"]);
    })
    .await;
}

// G1, G4: a nested saga that is dropped is undone with the one above it, in its place.
#[test]
async fn a_nested_saga_that_is_dropped_is_undone_with_the_one_above() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.step(Stage::quick, "outer".to_owned(), options())
                        .compensate_with(Stage::quick, "undo outer".to_owned(), options())
                        .await?;
                    let inner = saga.nested(async |inner| {
                        inner
                            .step(Stage::quick, "inner".to_owned(), options())
                            .compensate_with(Stage::quick, "undo inner".to_owned(), options())
                            .await?;
                        ctx.wait_condition(|_| false).await?;
                        WorkflowResult::Ok(())
                    });
                    select! {
                        done = inner => done?,
                        slept = ctx.sleep(MINUTE) => slept?,
                    }
                    too_slow()
                })
                .await
            })
            .await;
        world.board.heard("inner").await;
        flow.settle().await;
        world.advance(MINUTE).await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,Slow \"too slow\""
        );
        assert_eq!(
            world.board.said(),
            ["outer", "inner", "undo inner", "undo outer"]
        );
    })
    .await;
}

/// A bank that does what it does and then loses its voice, says no, or both.
struct Bank(Arc<Board>);

#[activities]
impl Bank {
    /// Charges in its first attempt, which is never heard of; in the next ones it says what is asked.
    #[activity]
    async fn charge(&self, ctx: ActivityContext, then: String) -> Result<String, ActivityError> {
        if ctx.info().attempt == 1 {
            self.0.say("charged");
            std::future::pending::<()>().await;
        }
        let failure = ApplicationFailure::non_retryable(then.clone(), "Declined");
        match then.as_str() {
            "no such card" => Err(failure.nothing_happened().into()),
            _ => Err(failure.into()),
        }
    }

    /// Says no at once.
    #[activity]
    async fn decline(&self) -> Result<String, ActivityError> {
        Err(ApplicationFailure::non_retryable("declined", "Declined").into())
    }

    #[activity]
    async fn find(&self, key: String) -> Result<Option<String>, ActivityError> {
        self.0.say(format!("looked for {key}"));
        Ok((key == "known").then(|| "receipt".to_owned()))
    }
}

async fn at_the_bank(test: impl AsyncFn(&World)) {
    scenario_without_worker(async |world| {
        let bank = Bank(Arc::clone(&world.board));
        world.work_with(world.worker().register_activities(bank));
        test(world).await;
    })
    .await;
}

// G5
#[test]
async fn a_failure_after_an_attempt_that_was_never_heard_of_means_nothing_unless_it_says_so() {
    at_the_bank(async |world| {
        for (then, said) in [
            ("already charged", vec!["charged", "refund"]),
            ("no such card", vec!["charged"]),
        ] {
            let before = world.board.said().len();
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| {
                        saga.step(Bank::charge, then.to_owned(), attempts(0))
                            .compensate_with(Stage::quick, "refund".to_owned(), options())
                            .await
                    })
                    .await
                })
                .await;
            while world.board.said().len() == before {
                tokio::task::yield_now().await;
            }
            world.advance(MINUTE).await;
            world.clock.advance(2 * SECOND);
            assert_eq!(
                short(&*flow.failure().await),
                format!("activity,NON_RETRYABLE_FAILURE \"activity failed\" <- application,Declined \"{then}\"")
            );
            assert_eq!(world.board.said()[before..], said);
        }
    })
    .await;
}

// G5: the first attempt says no.
#[test]
async fn a_step_whose_first_attempt_failed_has_not_happened() {
    at_the_bank(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.step(Bank::decline, (), attempts(0))
                        .compensate_with(Stage::quick, "refund".to_owned(), options())
                        .await
                })
                .await
            })
            .await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,NON_RETRYABLE_FAILURE \"activity failed\" <- application,Declined \"declined\""
        );
        assert_eq!(world.board.said(), [""; 0]);
    })
    .await;
}

// G6
#[test]
async fn a_step_that_is_undone_with_its_output_can_be_looked_up() {
    at_the_bank(async |world| {
        for (key, said) in [
            (
                "known",
                vec!["charged", "looked for known", "refund receipt"],
            ),
            ("unknown", vec!["charged", "looked for unknown"]),
        ] {
            let before = world.board.said().len();
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| {
                        saga.step(Bank::charge, String::new(), attempts(1))
                            .look_up(Bank::find, key.to_owned(), options())
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
            while world.board.said().len() == before {
                tokio::task::yield_now().await;
            }
            world.advance(MINUTE).await;
            let failure = flow.failure().await;
            assert_eq!(
                short(&failure),
                "activity,MAXIMUM_ATTEMPTS_REACHED \"activity timed out\" <- timeout,START_TO_CLOSE \"activity \
                 StartToClose timeout\""
            );
            assert_eq!(world.board.said()[before..], said);
            assert!(
                !failure.to_string().contains("may have happened"),
                "{failure}"
            );
        }
    })
    .await;
}

// G7
#[test]
async fn compensations_that_are_skipped_are_in_the_report() {
    scenario(async |world| {
        world.board.open("undo 2");
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.stop_on_failed_compensation();
                    saga.step(Stage::quick, "1".to_owned(), options())
                        .compensate_with(Stage::quick, "undo 1".to_owned(), options())
                        .await?;
                    saga.step(Stage::quick, "2".to_owned(), options())
                        .compensate_with(Stage::fail, "undo 2".to_owned(), attempts(1))
                        .await?;
                    too_slow()
                })
                .await
            })
            .await;
        let text = flow.failure().await.to_string();
        assert!(
            text.contains(
                "`quick` not compensated: skipped, because a compensation before it failed"
            ),
            "{text}"
        );
    })
    .await;
}

// G8
#[test]
async fn all_compensations_together_can_have_a_deadline() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.compensation_deadline(MINUTE);
                    saga.step(Stage::quick, "1".to_owned(), options())
                        .compensate_with(Stage::quick, "undo 1".to_owned(), options())
                        .await?;
                    saga.step(Stage::quick, "2".to_owned(), options())
                        .compensate_with(Stage::ignore, "undo 2".to_owned(), options())
                        .await?;
                    saga.step(Stage::quick, "3".to_owned(), options())
                        .compensate_with(Stage::quick, "undo 3".to_owned(), options())
                        .await?;
                    too_slow()
                })
                .await
            })
            .await;
        world.board.heard("undo 2 started").await;
        flow.settle().await;
        world.advance(MINUTE).await;
        let text = flow.failure().await.to_string();
        assert!(
            text.contains(
                "`quick` compensated; `quick` not compensated: activity cancelled (`ignore`)"
            ) && text.contains(
                "`quick` not compensated: skipped, because the time for compensations was over)"
            ),
            "{text}"
        );
        assert_eq!(
            world.board.said(),
            ["1", "2", "3", "undo 3", "undo 2 started"]
        );
        world.board.open("undo 2");
    })
    .await;
}

// G3, G8: a step that does not hear keeps its saga no longer than the deadline.
#[test]
async fn a_step_that_outlives_the_deadline_is_reported() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.compensation_deadline(MINUTE);
                    select! {
                        paid = charge(saga) => Ok(paid?),
                        slept = ctx.sleep(SECOND) => { slept?; too_slow() }
                    }
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(SECOND).await;
        flow.reaches("ActCancelRequested", 1).await;
        flow.settle().await;
        world.advance(MINUTE).await;
        let text = flow.failure().await.to_string();
        assert!(
            text.contains("`ignore` not compensated: the step still ran"),
            "{text}"
        );
        world.board.open("charge");
    })
    .await;
}

// G1: what undoes a saga that was dropped may start tasks and sagas of its own.
#[test]
async fn the_compensation_of_a_dropped_saga_may_be_workflow_code_of_any_kind() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let saga = ctx.saga(async |saga| {
                    saga.compensate_with("by hand", async |ctx| {
                        let task = ctx.spawn(async |ctx| {
                            ctx.sleep(MINUTE).await?;
                            ctx.start_activity(Stage::quick, "undone".to_owned(), options())
                                .await?;
                            WorkflowResult::Ok(())
                        });
                        task.await
                    });
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
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["undone"]);
    })
    .await;
}
