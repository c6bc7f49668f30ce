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

    #[signal(name = "__temporal_poke")]
    pub fn poke(&mut self) {}

    #[update(name = "__temporal")]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[query(name = "__enhanced_stack_trace")]
    pub fn status(&self) -> u32 {
        self.rate
    }
}

fn main() {}
