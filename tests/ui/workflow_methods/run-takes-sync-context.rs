use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut SyncWorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = ctx.now();
        Ok(())
    }
}

fn main() {}
