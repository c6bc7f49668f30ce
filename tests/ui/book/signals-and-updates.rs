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

    #[signal]
    pub fn set_rate(&mut self, rate: u32) -> u32 {
        std::mem::replace(&mut self.rate, rate)
    }
}

fn main() {}
