//! What a reset applies again, as workers of other processes get it.

use steadfast::{
    client::{ResetOptions, ResetPoint},
    prelude::*,
};

use crate::here::Served;

/// Sums what it is told.
#[workflow]
#[derive(Debug, Default)]
struct Sum {
    total: i64,
    finished: bool,
}

#[workflow_methods]
impl Sum {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<i64> {
        ctx.wait_condition(|state| state.finished).await?;
        Ok(ctx.state(|state| state.total))
    }

    #[signal]
    fn finish(&mut self) {
        self.finished = true;
    }

    #[update]
    fn add(&mut self, number: i64) -> i64 {
        self.total += number;
        self.total
    }
}

/// A service says it in an event only, and so does our server.
#[tokio::test]
async fn an_update_that_a_reset_applies_again_is_answered_again() {
    let served = Served::new().await;
    let client = Client::new(served.client.clone());
    let worker = Worker::builder(&client, "sums")
        .register_workflow::<Sum>()
        .build()
        .unwrap();
    let test = async {
        let options = WorkflowStartOptions::new("sums", "sum");
        let sum = client.start_workflow(Sum::run, (), options).await.unwrap();
        assert_eq!(sum.add(3).await.unwrap(), 3);
        assert_eq!(sum.add(4).await.unwrap(), 7);
        let reset = sum.reset(
            ResetPoint::FirstWorkflowTask,
            "once more",
            ResetOptions::default(),
        );
        reset.await.unwrap();
        let again = client.workflow::<Sum>("sum").unwrap();
        assert_eq!(again.add(5).await.unwrap(), 12);
        again.finish().await.unwrap();
        assert_eq!(again.result().await.unwrap(), 12);
    };
    worker.run_until(test).await.unwrap();
}
