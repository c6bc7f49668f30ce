//! Sagas, and the three problems that naive compensations have, each shown as it goes wrong and as
//! it goes right:
//!
//! 1. the compensation is not executed during a cancellation;
//! 2. the compensation is executed before the activity actually completes;
//! 3. the cancellation is never seen, because nothing that it reaches is awaited.
//!
//! Run it with `cargo run --example saga`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast::prelude::*;
use steadfast_examples::until_an_activity_runs;

struct Bank;

#[activities]
impl Bank {
    /// Takes a while to stop when it is asked to.
    #[activity(auto_heartbeat)]
    async fn charge(ctx: ActivityContext) -> Result<String, ActivityError> {
        println!("  charging ..");
        ctx.cancelled().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        println!("  .. the charge has stopped");
        Err(ActivityError::cancelled())
    }

    /// Undoes a charge.
    #[activity]
    async fn refund() {
        println!("  refunded");
    }
}

/// Longer than the charge takes to hear that it is cancelled, which on a Temporal Service is up to its next heartbeat,
/// and to stop.
const UNTIL_IT_STOPPED: Duration = Duration::from_millis(1_500);

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
        .heartbeat_timeout(Duration::from_secs(1))
        .build()
}

/// Compensates by hand.
#[workflow]
#[derive(Default)]
struct Naive;

#[workflow_methods]
impl Naive {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, problem: u32) -> WorkflowResult<()> {
        match problem {
            // The workflow is cancelled, so the refund is not even scheduled.
            1 => {
                let wait = ActivityCancellationType::WaitCancellationCompleted;
                let charge = ctx.start_activity(Bank::charge, (), with(wait)).await;
                if charge.is_err() {
                    ctx.start_activity(Bank::refund, (), options()).await?;
                }
                charge?;
            }
            // The scope is right, but nobody waits for the charge to stop.
            2 => {
                let charge = ctx.start_activity(Bank::charge, (), options()).await;
                if charge.is_err() {
                    ctx.disconnected(async |ctx| {
                        ctx.start_activity(Bank::refund, (), options()).await?;
                        ctx.sleep(UNTIL_IT_STOPPED).await?;
                        WorkflowResult::Ok(())
                    })
                    .await?;
                }
                charge?;
            }
            // The charge runs beside the workflow, and whatever happens to it is not looked at.
            _ => {
                ctx.spawn(async |ctx| ctx.start_activity(Bank::charge, (), options()).await)
                    .detach();
                ctx.disconnected(async |ctx| ctx.sleep(UNTIL_IT_STOPPED).await)
                    .await?;
            }
        }
        Ok(())
    }
}

fn with(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
        .heartbeat_timeout(Duration::from_secs(1))
        .cancellation_type(cancellation_type)
        .build()
}

/// Says with the step how it is undone, and awaits what it starts.
#[workflow]
#[derive(Default)]
struct Right;

#[workflow_methods]
impl Right {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, problem: u32) -> WorkflowResult<()> {
        let charge = async |ctx: &mut WorkflowContext<Self>| {
            ctx.saga(async |saga| {
                saga.step(Bank::charge, (), options())
                    .compensate_with(Bank::refund, (), options())
                    .await
            })
            .await
        };
        if problem == 3 {
            // Beside the workflow, but awaited: its error is the workflow's.
            ctx.spawn(charge).await?;
        } else {
            charge(ctx).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = steadfast_examples::client("memory:").await?;
    let worker = Worker::builder(&client, "bank")
        .register_workflow::<Naive>()
        .register_workflow::<Right>()
        .register_activities(Bank)
        .build()?;
    worker
        .run_until(async {
            let problems = [
                "compensation is not executed during a cancellation",
                "compensation is executed before the activity completes",
                "the cancellation is never seen",
            ];
            for (number, problem) in (1..).zip(problems) {
                println!("{number}. {problem}");
                let start = |id: &str| WorkflowStartOptions::new("bank", format!("{id}-{number}"));

                println!(" naive:");
                let naive = client
                    .start_workflow(Naive::run, number, start("naive"))
                    .await?;
                until_an_activity_runs(&naive).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                naive
                    .cancel(WorkflowCancelOptions::builder().reason("never mind"))
                    .await?;
                report(naive.result().await);

                println!(" right:");
                let right = client
                    .start_workflow(Right::run, number, start("right"))
                    .await?;
                until_an_activity_runs(&right).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                right
                    .cancel(WorkflowCancelOptions::builder().reason("never mind"))
                    .await?;
                report(right.result().await);
            }
            anyhow::Ok(())
        })
        .await?
}

fn report(result: Result<(), ClientError>) {
    match result {
        Ok(()) => println!("  the workflow completed"),
        Err(error) => println!("  {error}"),
    }
}
