use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
struct Trip {
    rate: u64,
}

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let again = ctx.clone();
        ctx.state_mut(|trip| trip.rate = ctx.state(|trip| trip.rate));
        ctx.state(|_| again.state_mut(|trip| trip.rate += 1));
        ctx.state(|trip| trip.rate + again.state(|trip| trip.rate));
        Ok(())
    }
}

fn main() {}
