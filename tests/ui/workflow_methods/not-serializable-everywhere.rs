use steadfast::prelude::*;

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

    #[update]
    pub fn change(&mut self, _rate: u32, order: Order) -> Result<Order, String> {
        Ok(order)
    }
}

fn main() {}
