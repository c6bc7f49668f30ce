use steadfast::prelude::*;

pub struct PayResult;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = ctx.state(|state| state.rate);
        Ok(())
    }

    #[query]
    pub fn status(&self) -> PayResult {
        PayResult
    }
}

fn main() {}
