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
    pub fn length(&self, view: &mut WorkflowContextView) -> u64 {
        view.history_length().into()
    }

    #[query]
    pub fn waits(&self, _: &WorkflowContext<Self>) -> u32 {
        self.rate
    }
}

fn main() {}
