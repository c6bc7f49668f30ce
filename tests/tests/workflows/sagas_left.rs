//! Steps that outlive their saga, undoing that is dropped half-way, and what is left when a run ends: G1, G3,
//! G4, G6, G8.

use steadfast::{
    prelude::*,
    workflow::{Saga, try_join},
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{Ctx, HOUR, MINUTE, SECOND, Script, Stage, options, scenario};

fn once() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(MINUTE)
        .retry_policy(RetryPolicy::once())
        .build()
}

fn fails<T>(why: &str) -> WorkflowResult<T> {
    Err(ApplicationFailure::new(why, "No").into())
}

/// A step that ends at once, and is undone at once.
async fn quick(saga: &Saga<Script>, name: &str) -> WorkflowResult<()> {
    saga.step(Stage::quick, name.to_owned(), options())
        .compensate_with(Stage::quick, format!("undo {name}"), options())
        .await?;
    Ok(())
}

/// Runs a step that does not listen in a task of its own, and leaves it.
fn charge_aside(ctx: &Ctx, saga: &Saga<Script>) {
    let step = saga
        .step(Stage::ignore, "charge".to_owned(), once())
        .compensate_with(Stage::quick, "refund".to_owned(), options());
    ctx.spawn(async |_| step.await).detach();
}

// G1: its saga went well without it, and the run ends while it runs.
#[test]
async fn a_step_that_outlives_its_saga_is_undone_when_the_run_ends() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    charge_aside(ctx, saga);
                    ctx.sleep(SECOND).await?;
                    WorkflowResult::Ok(())
                })
                .await?;
                Ok("ended".to_owned())
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(SECOND).await;
        flow.reaches("ActCancelRequested", 1).await;
        flow.settle().await;
        assert_eq!(world.board.said(), ["charge started"]);
        world.board.open("charge");
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["charge started", "refund"]);
    })
    .await;
}

// G1, G4: the same where it belonged to a nested saga.
#[test]
async fn a_step_that_outlives_its_nested_saga_is_undone() {
    for fails_later in [false, true] {
        scenario(async |world| {
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| {
                        saga.nested(async |inner| {
                            charge_aside(ctx, inner);
                            ctx.sleep(SECOND).await
                        })
                        .await?;
                        if fails_later {
                            return fails("no visa");
                        }
                        WorkflowResult::Ok(())
                    })
                    .await?;
                    Ok("ended".to_owned())
                })
                .await;
            world.board.heard("charge started").await;
            world.advance(SECOND).await;
            flow.reaches("ActCancelRequested", 1).await;
            flow.settle().await;
            world.board.open("charge");
            if fails_later {
                assert_eq!(short(&*flow.failure().await), "application,No \"no visa\"");
            } else {
                assert_eq!(flow.result().await, "ended");
            }
            assert_eq!(world.board.said(), ["charge started", "refund"]);
        })
        .await;
    }
}

// G1: the task of a step is dropped after its nested saga went well.
#[test]
async fn a_step_of_a_nested_saga_that_is_dropped_later_is_undone_by_the_saga_above() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let task = saga
                        .nested(async |inner| {
                            let step = inner
                                .step(Stage::ignore, "charge".to_owned(), once())
                                .compensate_with(Stage::quick, "refund".to_owned(), options());
                            let task = ctx.spawn(async |_| step.await);
                            ctx.sleep(SECOND).await?;
                            WorkflowResult::Ok(task)
                        })
                        .await?;
                    drop(task);
                    ctx.sleep(SECOND).await?;
                    WorkflowResult::Ok("ended".to_owned())
                })
                .await
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(SECOND).await;
        flow.reaches("ActCancelRequested", 1).await;
        world.advance(SECOND).await;
        flow.reaches("TimerFired", 2).await;
        flow.settle().await;
        world.board.open("charge");
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["charge started", "refund"]);
    })
    .await;
}

// G1: nobody could undo it any more but the saga, which is over.
#[test]
async fn a_step_that_times_out_after_its_saga_is_undone() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    charge_aside(ctx, saga);
                    ctx.sleep(SECOND).await
                })
                .await?;
                ctx.sleep(HOUR).await?;
                Ok("ended".to_owned())
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(SECOND).await;
        flow.reaches("TimerStarted", 2).await;
        world.advance(MINUTE).await;
        world.board.heard("refund").await;
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["charge started", "refund"]);
        world.board.open("charge");
    })
    .await;
}

