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

    #[update]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[update_validator(set_rate)]
    fn check(&self, _: &u32) -> Result<(), String> {
        Ok(())
    }

    #[update_validator(set_rate)]
    fn check_again(&self, _: &u32) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
