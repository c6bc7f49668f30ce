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
        let _fine: u64 = ctx.side_effect(|| ctx.state(|trip| trip.rate))?;
        let _number: u64 = ctx.side_effect(|| ctx.random_u64())?;
        Ok(())
    }
}

fn main() {}
