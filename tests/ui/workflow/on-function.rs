use steadfast::prelude::*;

#[workflow]
pub async fn trip(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
    Ok(())
}

fn main() {}
