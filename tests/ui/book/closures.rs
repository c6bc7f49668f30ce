use std::time::Duration;

use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let own = ctx.clone();
        let task = ctx.spawn(async move { own.sleep(Duration::from_secs(5)).await });
        task.await?;
        Ok(())
    }
}

fn main() {}
