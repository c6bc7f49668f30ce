//! What is too large for a service is said to be, once.

use std::time::Duration;

use steadfast::{
    core::event::{EventKind, ExecutionStatus, WorkflowTaskFailedCause},
    prelude::*,
    testing::assert_history,
};
use tokio::time::sleep;

use crate::service::{fresh_engine, variable};

const QUEUE: &str = "limits";

#[derive(Clone, Debug)]
struct Parcels;

#[activities]
impl Parcels {
    #[activity]
    async fn weigh(parcel: String) -> Result<usize, ActivityError> {
        Ok(parcel.len())
    }

    #[activity]
    async fn make(bytes: usize) -> Result<String, ActivityError> {
        Ok("x".repeat(bytes))
    }

    #[activity]
    async fn lose(bytes: usize) -> Result<(), ActivityError> {
        Err(ApplicationFailure::new("lost", "Lost")
            .with_details(&"x".repeat(bytes))?
            .into())
    }
}

/// Sends so many bytes this way or that.
#[workflow]
#[derive(Debug, Default)]
struct Sends;

#[workflow_methods]
impl Sends {
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        way: String,
        bytes: usize,
    ) -> WorkflowResult<String> {
        let options = || {
            let once = RetryPolicy {
                maximum_attempts: 2,
                ..RetryPolicy::default()
            };
            ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
                .retry_policy(once)
                .build()
        };
        match way.as_str() {
            "input" => {
                let parcel = "x".repeat(bytes);
                let weight = ctx.start_activity(Parcels::weigh, parcel, options());
                Ok(weight.await?.to_string())
            }
            "result" => Ok(ctx.start_activity(Parcels::make, bytes, options()).await?),
            "failure" => {
                ctx.start_activity(Parcels::lose, bytes, options()).await?;
                Ok(String::new())
            }
            "wait" => Ok(ctx.sleep(Duration::from_secs(3600)).await.map(|()| way)?),
            _ => Ok("x".repeat(bytes)),
        }
    }

    /// So many bytes.
    #[query]
    fn contents(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }
}

/// Values of 3 MiB are more than a service takes in one place, those of 5 MiB more than it takes in one request.
const SIZES: [usize; 2] = [3 << 20, 5 << 20];

async fn with_worker(scenario: impl AsyncFnOnce(&Client)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Sends>()
        .register_activities(Parcels)
        .build()
        .unwrap();
    worker.run_until(scenario(&client)).await.unwrap();
}

async fn send(client: &Client, way: &str, bytes: usize) -> SendsHandle {
    let options = WorkflowStartOptions::new(QUEUE, format!("{way}-{bytes}"));
    client
        .start_workflow(Sends::run, (way.to_owned(), bytes), options)
        .await
        .unwrap()
}

/// A service that is sent such a command terminates the workflow; here its task fails, and waits for better code.
#[tokio::test]
async fn a_workflow_task_that_asks_for_too_much_fails_and_the_workflow_stays() {
    with_worker(async |client| {
        for (way, what) in [
            ("input", "the command `SCHEDULE_ACTIVITY_TASK` has"),
            ("end", "the command `COMPLETE_WORKFLOW_EXECUTION` has"),
        ] {
            for bytes in SIZES {
                let sends = send(client, way, bytes).await;
                let failure = loop {
                    let history = sends.history().await.unwrap();
                    let failed = history
                        .events
                        .into_iter()
                        .find_map(|event| match event.kind {
                            EventKind::WorkflowTaskFailed { cause, failure, .. } => {
                                assert_eq!(cause, WorkflowTaskFailedCause::PayloadsTooLarge);
                                failure
                            }
                            _ => None,
                        });
                    match failed {
                        Some(failure) => break failure.message,
                        None => sleep(Duration::from_millis(50)).await,
                    }
                };
                assert!(
                    failure.starts_with(what) && failure.contains("takes at most 2097152"),
                    "{failure}"
                );
                let described = sends.describe().await.unwrap();
                assert_eq!(described.status, ExecutionStatus::Running);
                let reason = WorkflowTerminateOptions::default();
                sends.terminate(reason).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_activity_that_gives_too_much_fails_and_is_not_tried_again() {
    with_worker(async |client| {
        for (way, what) in [
            ("result", "the result of an activity has"),
            ("failure", "the failure of an activity has"),
        ] {
            for bytes in SIZES {
                let sends = send(client, way, bytes).await;
                let error = sends.result().await.unwrap_err().to_string();
                assert!(
                    error.contains(what) && error.contains("takes at most 2097152"),
                    "{error}"
                );
                let history = sends.history().await.unwrap();
                assert_history(&history).has_times(1, "ActivityTaskFailed");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_query_that_answers_too_much_fails_alone() {
    with_worker(async |client| {
        let sends = send(client, "wait", 0).await;
        for bytes in SIZES {
            let error = sends.contents(bytes).await.unwrap_err().to_string();
            assert!(error.contains("the answer to a query has"), "{error}");
        }
        assert_eq!(sends.contents(3).await.unwrap(), "xxx");
        let history = sends.history().await.unwrap();
        assert_history(&history).has_none("WorkflowTaskFailed");
        sends
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_start_with_too_much_is_refused() {
    with_worker(async |client| {
        for (bytes, said) in SIZES.into_iter().zip(["exceeds limit", "larger than max"]) {
            let options = WorkflowStartOptions::new(QUEUE, "start");
            let started = client
                .start_workflow(Sends::run, ("x".repeat(bytes), 0), options)
                .await;
            let error = started.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    })
    .await;
}
