use steadfast::prelude::*;
use tokio::sync::mpsc;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let (sender, receiver) = tokio::sync::oneshot::channel::<u32>();
        drop((sender, receiver, ctx));
        let _ = std::sync::mpsc::channel::<u32>();
        let _ = mpsc::channel::<u32>(1);
        let _ = tokio::sync::Notify::new();
        Ok(())
    }
}

fn main() {}
