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

    #[query]
    pub fn changes(&mut self) -> u32 {
        self.rate += 1;
        self.rate
    }

    #[query]
    pub fn nothing() -> u32 {
        0
    }

    #[query]
    pub fn silent(&self) {}

    #[query]
    pub fn borrows(&self) -> &u32 {
        &self.rate
    }
}

fn main() {}
