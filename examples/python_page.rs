//! Temporal's page "Cancellation - Python SDK" in Rust: an activity that heartbeats and can be
//! cancelled, and a workflow that cancels it by its handle after a while.
//!
//! Run it with `cargo run --example python_page`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::prelude::*;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct ComposeArgsInput {
    arg1: String,
    arg2: String,
}

struct Composing;

#[activities]
impl Composing {
    #[activity]
    async fn cancellable_activity(
        ctx: ActivityContext,
        input: ComposeArgsInput,
    ) -> Result<(), ActivityError> {
        println!("heartbeating for {} {}", input.arg1, input.arg2);
        loop {
            ctx.heartbeat(&"some details")?;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
                _ = ctx.cancelled() => {
                    println!("activity cancelled");
                    // Only this makes it appear cancelled, as raising the error again does there.
                    return Err(ActivityError::cancelled());
                }
            }
        }
    }

    #[activity]
    async fn run_activity(input: ComposeArgsInput) -> Result<String, ActivityError> {
        println!("executing activity");
        Ok(input.arg1 + &input.arg2)
    }
}

#[workflow]
#[derive(Default)]
struct GreetingWorkflow;

#[workflow_methods]
impl GreetingWorkflow {
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        input: ComposeArgsInput,
    ) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
            .heartbeat_timeout(Duration::from_secs(30))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        let activity_handle =
            ctx.start_activity(Composing::cancellable_activity, input.clone(), options);

        // The page sleeps for three seconds.
        ctx.sleep(Duration::from_millis(300)).await?;
        activity_handle.cancel();

        if let Err(error) = activity_handle.await {
            #[allow_nondeterminism(reason = "the page prints here, and this example never replays")]
            println!(
                "the workflow sees: {error}, cancelled: {}",
                error.is_cancelled()
            );
        }
        // Only the activity was cancelled; the workflow goes on.
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        Ok(ctx
            .start_activity(Composing::run_activity, input, options)
            .await?)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = steadfast_examples::client("memory:").await?;
    let worker = Worker::builder(&client, "python")
        .register_workflow::<GreetingWorkflow>()
        .register_activities(Composing)
        .build()?;
    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("python", "your_workflow_id");
            let input = ComposeArgsInput {
                arg1: "Hello, ".to_owned(),
                arg2: "World".to_owned(),
            };
            let workflow = client
                .start_workflow(GreetingWorkflow::run, input, options)
                .await?;
            println!("{}", workflow.result().await?);
            anyhow::Ok(())
        })
        .await?
}