// G1: whoever awaited it has its value, and its saga went well.
#[test]
async fn a_step_that_completes_after_its_saga_is_not_undone() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    charge_aside(ctx, saga);
                    ctx.sleep(SECOND).await
                })
                .await?;
                ctx.sleep(HOUR).await?;
                Ok("ended".to_owned())
            })
            .await;
        world.board.heard("charge started").await;
        world.advance(SECOND).await;
        flow.reaches("TimerStarted", 2).await;
        flow.settle().await;
        world.board.open("charge");
        flow.reaches("ActCompleted", 1).await;
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["charge started"]);
    })
    .await;
}

// G1: nothing would undo it.
#[test]
async fn a_step_of_a_saga_that_has_ended_is_refused() {
    for how in ["well", "failed", "dropped"] {
        scenario(async |world| {
            let flow = world
                .start(async move |ctx| {
                    let saga = ctx.saga(async |saga| {
                        let step = saga
                            .step(Stage::quick, "charge".to_owned(), options())
                            .compensate_with(Stage::quick, "refund".to_owned(), options());
                        ctx.spawn(async |ctx| {
                            ctx.sleep(MINUTE).await?;
                            let refused = step.await.unwrap_err().to_string();
                            ctx.state_mut(|state| state.heard.push(refused));
                            WorkflowResult::Ok(())
                        })
                        .detach();
                        match how {
                            "well" => Ok(()),
                            "failed" => fails("sold out"),
                            _ => Ok(ctx.sleep(HOUR).await?),
                        }
                    });
                    select! {
                        _ = saga => {},
                        slept = ctx.sleep(SECOND) => slept?,
                    }
                    ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                    Ok(ctx.state(|state| state.heard.join("")))
                })
                .await;
            flow.reaches("TimerStarted", 1).await;
            world.advance(MINUTE).await;
            let text = flow.result().await;
            assert!(text.contains("the saga of this step has ended"), "{text}");
            assert_eq!(world.board.said(), [""; 0]);
        })
        .await;
    }
}

/// Two sagas in one, of which the second fails at once and is dropped while it is undone.
async fn dropped_while_undone(
    ctx: &Ctx,
    undo: impl AsyncFnOnce(&Saga<Script>) -> WorkflowResult<()>,
) -> WorkflowResult<String> {
    ctx.saga(async |saga| {
        quick(saga, "hotel").await?;
        let first = saga.nested(async |_| {
            ctx.sleep(MINUTE).await?;
            fails::<()>("sold out")
        });
        let second = saga.nested(async |inner| {
            undo(inner).await?;
            fails::<()>("no seats")
        });
        try_join(first, second).await?;
        WorkflowResult::Ok(String::new())
    })
    .await
}

// G4: it is a part of the saga above, which does not overtake it.
#[test]
async fn a_nested_saga_that_is_dropped_while_it_is_undone_is_waited_for() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                dropped_while_undone(ctx, async |inner| {
                    inner
                        .step(Stage::quick, "flight".to_owned(), options())
                        .compensate_with(Stage::ignore, "undo flight".to_owned(), options())
                        .await?;
                    Ok(())
                })
                .await
            })
            .await;
        world.board.heard("undo flight started").await;
        world.advance(MINUTE).await;
        flow.reaches("TimerFired", 1).await;
        flow.settle().await;
        let so_far = ["hotel", "flight", "undo flight started"];
        assert_eq!(world.board.said(), so_far);
        world.board.open("undo flight");
        assert_eq!(short(&*flow.failure().await), "application,No \"sold out\"");
        assert_eq!(world.board.said()[so_far.len()..], ["undo hotel"]);
    })
    .await;
}

// G4, G6: what it could not undo is in the error of the saga above.
#[test]
async fn what_a_nested_saga_that_was_dropped_could_not_undo_is_reported() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                dropped_while_undone(ctx, async |inner| {
                    inner
                        .step(Stage::quick, "flight".to_owned(), options())
                        .compensate_with(Stage::fail, "undo flight".to_owned(), once())
                        .await?;
                    Ok(())
                })
                .await
            })
            .await;
        world.board.heard("undo flight started 1").await;
        // A little less than the limit of the compensation, which began before.
        world.advance(MINUTE - SECOND).await;
        flow.settle().await;
        world.clock.advance(SECOND);
        world.board.open("undo flight");
        let text = flow.failure().await.to_string();
        assert!(text.contains("`quick` not compensated: "), "{text}");
        assert!(text.contains("`quick` compensated"), "{text}");
    })
    .await;
}

