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
        let _ = ctx;
        Ok(())
    }

    #[signal]
    pub fn poke(&mut self) {}

    #[signal(name = "poke")]
    pub fn prod(&mut self) {}

    #[query(name = "poke")]
    pub fn status(&self) -> u32 {
        self.rate
    }
}

fn main() {}
