use steadfast::prelude::*;

#[derive(Debug)]
pub struct Order;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: Order) -> WorkflowResult<()> {
        let _ = (ctx, order);
        Ok(())
    }

    #[query]
    pub fn order(&self) -> Order {
        Order
    }
}

fn main() {}
