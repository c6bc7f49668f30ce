//! What goes wrong is a line in the log, once: whoever runs a service sees it without asking.

use std::time::Duration;

use steadfast::{prelude::*, testing::TestEnvironment};

use crate::logs::{self, lines_with};

const QUEUE: &str = "q";

#[derive(Clone, Debug)]
struct Work;

#[activities]
impl Work {
    #[activity]
    async fn flaky(ctx: ActivityContext) -> Result<(), ActivityError> {
        if ctx.info().attempt == 1 {
            return Err("the shop is closed".into());
        }
        Ok(())
    }

    #[activity]
    async fn silent(ctx: ActivityContext) -> Result<(), ActivityError> {
        let _ = ctx.record_heartbeat(Vec::new());
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

#[workflow]
#[derive(Debug, Default)]
struct Troubled;

#[workflow_methods]
impl Troubled {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, trouble: String) -> WorkflowResult<()> {
        let minute = Duration::from_secs(60);
        match &*trouble {
            "activity" => {
                let options = ActivityOptions::start_to_close_timeout(minute);
                ctx.start_activity(Work::flaky, (), options).await?;
            }
            "local activity" => {
                let options = LocalActivityOptions::start_to_close_timeout(minute);
                ctx.start_local_activity(Work::flaky, (), options).await?;
            }
            "silence" => {
                let options = ActivityOptions::with_start_to_close_timeout(minute)
                    .heartbeat_timeout(Duration::from_secs(1))
                    .retry_policy(RetryPolicy::once())
                    .build();
                let ended = ctx.start_activity(Work::silent, (), options).await;
                assert!(ended.is_err(), "its heartbeats stop");
            }
            "failure" => {
                return Err(ApplicationFailure::non_retryable("no such order", "Order").into());
            }
            "panic" => panic!("a mistake"),
            "refusal" => {
                let options = || {
                    ActivityOptions::with_start_to_close_timeout(minute)
                        .activity_id(ActivityId::new("same").unwrap())
                        .build()
                };
                let first = ctx.start_activity(Work::flaky, (), options());
                let second = ctx.start_activity(Work::flaky, (), options());
                first.await?;
                second.await?;
            }
            _ => ctx.sleep(60 * minute).await?,
        }
        Ok(())
    }
}

/// Runs a workflow that has a trouble of a kind, until something is true.
async fn run(trouble: &str, until: impl AsyncFnOnce(&TestEnvironment, &TroubledHandle)) {
    logs::collect();
    let environment = TestEnvironment::start().unwrap();
    let worker = environment
        .worker(QUEUE)
        .register_workflow::<Troubled>()
        .register_activities(Work)
        .build()
        .unwrap();
    let scenario = async {
        let mut options = WorkflowStartOptions::new(QUEUE, format!("seen: {trouble}"));
        if trouble == "sleep" {
            options = options.run_timeout(Duration::from_secs(600));
        }
        let client = environment.client();
        let started = client.start_workflow(Troubled::run, trouble.to_owned(), options);
        until(&environment, &started.await.unwrap()).await;
    };
    environment
        .run_skipping_time(&worker, scenario)
        .await
        .unwrap();
}

fn seen(trouble: &str, text: &str) -> usize {
    lines_with(&["WARN", &format!("workflow_id=\"seen: {trouble}\""), text])
}

#[tokio::test]
async fn an_attempt_at_an_activity_that_fails_is_seen_once() {
    for (trouble, text) in [
        ("activity", "an attempt at an activity failed"),
        ("local activity", "an attempt at a local activity failed"),
    ] {
        run(trouble, async |_, flow| flow.result().await.unwrap()).await;
        assert_eq!(seen(trouble, text), 1, "{trouble}");
        assert_eq!(seen(trouble, "failure=the shop is closed"), 1);
        assert_eq!(seen(trouble, "attempt=1"), 1);
        assert_eq!(seen(trouble, ""), 1, "and nothing else is");
    }
}

#[tokio::test]
async fn an_activity_and_a_workflow_that_time_out_are_seen_once() {
    run("silence", async |environment, flow| {
        let is_running = async || {
            let activities = flow.describe().await.unwrap().pending_activities;
            activities
                .iter()
                .any(|activity| activity.last_worker.is_some())
        };
        while !is_running().await {
            tokio::task::yield_now().await;
        }
        environment.clock().advance(Duration::from_secs(2));
        flow.result().await.unwrap();
    })
    .await;
    assert_eq!(seen("silence", "timeout_type=Heartbeat"), 1);
    assert_eq!(seen("silence", ""), 1);
    run("sleep", async |_, flow| {
        flow.result().await.unwrap_err();
    })
    .await;
    assert_eq!(seen("sleep", "a workflow timed out"), 1);
    assert_eq!(seen("sleep", ""), 1);
}

#[tokio::test]
async fn a_workflow_that_fails_is_seen_once() {
    run("failure", async |_, flow| {
        flow.result().await.unwrap_err();
    })
    .await;
    assert_eq!(seen("failure", "a workflow failed"), 1);
    assert_eq!(seen("failure", "failure=no such order"), 1);
    assert_eq!(seen("failure", ""), 1);
}

/// Each attempt, so that the number of lines says how bad it is.
#[tokio::test]
async fn a_workflow_task_that_fails_or_is_refused_is_seen_with_its_reason() {
    for (trouble, text, reason) in [
        ("panic", "a workflow task failed", "a mistake"),
        (
            "refusal",
            "the answer to a workflow task was refused",
            "same",
        ),
    ] {
        run(trouble, async |_, _| {
            while seen(trouble, "attempt=3 ") == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        for attempt in 1..=3 {
            let attempt = format!("attempt={attempt} ");
            let has = |text: &str| {
                lines_with(&[&format!("workflow_id=\"seen: {trouble}\""), &attempt, text])
            };
            assert_eq!(
                (has(text), has(reason), has("")),
                (1, 1, 1),
                "{trouble}: {:?}",
                logs::collect()
            );
        }
    }
}

/// The next attempt can come before the worker hears that the answer was refused: what is in memory must not go on as if its
/// commands had been taken, because nobody would ever answer them.
#[tokio::test]
async fn a_refused_answer_is_never_taken_for_done() {
    let environment = TestEnvironment::start().unwrap();
    let worker = environment
        .worker(QUEUE)
        .register_workflow::<Troubled>()
        .register_activities(Work)
        .build()
        .unwrap();
    let scenario = async {
        for n in 0..40 {
            let options = WorkflowStartOptions::new(QUEUE, format!("refused-{n}"));
            let client = environment.client();
            let started = client.start_workflow(Troubled::run, "refusal".to_owned(), options);
            let flow = started.await.unwrap();
            loop {
                let task = flow.describe().await.unwrap().pending_workflow_task;
                let task = task.expect("it is tried again until its code is better");
                if task.attempt > 3 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            flow.terminate(WorkflowTerminateOptions::default())
                .await
                .unwrap();
        }
    };
    environment
        .run_skipping_time(&worker, scenario)
        .await
        .unwrap();
}
