use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        tokio::select! {
            _ = ctx.sleep(std::time::Duration::from_secs(1)) => {}
            _ = ctx.cancelled() => {}
        }
        tokio::select! {
            biased;
            _ = ctx.cancelled() => {}
        }
        Ok(())
    }
}

fn main() {}
