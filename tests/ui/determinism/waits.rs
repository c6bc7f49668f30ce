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
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        std::thread::sleep(std::time::Duration::from_secs(1));
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), ctx.cancelled()).await;
        let _ = tokio::time::interval(std::time::Duration::from_secs(1));
        Ok(())
    }
}

fn main() {}
