use steadfast::prelude::*;

// `Deserialize` is forgotten.
#[derive(serde::Serialize)]
pub struct Order;

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
    pub fn place(&mut self, _order: Order) {}
}

fn main() {}
