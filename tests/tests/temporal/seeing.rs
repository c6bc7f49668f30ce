//! A workflow task that keeps failing is seen on a Temporal Service too: described, found and in the log.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use steadfast::{
    engine::{ListFilter, REPORTED_PROBLEMS},
    prelude::*,
};
use tokio::time::sleep;

use crate::{
    logs::{self, lines_with},
    service::{fresh_engine, variable},
};

const QUEUE: &str = "seeing";
static BROKEN: AtomicBool = AtomicBool::new(true);

/// Whether the code of today has the mistake.
fn is_broken() -> bool {
    BROKEN.load(Ordering::Acquire)
}

#[derive(Clone, Debug)]
struct Work;

#[activities]
impl Work {
    #[activity]
    async fn fail() -> Result<(), ActivityError> {
        Err("the shop is closed".into())
    }
}

#[workflow]
#[derive(Debug, Default)]
struct Troubled;

#[workflow_methods]
impl Troubled {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let retry = RetryPolicy {
            initial_interval: Duration::from_secs(600),
            maximum_attempts: 4,
            ..RetryPolicy::default()
        };
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(retry)
            .build();
        let _failing = ctx.start_activity(Work::fail, (), options);
        ctx.sleep(Duration::from_secs(1)).await?;
        assert!(!is_broken(), "a mistake");
        Ok(())
    }
}

/// A command that the service refuses: a search attribute that nobody registered.
#[workflow]
#[derive(Debug, Default)]
struct Refused;

#[workflow_methods]
impl Refused {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.upsert_search_attribute("NobodyKnowsThis", &"value")?;
        ctx.sleep(Duration::from_secs(600)).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_task_that_keeps_failing_is_described_and_found() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    logs::collect();
    let client = Client::new(fresh_engine(&address).await);
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Troubled>()
        .register_workflow::<Refused>()
        .register_activities(Work)
        .build()
        .unwrap();
    worker.run_until(test(&client)).await.unwrap();
}

async fn test(client: &Client) {
    let options = WorkflowStartOptions::new(QUEUE, "seeing-troubled");
    let troubled = client
        .start_workflow(Troubled::run, (), options)
        .await
        .unwrap();
    let options = WorkflowStartOptions::new(QUEUE, "seeing-refused");
    let refused = client
        .start_workflow(Refused::run, (), options)
        .await
        .unwrap();
    let described = loop {
        let described = troubled.describe().await.unwrap();
        if described.search_attributes.contains_key(REPORTED_PROBLEMS) {
            break described;
        }
        sleep(Duration::from_millis(50)).await;
    };
    let task = described.pending_workflow_task.unwrap();
    assert!(task.attempt >= 5, "{task:?}");
    let failure = task.last_failure.unwrap().to_string();
    assert!(failure.contains("a mistake"), "{failure}");
    let activity = &described.pending_activities[0];
    assert_eq!((activity.attempt, activity.maximum_attempts), (2, 4));
    assert!(
        activity.next_attempt_time > activity.last_started_time,
        "{activity:?}"
    );
    assert_eq!(activity.last_worker.as_ref(), Some(client.identity()));
    let failing = || ListFilter {
        reported_problems: true,
        ..ListFilter::default()
    };
    let found = async || -> Vec<String> {
        let listed: Vec<_> = client
            .list_workflows(failing())
            .try_collect()
            .await
            .unwrap();
        listed
            .iter()
            .map(|run| run.execution.workflow_id.to_string())
            .collect()
    };
    let is_found = async || found().await.contains(&"seeing-troubled".to_owned());
    while !is_found().await {
        sleep(Duration::from_millis(100)).await;
    }
    let task = refused
        .describe()
        .await
        .unwrap()
        .pending_workflow_task
        .unwrap();
    let failure = task.last_failure.unwrap().to_string();
    assert!(failure.contains("NobodyKnowsThis"), "{failure}");
    // The service counts a failure on the worker that had the run in memory as no attempt.
    let seen = |id: &str, text: &str| lines_with(&["WARN", id, "attempt=2 ", text]);
    assert_eq!(seen("seeing-troubled", "a workflow task failed"), 1);
    while seen("seeing-refused", "") == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let text = "the answer to a workflow task was refused";
    assert_eq!(seen("seeing-refused", text), 1);
    assert_eq!(seen("seeing-refused", "NobodyKnowsThis"), 1);
    assert_eq!(
        lines_with(&[
            "an attempt at an activity failed",
            "seeing-troubled",
            "attempt=1 "
        ]),
        1
    );
    BROKEN.store(false, Ordering::Release);
    troubled.result().await.unwrap();
    while is_found().await {
        sleep(Duration::from_millis(100)).await;
    }
}
