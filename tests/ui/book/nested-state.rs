use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u64,
    total: u64,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, nights: u64) -> WorkflowResult<u64> {
        let same = ctx.clone();
        ctx.state_mut(|trip| trip.total = nights * same.state(|trip| trip.rate));
        Ok(ctx.state(|trip| trip.total))
    }
}

fn main() {}
