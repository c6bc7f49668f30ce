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
    pub const fn status(&self) -> u32 {
        self.rate
    }

    #[signal]
    pub unsafe fn poke(&mut self) {}

    #[update]
    pub extern "C" fn change(&mut self) {}
}

fn main() {}
