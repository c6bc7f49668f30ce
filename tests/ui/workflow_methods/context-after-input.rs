use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(rate: u32, ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.state_mut(|state| state.rate = rate);
        Ok(())
    }
}

fn main() {}
