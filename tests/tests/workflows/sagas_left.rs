//! Steps that outlive their saga, undoing that is dropped half-way, and what is left when a run ends: G1, G3,
//! G4, G6, G8.

use steadfast::{
    prelude::*,
    workflow::{Saga, try_join},
};
use tokio::test;

use crate::{
    harness::{Ctx, HOUR, MINUTE, SECOND, Script, Stage, options, scenario},
    notation::short,
};

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
        assert_eq!(short(&*flow.failure().await), "No");
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
