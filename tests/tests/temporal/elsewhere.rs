//! Activities that end elsewhere: by their tokens and by their ids.

use std::time::Duration;

use steadfast::{
    core::{ids::ActivityId, task::TaskToken},
    engine::{ActivityRef, ExecutionRef},
    prelude::*,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::service::{fresh_engine, variable};

/// Tells the test which token it has.
struct Office(UnboundedSender<TaskToken>);

#[activities]
impl Office {
    #[activity]
    async fn ask(&self, ctx: ActivityContext) -> Result<String, ActivityError> {
        let token = ctx.info().task_token.clone().ok_or("no token")?;
        self.0.send(token).map_err(|_| "nobody listens")?;
        Err(ActivityError::complete_async())
    }
}

#[workflow]
#[derive(Debug, Default)]
struct Approval;

#[workflow_methods]
impl Approval {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .activity_id(ActivityId::new("approval")?)
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        Ok(ctx.start_activity(Office::ask, (), options).await?)
    }
}

async fn start(client: &Client, id: &str) -> ApprovalHandle {
    let options = WorkflowStartOptions::new("office", id);
    client
        .start_workflow(Approval::run, (), options)
        .await
        .unwrap()
}

async fn test(client: &Client, tokens: &mut UnboundedReceiver<TaskToken>) {
    let by_token = start(client, "by-token").await;
    let asked = client.async_activity(tokens.recv().await.unwrap());
    assert_eq!(asked.heartbeat(&"thinking").await.unwrap(), None);
    asked.complete("yes").await.unwrap();
    assert_eq!(by_token.result().await.unwrap(), "yes");
    assert!(asked.complete("again").await.unwrap_err().is_not_found());

    let by_id = start(client, "by-id").await;
    tokens.recv().await.unwrap();
    let asked = client.async_activity(ActivityRef {
        execution: ExecutionRef::current(WorkflowId::new("by-id").unwrap()),
        activity_id: ActivityId::new("approval").unwrap(),
    });
    assert_eq!(asked.heartbeat(&"thinking").await.unwrap(), None);
    asked.complete("no").await.unwrap();
    assert_eq!(by_id.result().await.unwrap(), "no");

    // A1, A4: it hears of the cancellation in the answer to a heartbeat.
    let cancelled = start(client, "cancelled").await;
    let asked = client.async_activity(tokens.recv().await.unwrap());
    let stop = WorkflowCancelOptions::builder().reason("changed my mind");
    cancelled.cancel(stop).await.unwrap();
    while asked.heartbeat(&"thinking").await.unwrap() != Some(CancelCause::Cancelled) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    asked.fail(ActivityError::cancelled()).await.unwrap();
    assert!(cancelled.result().await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn an_activity_ends_by_its_token_or_its_id() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let (told, mut tokens) = unbounded_channel();
    let worker = Worker::builder(&client, "office")
        .register_workflow::<Approval>()
        .register_activities(Office(told))
        .build()
        .unwrap();
    worker.run_until(test(&client, &mut tokens)).await.unwrap();
}