// G1, G4: undoing by hand loses a `select!`.
#[test]
async fn an_undoing_by_hand_that_is_dropped_is_waited_for_and_reported() {
    for ends_well in [false, true] {
        scenario(async |world| {
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| {
                        saga.step(Stage::quick, "flight".to_owned(), options())
                            .compensate_with(Stage::fail, "undo flight".to_owned(), {
                                ActivityOptions::with_start_to_close_timeout(HOUR)
                                    .retry_policy(RetryPolicy::once())
                            })
                            .await?;
                        select! {
                            _ = saga.unwind() => {},
                            slept = ctx.sleep(SECOND) => slept?,
                        }
                        if ends_well {
                            return WorkflowResult::Ok(String::new());
                        }
                        fails("too slow")
                    })
                    .await
                })
                .await;
            world.board.heard("undo flight started 1").await;
            world.advance(SECOND).await;
            flow.reaches("TimerFired", 1).await;
            flow.settle().await;
            world.board.open("undo flight");
            let text = flow.failure().await.to_string();
            assert!(
                text.contains("undo flight failed") && text.contains("saga: `quick` not"),
                "{text}"
            );
        })
        .await;
    }
}

// G6: never silence. An error of a saga means that it was undone, so the rest is undone too.
#[test]
async fn a_saga_whose_dropped_step_cannot_be_undone_fails() {
    for nested in [false, true] {
        scenario(async |world| {
            async fn trip(ctx: &Ctx, saga: &Saga<Script>) -> WorkflowResult<String> {
                quick(saga, "hotel").await?;
                let flight = saga
                    .step(Stage::hold, "flight".to_owned(), options())
                    .compensate_with_output(Stage::quick, |it| format!("undo {it}"), options());
                select! {
                    flight = flight => Ok(flight?),
                    slept = ctx.sleep(SECOND) => { slept?; Ok("by train".to_owned()) }
                }
            }
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| match nested {
                        false => trip(ctx, saga).await,
                        true => saga.nested(async |saga| trip(ctx, saga).await).await,
                    })
                    .await
                })
                .await;
            world.board.heard("flight started").await;
            world.advance(SECOND).await;
            let text = flow.failure().await.to_string();
            assert!(text.contains("the step may have happened"), "{text}");
            assert_eq!(world.board.said().last().unwrap(), "undo hotel");
        })
        .await;
    }
}

// G4, G6: it could not undo a dropped step, and is dropped while it undoes the others.
#[test]
async fn what_a_nested_saga_could_not_undo_before_it_was_dropped_is_reported() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    let trip = saga.nested(async |inner| {
                        inner
                            .step(Stage::quick, "flight".to_owned(), options())
                            .compensate_with(Stage::ignore, "undo flight".to_owned(), options())
                            .await?;
                        let seat = inner
                            .step(Stage::hold, "seat".to_owned(), options())
                            .compensate_with_output(Stage::quick, |it| it.clone(), options());
                        select! {
                            seat = seat => { seat?; },
                            slept = ctx.sleep(SECOND) => slept?,
                        }
                        WorkflowResult::Ok(())
                    });
                    select! {
                        done = trip => done?,
                        slept = ctx.sleep(MINUTE) => slept?,
                    }
                    WorkflowResult::Ok("ended".to_owned())
                })
                .await
            })
            .await;
        world.board.heard("seat started").await;
        world.advance(SECOND).await;
        world.board.heard("undo flight started").await;
        world.advance(MINUTE).await;
        flow.reaches("TimerFired", 2).await;
        flow.settle().await;
        world.board.open("undo flight");
        let text = flow.failure().await.to_string();
        assert!(text.contains("the step may have happened"), "{text}");
    })
    .await;
}

// G1: a saga in a task that a compensation left, when the run ends.
#[test]
async fn a_saga_that_a_compensation_left_is_undone_before_the_run_closes() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let saga = ctx.saga(async |saga| {
                    saga.compensate_with("by hand", async |ctx| {
                        ctx.spawn(async |ctx| {
                            ctx.saga(async |inner| {
                                quick(inner, "letter").await?;
                                ctx.wait_condition(|_| false).await?;
                                WorkflowResult::Ok(())
                            })
                            .await
                        })
                        .detach();
                        Ok(ctx.sleep(SECOND).await?)
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
        flow.reaches("TimerStarted", 1).await;
        world.advance(SECOND).await;
        world.board.heard("letter").await;
        flow.reaches("ActCompleted", 1).await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "ended");
        assert_eq!(world.board.said(), ["letter", "undo letter"]);
    })
    .await;
}

