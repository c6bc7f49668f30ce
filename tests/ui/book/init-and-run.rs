use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[init]
    fn new(_: &WorkflowContextView, rate: u32) -> Self {
        Self { rate }
    }

    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, rate: u32) -> WorkflowResult<u32> {
        Ok(ctx.state(|state| state.rate) + rate)
    }
}

fn main() {}
