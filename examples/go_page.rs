//! Temporal's page "Cancel a Workflow - Go SDK" in Rust: cleanup that Go defers, an activity that is
//! waited for while it stops, one that is skipped, and a heartbeat after the cancellation.
//!
//! Run it with `cargo run --example go_page`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast::prelude::*;
use steadfast_examples::until_an_activity_runs;

struct Activities;

#[activities]
impl Activities {
    /// Responds to the cancellation request.
    #[activity]
    async fn activity_to_be_cancelled(ctx: ActivityContext) -> Result<String, ActivityError> {
        let mut said = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    if !said {
                        println!("activity: heartbeating");
                        said = true;
                    }
                    ctx.record_heartbeat(vec![]);
                }
                cause = ctx.cancelled() => {
                    println!("activity: {cause}");
                    // One final heartbeat is still delivered, and says that it comes late.
                    let heartbeat = ctx.heartbeat(&"one last word")?;
                    println!("activity: a heartbeat after that says {:?}", heartbeat.cancel_cause());
                    return Ok("I am cancelled by Done".to_owned());
                }
            }
        }
    }

    /// Never runs: the workflow is cancelled before it is scheduled.
    #[activity]
    async fn activity_to_be_skipped() {
        println!("this line is never printed");
    }

    /// Runs although the workflow is cancelled.
    #[activity]
    async fn cleanup() {
        println!("cleanup: done");
    }
}

#[workflow]
#[derive(Default)]
struct YourWorkflow;

#[workflow_methods]
impl YourWorkflow {
    #[run]
    #[expect(
        deprecated,
        reason = "the page waits for an activity without heartbeats, which is never started"
    )]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        // Go's `defer` with a disconnected context: only runs if this ends as cancelled.
        ctx.on_cancel(async |ctx| {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
            ctx.start_activity(Activities::cleanup, (), options).await
        });
        // Go's `WaitForCancellation: true`.
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
            .heartbeat_timeout(Duration::from_secs(5))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        let result = ctx
            .start_activity(Activities::activity_to_be_cancelled, (), options.clone())
            .await?;
        #[allow_nondeterminism(reason = "the page prints here, and this example never replays")]
        println!("workflow: the activity returned `{result}`");

        let skipped = ctx
            .start_activity(Activities::activity_to_be_skipped, (), options)
            .await;
        if let Err(error) = &skipped {
            #[allow_nondeterminism(reason = "the page prints here, and this example never replays")]
            println!(
                "workflow: the next one is skipped, cancelled: {}",
                error.is_cancelled()
            );
        }
        // A cancellation that is returned ends the workflow as cancelled.
        Ok(skipped?)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = steadfast_examples::client("memory:").await?;
    let worker = Worker::builder(&client, "go")
        .register_workflow::<YourWorkflow>()
        .register_activities(Activities)
        .build()?;
    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("go", "your-workflow");
            let workflow = client
                .start_workflow(YourWorkflow::run, (), options)
                .await?;
            until_an_activity_runs(&workflow).await?;
            tokio::time::sleep(Duration::from_millis(120)).await;

            // The id is enough.
            let workflow = client.workflow::<YourWorkflow>("your-workflow")?;
            let options = WorkflowCancelOptions::builder().reason("no longer needed");
            workflow.cancel(options).await?;
            if let Err(error) = workflow.result().await {
                println!("client: {error}");
            }
            anyhow::Ok(())
        })
        .await?
}
