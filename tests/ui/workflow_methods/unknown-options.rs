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

    #[signal(nmae = "x")]
    pub fn poke(&mut self) {}

    #[query(name = "a", name = "b")]
    pub fn status(&self) -> u32 {
        self.rate
    }
}

fn main() {}
