//! Rules that no recorded scenario shows, on a service: what the tests of `workflows` prove on the embedded engine.

use std::time::Duration;

use steadfast::{client::ClientError, core::failure::TimeoutType, prelude::*};

use crate::{
    flood,
    service::{fresh_engine, variable},
};

const QUEUE: &str = "rules";

#[derive(Debug)]
struct Slow;

#[activities]
impl Slow {
    /// Is never heard of again in its first attempt.
    #[activity]
    async fn hang_once(ctx: ActivityContext) -> Result<u32, ActivityError> {
        if ctx.info().attempt == 1 {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        Ok(ctx.info().attempt)
    }
}

/// Says in which attempt an activity succeeded, or which of its time limits passed.
#[workflow]
#[derive(Debug, Default)]
struct Patience {
    leave: bool,
}

#[workflow_methods]
impl Patience {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, not_again: String) -> WorkflowResult<String> {
        if not_again.is_empty() {
            ctx.wait_condition(|state| state.leave).await?;
            return Ok("left".to_owned());
        }
        let policy = RetryPolicy {
            initial_interval: Duration::from_millis(10),
            non_retryable_error_types: vec![not_again],
            ..RetryPolicy::default()
        };
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1))
            .retry_policy(policy);
        Ok(
            match ctx.start_activity(Slow::hang_once, (), options).await {
                Ok(attempt) => format!("attempt {attempt}"),
                Err(error) => format!("{:?}", error.timeout_type()),
            },
        )
    }

    /// Waits for what the run does not wait for.
    #[update]
    async fn think(ctx: &mut WorkflowContext<Self>) -> Result<(), WorkflowError> {
        ctx.sleep(Duration::from_secs(3600)).await?;
        Ok(())
    }

    #[signal]
    fn leave(&mut self) {
        self.leave = true;
    }
}

async fn with_worker(judge: impl AsyncFnOnce(&Client)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Patience>()
        .register_activities(Slow)
        .build()
        .unwrap();
    worker.run_until(judge(&client)).await.unwrap();
}

async fn start(client: &Client, not_again: &str) -> PatienceHandle {
    let options = WorkflowStartOptions::new(QUEUE, format!("not again: {not_again}"));
    client
        .start_workflow(Patience::run, not_again.to_owned(), options)
        .await
        .unwrap()
}

#[tokio::test]
async fn f4_a_policy_can_name_a_time_limit() {
    with_worker(async |client| {
        let passed = format!("{:?}", Some(TimeoutType::StartToClose));
        for (not_again, expected) in [
            ("TemporalTimeout:StartToClose", passed.as_str()),
            ("TemporalTimeout:Heartbeat", "attempt 2"),
        ] {
            let patience = start(client, not_again).await;
            assert_eq!(patience.result().await.unwrap(), expected, "{not_again}");
        }
    })
    .await;
}

#[tokio::test]
async fn m3_an_accepted_update_whose_run_ends_is_told_so_also_when_asked_again() {
    with_worker(async |client| {
        let patience = start(client, "").await;
        let think = async || {
            patience
                .update_with_id(Patience::think, (), "thought")
                .await
        };
        let leave = async {
            // The update comes first, as its waiting in the service shows.
            while !accepted(&patience).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            patience.leave().await.unwrap();
        };
        let (told, ()) = tokio::join!(think(), leave);
        assert_eq!(patience.result().await.unwrap(), "left");
        for told in [told, think().await] {
            let Err(ClientError::Refused(failure)) = told else {
                panic!("{told:?}");
            };
            assert_eq!(
                failure.message,
                "Workflow Update failed because the Workflow completed before the Update completed."
            );
        }
    })
    .await;
}

async fn accepted(patience: &PatienceHandle) -> bool {
    let history = patience.history().await.unwrap();
    let mut kinds = history.events.iter().map(|event| event.kind.name());
    kinds.any(|name| name == "WorkflowExecutionUpdateAccepted")
}

#[tokio::test]
async fn m2_each_of_many_signals_and_a_request_is_heard_by_some_run() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let worker = flood::worker(&client, 100);
    worker.run_until(flood::judge(&client)).await.unwrap();
    flood::judge_request(&client, flood::worker(&client, 100)).await;
}
