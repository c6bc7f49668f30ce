//! What comes after the code has asked for another run is heard by that one: M2.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::{
    client::{ClientError, WorkflowExecutionError},
    prelude::*,
    workflow::Saga,
};
use tokio::test;

use crate::{
    flood,
    harness::{
        MINUTE, QUEUE, SECOND, Stage, World, many, none, once, options, scenario_without_worker,
    },
    logs,
};

/// Continues as new once, and then says what it heard in both runs.
#[workflow]
#[derive(Debug, Default)]
struct Relay {
    heard: Vec<String>,
    end: bool,
}

/// What the first run does before it continues as new.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
enum First {
    /// Leaves a saga behind.
    Saga,
    /// Leaves a saga behind that waits for a message to be undone, for a minute at most.
    Approval,
    /// Waits for time to pass.
    Timer,
    /// Waits for a note.
    Note,
}

/// Leaves a saga behind that is undone in this way.
async fn leave_a_saga(
    ctx: &WorkflowContext<Relay>,
    deadline: Option<Duration>,
    compensation: impl AsyncFnOnce(&mut WorkflowContext<Relay>) -> WorkflowResult<()> + 'static,
) -> WorkflowResult<()> {
    let saga = ctx.saga(async |saga: &mut Saga<Relay>| {
        if let Some(deadline) = deadline {
            saga.compensation_deadline(deadline);
        }
        saga.compensate_with("by hand", compensation);
        ctx.wait_condition(|_| false).await?;
        WorkflowResult::Ok(())
    });
    select! {
        done = saga => done,
        slept = ctx.sleep(SECOND) => Ok(slept?),
    }
}

#[workflow_methods]
impl Relay {
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        before: Option<Vec<String>>,
        first: First,
    ) -> WorkflowResult<Vec<String>> {
        let Some(mut heard) = before else {
            match first {
                First::Saga => {
                    leave_a_saga(ctx, None, async |ctx| Ok(ctx.sleep(MINUTE).await?)).await?;
                }
                First::Approval => {
                    let approved = async |ctx: &mut WorkflowContext<Self>| {
                        Ok(ctx.wait_condition(|state| state.end).await?)
                    };
                    leave_a_saga(ctx, Some(MINUTE), approved).await?;
                }
                First::Timer => ctx.sleep(SECOND).await?,
                First::Note => {
                    let noted = ctx.wait_condition(|state| !state.heard.is_empty());
                    noted.await?;
                    // Refused, which nobody looks at.
                    ctx.timer(SECOND).detach();
                }
            }
            let heard = ctx.state_mut(|state| std::mem::take(&mut state.heard));
            return ctx.continue_as_new((Some(heard), first), ContinueAsNewOptions::default());
        };
        let waited = ctx.wait_condition(|state| state.end).await;
        heard.append(&mut ctx.state_mut(|state| std::mem::take(&mut state.heard)));
        if let Err(cancelled) = waited {
            ctx.disconnected(async |ctx| {
                ctx.start_activity(Stage::quick, heard.join(" "), options())
                    .await
            })
            .await?;
            return Err(cancelled.into());
        }
        Ok(heard)
    }

    #[signal]
    fn note(&mut self, what: String) {
        self.heard.push(what);
    }

    #[signal]
    async fn note_later(ctx: &mut WorkflowContext<Self>, what: String) {
        if ctx.sleep(SECOND).await.is_ok() {
            ctx.state_mut(|state| state.heard.push(what));
        }
    }

    #[signal]
    fn end(&mut self) {
        self.end = true;
    }
}

async fn relay(world: &World, first: First) -> RelayHandle {
    let options = WorkflowStartOptions::new(QUEUE, "relay");
    world
        .client
        .start_workflow(Relay::run, (None, first), options)
        .await
        .unwrap()
}

fn work(world: &World) {
    world.work_with(world.worker().register_workflow::<Relay>());
}

/// A run that has asked for another one and waits for its saga.
async fn waiting_for_a_saga(world: &World) -> RelayHandle {
    work(world);
    let handle = relay(world, First::Saga).await;
    let flow = world.find("relay");
    flow.reaches("TimerStarted", 1).await;
    world.advance(SECOND).await;
    flow.reaches("TimerStarted", 2).await;
    handle
}

async fn second_run(world: &World) -> RelayHandle {
    while world.executions(None).await.len() < 2 {
        world.settle().await;
    }
    world.client.workflow::<Relay>("relay").unwrap()
}

#[test]
async fn signals_that_come_after_the_code_has_asked_for_another_run_are_heard_by_that_one() {
    scenario_without_worker(async |world| {
        let handle = waiting_for_a_saga(world).await;
        handle.note("a".to_owned()).await.unwrap();
        handle.note_later("c".to_owned()).await.unwrap();
        handle.note("b".to_owned()).await.unwrap();
        world.settle().await;
        world.advance(MINUTE).await;
        let next = second_run(world).await;
        world.find("relay").reaches("TimerStarted", 1).await;
        next.note("d".to_owned()).await.unwrap();
        world.advance(SECOND).await;
        world.find("relay").settle().await;
        next.end().await.unwrap();
        assert_eq!(next.result().await.unwrap(), ["a", "b", "d", "c"]);
    })
    .await;
}

