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
        ctx.cancelled().await;
        Ok(())
    }
}

#[workflow_methods]
impl Trip {
    #[signal]
    pub fn raise(&mut self) {
        self.rate += 1;
    }

    #[query]
    pub fn rate(&self) -> u32 {
        self.rate
    }
}

fn main() {}
