use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        Ok(ctx.state(|state| state.rate))
    }

    #[query]
    pub fn next(&mut self) -> u32 {
        self.rate += 1;
        self.rate
    }
}

fn main() {}
