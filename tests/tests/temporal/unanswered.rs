//! Queries and updates that nobody answers end, say why, and lose nothing.

use std::time::{Duration, Instant};

use crate::service::{fresh_engine, variable};
use steadfast::{client::ClientError, engine::EngineError, prelude::*};

const QUEUE: &str = "unanswered";

#[workflow]
#[derive(Debug, Default)]
struct Count(u32);

#[workflow_methods]
impl Count {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.wait_condition(|state| state.0 > 2).await?;
        Ok(ctx.state(|state| state.0))
    }

    #[update]
    async fn add(ctx: &mut WorkflowContext<Self>, slowly: bool) -> WorkflowResult<u32> {
        if slowly {
            ctx.sleep(Duration::from_secs(3)).await?;
        }
        Ok(ctx.state_mut(|state| {
            state.0 += 1;
            state.0
        }))
    }

    #[query]
    fn count(&self) -> u32 {
        self.0
    }
}

fn unanswered<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Engine(EngineError::Unanswered { message })) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_nobody_answers_ends_and_an_update_is_kept_for_whoever_comes() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client =
        Client::new(fresh_engine(&address).await).with_answer_timeout(Duration::from_secs(1));
    let options = WorkflowStartOptions::new(QUEUE, "w");
    let count = client
        .start_workflow(Count::run, (), options)
        .await
        .unwrap();
    let since = Instant::now();
    let message = unanswered(count.count().await);
    assert!(message.starts_with("the query `count` was not answered within 1s: no worker polls the task queue `unanswered`; start one"), "{message}");
    let message = unanswered(count.update_with_id(Count::add, false, "kept").await);
    assert!(
        message.contains("the update `add` was not accepted within 1s: no worker polls"),
        "{message}"
    );
    assert!(
        message.ends_with("send it again under the id `kept` to hear what came of it"),
        "{message}"
    );
    assert!(since.elapsed() < Duration::from_secs(8));
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Count>()
        .build()
        .unwrap();
    let scenario = async {
        // It was kept, and under the same id it runs once.
        assert_eq!(
            count
                .update_with_id(Count::add, false, "kept")
                .await
                .unwrap(),
            1
        );
        // What was accepted may take longer than the wait for that.
        assert_eq!(count.add(true).await.unwrap(), 2);
        assert_eq!(count.count().await.unwrap(), 2);
    };
    worker.run_until(scenario).await.unwrap();
}
