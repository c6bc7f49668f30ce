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
        let _ = ctx.state(|state| state.rate);
        Ok(())
    }

    #[query]
    pub fn name(&self) -> &str {
        "Ada"
    }

    #[query]
    pub fn rates(&self) -> Option<&[u32]> {
        None
    }
}

fn main() {}
