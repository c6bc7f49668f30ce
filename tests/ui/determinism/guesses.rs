#![deny(deprecated)]

use steadfast::prelude::*;
use tokio::time::sleep;

#[workflow]
#[derive(Default)]
struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        sleep(std::time::Duration::from_secs(1)).await;
        let began = ctx.state(|_| begin());
        drop(began.elapsed());
        Ok(())
    }
}

fn begin() -> std::time::Instant {
    std::time::Instant::now()
}

fn main() {}