// G8: what a compensation waits for is the next run's, and the deadline ends the wait.
#[test]
async fn a_compensation_that_waits_for_a_message_of_the_next_run_ends_with_its_deadline() {
    scenario_without_worker(async |world| {
        work(world);
        let handle = relay(world, First::Approval).await;
        let flow = world.find("relay");
        flow.reaches("TimerStarted", 1).await;
        world.advance(SECOND).await;
        flow.reaches("TimerStarted", 2).await;
        handle.note("a".to_owned()).await.unwrap();
        handle.end().await.unwrap();
        world.settle().await;
        assert_eq!(world.executions(None).await.len(), 1);
        world.advance(MINUTE).await;
        let next = second_run(world).await;
        assert_eq!(next.result().await.unwrap(), ["a"]);
    })
    .await;
}

#[test]
async fn a_signal_that_nothing_takes_is_handed_over_too() {
    scenario_without_worker(async |world| {
        let handle = waiting_for_a_saga(world).await;
        handle.signal_by_name("unknown", vec![]).await.unwrap();
        handle.end().await.unwrap();
        world.settle().await;
        world.advance(MINUTE).await;
        let next = second_run(world).await;
        assert_eq!(next.result().await.unwrap(), [""; 0]);
    })
    .await;
}

#[test]
async fn a_request_that_comes_after_the_code_has_asked_for_another_run_cancels_that_one() {
    scenario_without_worker(async |world| {
        let handle = waiting_for_a_saga(world).await;
        handle.note("a".to_owned()).await.unwrap();
        cancel(&handle, "enough").await;
        world.settle().await;
        world.advance(MINUTE).await;
        cancelled_with(world, "enough", "a").await;
    })
    .await;
}

/// The code goes on for the first event of a task and asks for another run; the request comes behind.
#[test]
async fn a_request_behind_what_the_code_went_on_for_cancels_the_next_run() {
    for options in [many(), none()] {
        once(options, &async |world: &World| {
            let handle = relay(world, First::Timer).await;
            work(world);
            world.find("relay").reaches("TimerStarted", 1).await;
            world.settle().await;
            world.rest().await;
            world.advance(SECOND).await;
            cancel(&handle, "enough").await;
            work(world);
            cancelled_with(world, "enough", "").await;
            world.rest().await;
        })
        .await;
    }
}

/// The code goes on for a signal, with the request in the same task, and meets nothing that tells it.
#[test]
async fn a_request_that_no_code_heard_cancels_the_next_run() {
    for options in [many(), none()] {
        once(options, &async |world: &World| {
            let handle = relay(world, First::Note).await;
            handle.note("a".to_owned()).await.unwrap();
            cancel(&handle, "enough").await;
            work(world);
            cancelled_with(world, "enough", "a").await;
            world.rest().await;
        })
        .await;
    }
}

async fn cancel(handle: &RelayHandle, reason: &str) {
    let options = WorkflowCancelOptions::builder().reason(reason);
    handle.cancel(options).await.unwrap();
}

async fn cancelled_with(world: &World, reason: &str, cleaned: &str) {
    let next = second_run(world).await;
    let error = next.result().await.unwrap_err();
    let ClientError::Workflow(WorkflowExecutionError::Cancelled { reason: told }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(told, reason);
    assert_eq!(world.board.said(), [cleaned]);
}

/// What the next run cannot be given is heard by this one, as its warning says.
#[test]
async fn signals_that_are_too_much_for_the_next_run_are_heard_by_the_one_that_ends() {
    let logs = logs::collect();
    once(many(), &async |world: &World| {
        let handle = waiting_for_a_saga(world).await;
        let large = "x".repeat(900 * 1024);
        for _ in 0..3 {
            handle.note(large.clone()).await.unwrap();
        }
        world.settle().await;
        world.advance(MINUTE).await;
        let next = second_run(world).await;
        next.end().await.unwrap();
        assert_eq!(next.result().await.unwrap(), [large.clone(), large]);
        assert!(
            logs.contain("the next run cannot be given more"),
            "{logs:?}"
        );
    })
    .await;
}

#[test]
async fn each_of_many_signals_and_a_request_is_heard_by_some_run() {
    for cached_runs in [100, 0] {
        let client = Client::connect("memory:").await.unwrap();
        let worker = flood::worker(&client, cached_runs);
        worker.run_until(flood::judge(&client)).await.unwrap();
        flood::judge_request(&client, flood::worker(&client, cached_runs)).await;
    }
}
