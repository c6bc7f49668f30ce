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
        let _ = tokio::spawn(async {});
        let _ = tokio::task::spawn_blocking(|| {});
        tokio::task::yield_now().await;
        let _ = tokio::runtime::Handle::current();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
