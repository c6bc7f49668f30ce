//! A worker of steadfast. Ends with its input.

use std::time::Duration;

use steadfast::{prelude::*, worker::WorkerOptions};
use tokio::io::AsyncReadExt as _;

struct Nothing;

#[activities]
impl Nothing {
    #[activity]
    pub async fn nothing(number: u32) -> Result<u32, ActivityError> {
        Ok(number)
    }
}

#[workflow]
#[derive(Default)]
struct Load;

#[workflow_methods]
impl Load {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, activities: u32) -> WorkflowResult<u32> {
        for number in 0..activities {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
            ctx.start_activity(Nothing::nothing, number, options)
                .await?;
        }
        Ok(activities)
    }
}

#[workflow]
#[derive(Default)]
struct Idle {
    done: bool,
}

#[workflow_methods]
impl Idle {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.done).await?;
        Ok(())
    }

    #[signal]
    pub fn done(&mut self) {
        self.done = true;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_default();
    let client = Client::connect(&format!("temporal://{url}")).await?;
    let worker = Worker::builder(&client, "steadfast")
        .register_workflow::<Load>()
        .register_workflow::<Idle>()
        .register_activities(Nothing)
        .options(WorkerOptions {
            max_cached_runs: 5_000,
            ..WorkerOptions::default()
        })
        .build()?;
    let mut input = tokio::io::stdin();
    worker.run_until(input.read_u8()).await?.ok();
    Ok(())
}
