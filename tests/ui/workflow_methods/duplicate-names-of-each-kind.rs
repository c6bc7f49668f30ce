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

    #[signal]
    pub fn poke(&mut self) {}

    #[signal(name = "poke")]
    pub fn prod(&mut self) {}

    #[query]
    pub fn status(&self) -> u32 {
        self.rate
    }

    #[query(name = "status")]
    pub fn state(&self) -> u32 {
        self.rate
    }

    #[update]
    pub fn change(&mut self) {}

    #[update(name = "change")]
    pub fn alter(&mut self) {}
}

fn main() {}
