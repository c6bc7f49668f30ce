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
    pub fn set_rate(&mut self, rate: u32) -> Result<u32, String> {
        self.rate = rate;
        Ok(rate)
    }

    #[signal]
    pub async fn later(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let _ = ctx.now();
        Ok(String::new())
    }
}

fn main() {}
