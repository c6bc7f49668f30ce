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
    pub async fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[signal]
    pub fn nothing(rate: u32) {
        let _ = rate;
    }

    #[signal]
    pub fn wrong_context(&mut self, ctx: &mut WorkflowContext<Self>) {
        let _ = ctx;
    }
}

fn main() {}
