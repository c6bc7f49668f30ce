use std::time::Duration;

use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let own = ctx.clone();
        ctx.spawn(async move { own.sleep(Duration::ZERO).await }).detach();
        ctx.scope(|ctx| async { ctx.sleep(Duration::ZERO).await }).await?;
        ctx.disconnected(|ctx| async move { ctx.sleep(Duration::ZERO).await }).await?;
        ctx.with_timeout(ctx.sleep(Duration::ZERO), Duration::ZERO).await?;
        Ok(())
    }
}

fn main() {}
