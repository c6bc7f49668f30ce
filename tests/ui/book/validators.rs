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

    #[update]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[update_validator(set_rate)]
    fn check(&mut self, rate: &u32) -> Result<(), String> {
        self.rate = *rate;
        Ok(())
    }
}

fn main() {}
