//! Callers whom nobody answers: a query or an update without a worker used to wait for ever, and whoever asked
//! could not know why.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::{FutureExt as _, future::join};
use steadfast_core::payload::Payload;
use steadfast_engine::{Engine as _, EngineError, UpdateStage};

use crate::{
    harness::{Lived as _, World, block_on, queue},
    messages::{accept, answer_query, complete_update, query, update},
};

const SECOND: Duration = Duration::from_secs(1);

/// What somebody hears who has waited for ten seconds and not less.
async fn unanswered<T: std::fmt::Debug>(
    world: &World,
    asked: impl Future<Output = Result<T, EngineError>>,
) -> String {
    let mut asked = pin!(asked);
    // A closed run is read first.
    for _ in 0..2 {
        assert!((&mut asked).now_or_never().is_none());
        world.engine.settled().await.unwrap();
    }
    world.clock.advance(10 * SECOND - Duration::from_millis(1));
    assert!((&mut asked).now_or_never().is_none(), "not before its time");
    world.clock.advance(Duration::from_millis(1));
    match asked.await {
        Err(EngineError::Unanswered { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_query_that_nobody_answers_says_that_no_worker_polls() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let message = unanswered(&world, world.engine.query_workflow(query("w"))).await;
        assert_eq!(
            message,
            "the query `state` was not answered within 10s: no worker polls the task queue `w`; start one with \
             this workflow registered"
        );
        // What was given up is not given to a worker, and does not keep the run.
        world.run("task w: complete").await;
        let message = unanswered(&world, world.engine.query_workflow(query("w"))).await;
        assert!(message.contains("no worker polls"), "{message}");
    });
}

/// Whoever polls has not had the time to take it.
#[test]
fn a_query_that_may_take_no_time_is_not_told_that_no_worker_polls() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let mut request = query("w");
        request.answer_timeout = Duration::ZERO;
        let mut asked = pin!(world.engine.query_workflow(request));
        assert!((&mut asked).now_or_never().is_none());
        world.engine.settled().await.unwrap();
        world.clock.advance(Duration::ZERO);
        let error = asked.await.unwrap_err().to_string();
        assert!(
            error.contains("no worker answers in so short a time"),
            "{error}"
        );
    });
}

/// Also when somebody else waits longer for the same run.
#[test]
fn each_caller_waits_as_long_as_he_allows() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let mut long = pin!(world.engine.query_workflow(query("w")));
        assert!((&mut long).now_or_never().is_none());
        let mut request = query("w");
        request.answer_timeout = SECOND;
        let mut short = pin!(world.engine.query_workflow(request));
        assert!((&mut short).now_or_never().is_none());
        assert_eq!(world.clock.advance_to_next_timer(), Some(SECOND));
        let error = short.await.unwrap_err().to_string();
        assert!(error.contains("within 1s"), "{error}");
        assert!((&mut long).now_or_never().is_none());
        assert_eq!(world.clock.advance_to_next_timer(), Some(9 * SECOND));
        let error = long.await.unwrap_err().to_string();
        assert!(error.contains("within 10s"), "{error}");
    });
}

#[test]
fn a_query_of_a_paused_queue_says_so() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 60s").await;
        world.engine.pause_task_queue(&queue("w")).await.unwrap();
        let message = unanswered(&world, world.engine.query_workflow(query("w"))).await;
        assert!(
            message.contains("the task queue `w` is paused; resume it"),
            "{message}"
        );
    });
}

#[test]
fn a_query_of_a_workflow_whose_task_fails_says_so() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n fail w boom\n fail w boom").await;
        let message = unanswered(&world, world.engine.query_workflow(query("w"))).await;
        assert!(
            message.contains("its workflow task fails, 2 times so far"),
            "{message}"
        );
    });
}

#[test]
fn a_query_that_a_worker_has_and_does_not_answer_says_so() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w task=60s\n take w").await;
        let message = unanswered(&world, world.engine.query_workflow(query("w"))).await;
        assert!(
            message.contains("a worker has its workflow task"),
            "{message}"
        );
    });
}

