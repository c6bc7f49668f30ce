use steadfast::prelude::*;

async fn wait(ctx: &mut WorkflowContext<Trip>, card: String) -> WorkflowResult<u32> {
    let value = select! {
        _ = ctx.cancelled() => 1,
        _ = ctx. => 2,
        _ = ctx.timer(std::time::Duration::ZERO)
    };
    let other = select! {
        _ = ctx.cancelled() => ,
        #[cfg(unix)]
        _ = ctx.cancelled() => 2,
    };
    let race = select!(ctx.cancelled(), ctx.cancelled()).await;
    let early = select! { _ = ctx.cancelled().await => 5 };
    drop((card, race, early));
    Ok(value + other)
}

#[workflow]
#[derive(Default)]
struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        wait(ctx, String::new()).await
    }
}

fn main() {}
