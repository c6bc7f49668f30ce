use steadfast::prelude::*;

pub struct NoError;

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
    pub fn set_rate(&mut self, rate: u32) -> Result<u32, NoError> {
        Ok(rate)
    }
}

fn main() {}
