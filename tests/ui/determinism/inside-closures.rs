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
        ctx.scope(async |ctx| {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            ctx.now()
        })
        .await;
        ctx.on_cancel(async |_| {
            let _ = std::fs::remove_file("lock");
        });
        Ok(())
    }
}

fn main() {}
