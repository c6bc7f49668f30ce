//! Futures that are not the SDK's own: those that a replay could not have are found in the task in
//! which they are first awaited, and those that live inside the workflow are left alone.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use steadfast::{
    core::event::{EventKind, HistoryEvent},
    prelude::*,
};
use tokio::test;

use crate::{
    harness::{Ctx, QUEUE, SECOND, Stage, World, many, once, options, scenario},
    logs,
};

/// The text with which a workflow's first task fails.
async fn first_failure(
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Clone + Send + Sync + 'static,
) -> String {
    let text = std::sync::Mutex::new(String::new());
    once(many(), &async |world: &World| {
        world.work();
        let flow = world.start(body.clone()).await;
        flow.reaches("WTFailed", 1).await;
        let events = flow.events().await;
        *text.lock().unwrap() = failure_of_first_task(&events);
        flow.handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
    })
    .await;
    text.into_inner().unwrap()
}

fn failure_of_first_task(events: &[HistoryEvent]) -> String {
    // In the same task: nothing was recorded before.
    match &events[3].kind {
        EventKind::WorkflowTaskFailed {
            failure: Some(failure),
            ..
        } => failure.message.clone(),
        _ => panic!("{events:?}"),
    }
}

#[test]
async fn a_sleep_of_tokio_fails_the_task_and_names_what_to_use() {
    let text = first_failure(async |_| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(String::new())
    })
    .await;
    assert!(
        text.contains("ctx.sleep(..)") && text.contains("tokio::time::sleep"),
        "{text}"
    );
}

#[test]
async fn a_sleep_of_tokio_beside_an_operation_fails_the_task_too() {
    let text = first_failure(async |ctx| {
        Ok(select! {
            _ = ctx.sleep(SECOND) => "timer".to_owned(),
            () = tokio::time::sleep(Duration::from_secs(3600)) => "tokio".to_owned(),
        })
    })
    .await;
    assert!(text.contains("ctx.sleep(..)"), "{text}");
}

#[test]
async fn a_task_of_tokio_fails_the_task_and_names_what_to_use() {
    let text = first_failure(async |_| {
        tokio::spawn(async {}).await?;
        Ok(String::new())
    })
    .await;
    assert!(text.contains("ctx.spawn(..)"), "{text}");
}

/// Waits for what another thread sends. Its state holds nothing that a handler could send with.
#[workflow]
#[derive(Debug, Default)]
struct Waiting;

#[workflow_methods]
impl Waiting {
    #[run]
    async fn run(_: &mut WorkflowContext<Self>, how: String) -> WorkflowResult<String> {
        if how == "never" {
            std::future::pending::<()>().await;
        }
        Ok(from_another_thread().await?)
    }

    #[signal]
    fn poke(&mut self) {}
}

fn from_another_thread() -> tokio::sync::oneshot::Receiver<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let _ = sender.send("outside".to_owned());
    });
    receiver
}

#[test]
async fn a_channel_from_another_thread_and_what_never_ends_fail_the_task() {
    for how in ["thread", "never"] {
        once(many(), &async |world: &World| {
            world.work_with(world.worker().register_workflow::<Waiting>());
            let options = WorkflowStartOptions::new(QUEUE, "waiting");
            world
                .client
                .start_workflow(Waiting::run, how.to_owned(), options)
                .await
                .unwrap();
            let flow = world.find("waiting");
            flow.reaches("WTFailed", 1).await;
            let text = failure_of_first_task(&flow.events().await);
            assert!(
                text.contains("nothing in the workflow can complete")
                    && text.contains("ctx.wait_condition(..)")
                    && text.contains("activity"),
                "{text}"
            );
            flow.handle
                .terminate(WorkflowTerminateOptions::default())
                .await
                .unwrap();
        })
        .await;
    }
}

// Beside an operation, a channel cannot be told from one within the workflow before it wakes.
#[test]
async fn a_channel_from_another_thread_beside_an_operation_is_found_when_it_wakes() {
    let logs = logs::collect();
    once(many(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                Ok(select! {
                    _ = ctx.sleep(SECOND) => "timer".to_owned(),
                    said = from_another_thread() => said?,
                })
            })
            .await;
        while !logs.contain("workflow code was woken from outside its run") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        flow.say("wake").await;
        flow.reaches("WTFailed", 1).await;
        let text = format!("{:?}", flow.events().await);
        assert!(
            text.contains("woken from outside") && text.contains("ctx.sleep(..)"),
            "{text}"
        );
        flow.handle
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
    })
    .await;
}

#[test]
async fn channels_within_the_workflow_are_fine() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                let (many, mut received) = tokio::sync::mpsc::unbounded_channel();
                let task = ctx.spawn(async move |ctx| {
                    ctx.sleep(SECOND).await?;
                    let _ = sender.send("one".to_owned());
                    ctx.sleep(SECOND).await?;
                    many.send("many".to_owned())?;
                    WorkflowResult::Ok(())
                });
                let one = receiver.await?;
                let many = received.recv().await.unwrap();
                task.await?;
                Ok(format!("{one} {many}"))
            })
            .await;
        world.advance(SECOND).await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "one many");
    })
    .await;
}

#[test]
async fn unordered_and_shared_futures_are_fine() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let ctx = &*ctx;
                let mut unordered: FuturesUnordered<_> = (1..=20_u32)
                    .rev()
                    .map(|number| async move { ctx.sleep(number * SECOND).await.map(|()| number) })
                    .collect();
                let mut order = Vec::new();
                while let Some(number) = unordered.next().await {
                    order.push(number?);
                }
                let shared = ctx
                    .start_activity(Stage::quick, "shared".to_owned(), options())
                    .map(|result| result.unwrap())
                    .shared();
                let other = shared.clone();
                let (mine, theirs) = steadfast::workflow::join(shared, other).await;
                Ok(format!("{} {mine} {theirs}", order.is_sorted()))
            })
            .await;
        for _ in 0..20 {
            world.advance(SECOND).await;
        }
        assert_eq!(flow.result().await, "true shared shared");
    })
    .await;
}

#[test]
async fn a_buffered_stream_of_activities_is_fine() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let names = futures_util::stream::iter(0..10_u32)
                    .map(|number| ctx.start_activity(Stage::quick, number.to_string(), options()))
                    .buffered(1)
                    .collect::<Vec<_>>()
                    .await;
                Ok(names.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
            })
            .await;
        assert_eq!(flow.result().await, "0123456789");
    })
    .await;
}