/// It is withdrawn: a caller who was told that it failed must not find out later that it ran after all.
#[test]
fn an_update_that_nobody_accepts_is_withdrawn() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 60s").await;
        let sent = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed));
        let message = unanswered(&world, sent).await;
        assert_eq!(
            message,
            "the update `change` was not accepted within 10s: no worker polls the task queue `w`; it was withdrawn \
             and will not run; start one with this workflow registered, and send it again"
        );
        world
            .run("signal w go\n take w\n answer w: timer s 60s\n events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Signaled(go) · 7-9 WT · 10 TimerStarted(s)")
            .await;
    });
}

/// Only as long as nobody has it: what a worker accepted may take any time, and what a worker holds may still
/// be accepted, so that nothing acknowledged is lost.
#[test]
fn an_update_that_was_accepted_may_take_any_time() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 600s").await;
        let engine = world.engine.clone();
        let mut sent = pin!(engine.update_workflow(update("w", "u", UpdateStage::Completed)));
        assert!((&mut sent).now_or_never().is_none());
        world.run("take w").await;
        world.answer_with("w", vec![accept("u")]).await;
        world.clock.advance(60 * SECOND);
        assert!((&mut sent).now_or_never().is_none());
        world.run("signal w go\n take w").await;
        world
            .answer_with("w", vec![complete_update("u", "7")])
            .await;
        let reply = sent.await.unwrap();
        assert_eq!(reply.outcome.unwrap().unwrap(), Payload::json(&b"7"[..]));
    });
}

#[test]
fn an_update_that_a_worker_holds_is_not_withdrawn_and_its_id_finds_the_outcome() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w task=60s\n task w: timer t 600s").await;
        let engine = world.engine.clone();
        let mut sent = pin!(engine.update_workflow(update("w", "u", UpdateStage::Completed)));
        assert!((&mut sent).now_or_never().is_none());
        world.run("take w").await;
        world.clock.advance(10 * SECOND);
        let error = sent.await.unwrap_err().to_string();
        assert!(error.contains("it may still run"), "{error}");
        assert!(error.contains("under the id `u`"), "{error}");
        world
            .answer_with("w", vec![accept("u"), complete_update("u", "7")])
            .await;
        let again = engine
            .update_workflow(update("w", "u", UpdateStage::Completed))
            .await
            .unwrap();
        assert_eq!(again.outcome.unwrap().unwrap(), Payload::json(&b"7"[..]));
    });
}

#[test]
fn an_update_for_which_somebody_else_waits_is_not_withdrawn() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 600s").await;
        let engine = world.engine.clone();
        let mut patient = update("w", "u", UpdateStage::Completed);
        patient.answer_timeout = Duration::MAX;
        let mut patient = pin!(engine.update_workflow(patient));
        assert!((&mut patient).now_or_never().is_none());
        let hasty = engine.update_workflow(update("w", "u", UpdateStage::Completed));
        let message = unanswered(&world, hasty).await;
        assert!(message.contains("it may still run"), "{message}");
        world.clock.advance(3_600 * SECOND);
        assert!((&mut patient).now_or_never().is_none());
        world.run("take w").await;
        world
            .answer_with("w", vec![accept("u"), complete_update("u", "7")])
            .await;
        assert!(patient.await.unwrap().outcome.unwrap().is_ok());
    });
}

/// A wait writes nothing, and leaves nothing behind that the clock would stop at.
#[test]
fn those_who_are_answered_leave_nothing_behind() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 600s").await;
        for _ in 0..3 {
            let (answer, _) = join(
                world.engine.query_workflow(query("w")),
                answer_query(&world, "w", "worker", "1"),
            )
            .await;
            answer.unwrap();
            world.clock.advance(Duration::from_millis(10));
        }
        world.engine.settled().await.unwrap();
        let next = world.clock.next_timer().unwrap();
        assert!(
            next.since(world.clock.now()) > 500 * SECOND,
            "only the timer"
        );
    });
}

/// With the clock of the system it is the engine's own thread that ends the wait.
#[tokio::test]
async fn a_wait_ends_by_itself() {
    let engine = steadfast_embedded::EmbeddedEngine::in_memory().unwrap();
    engine
        .start_workflow(crate::harness::start_request("w", "start"))
        .await
        .unwrap();
    let mut request = query("w");
    request.answer_timeout = Duration::from_millis(20);
    let error = engine.query_workflow(request).await.unwrap_err();
    assert!(error.to_string().contains("within 20ms"), "{error}");
}
