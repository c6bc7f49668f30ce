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
    pub async fn later(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[update]
    pub fn consumes(self) {}

    #[update]
    pub fn nothing(_rate: u32) {}
}

fn main() {}