// G4, G7: what a nested saga said about its own undoing holds when the one above undoes it.
#[test]
async fn a_nested_saga_is_undone_in_its_own_way_by_the_one_above() {
    for dropped in [false, true] {
        scenario(async |world| {
            world.board.open("undo flight");
            let flow = world
                .start(async move |ctx| {
                    ctx.saga(async |saga| {
                        quick(saga, "visa").await?;
                        let trip = saga.nested(async |inner| {
                            inner.stop_on_failed_compensation();
                            quick(inner, "hotel").await?;
                            inner
                                .step(Stage::quick, "flight".to_owned(), options())
                                .compensate_with(Stage::fail, "undo flight".to_owned(), once())
                                .await?;
                            if dropped {
                                ctx.sleep(HOUR).await?;
                            }
                            WorkflowResult::Ok(())
                        });
                        select! {
                            done = trip => done?,
                            slept = ctx.sleep(MINUTE) => slept?,
                        }
                        fails::<String>("no visa")
                    })
                    .await
                })
                .await;
            if dropped {
                flow.reaches("TimerStarted", 2).await;
                world.advance(MINUTE).await;
            }
            let text = flow.failure().await.to_string();
            assert!(
                text.contains("skipped, because a compensation before it failed"),
                "{text}"
            );
            assert_eq!(
                world.board.said(),
                [
                    "visa",
                    "hotel",
                    "flight",
                    "undo flight started 1",
                    "undo visa"
                ]
            );
        })
        .await;
    }
}

// G4, G8
#[test]
async fn the_deadline_of_a_nested_saga_is_its_own() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    quick(saga, "visa").await?;
                    saga.nested(async |inner| {
                        inner.compensation_deadline(MINUTE);
                        inner
                            .step(Stage::quick, "hotel".to_owned(), options())
                            .compensate_with(Stage::ignore, "undo hotel".to_owned(), options())
                            .await?;
                        quick(inner, "flight").await
                    })
                    .await?;
                    fails::<String>("no visa")
                })
                .await
            })
            .await;
        world.board.heard("undo hotel started").await;
        flow.settle().await;
        world.advance(MINUTE).await;
        let text = flow.failure().await.to_string();
        assert!(
            text.contains("`quick` not compensated: activity cancelled"),
            "{text}"
        );
        assert_eq!(world.board.said().last().unwrap(), "undo visa");
        world.board.open("undo hotel");
    })
    .await;
}

// G4
#[test]
async fn a_nested_saga_is_undone_side_by_side_if_it_says_so() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.nested(async |inner| {
                        inner.parallel();
                        for name in ["hotel", "flight"] {
                            inner
                                .step(Stage::quick, name.to_owned(), options())
                                .compensate_with(Stage::hold, format!("undo {name}"), options())
                                .await?;
                        }
                        WorkflowResult::Ok(())
                    })
                    .await?;
                    fails::<String>("no visa")
                })
                .await
            })
            .await;
        world.board.heard("undo hotel started").await;
        world.board.heard("undo flight started").await;
        world.board.open("undo hotel");
        flow.reaches("ActCompleted", 3).await;
        world.board.open("undo flight");
        flow.failure().await;
    })
    .await;
}

// G8: nothing undoes it anyway.
#[test]
async fn a_step_without_compensation_that_outlives_the_deadline_is_not_reported() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.saga(async |saga| {
                    saga.compensation_deadline(MINUTE);
                    select! {
                        mailed = saga.step(Stage::ignore, "mail".to_owned(), options()).without_compensation()
                            => Ok(mailed?),
                        slept = ctx.sleep(SECOND) => { slept?; fails("too slow") }
                    }
                })
                .await
            })
            .await;
        world.board.heard("mail started").await;
        world.advance(SECOND).await;
        flow.reaches("ActCancelRequested", 1).await;
        flow.settle().await;
        world.advance(MINUTE).await;
        assert_eq!(flow.failure().await.message, "too slow");
        world.board.open("mail");
    })
    .await;
}
