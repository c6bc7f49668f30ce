use steadfast::prelude::*;

#[workflow_methods]
pub async fn run() -> WorkflowResult<()> {
    Ok(())
}

#[workflow]
pub struct Trip;

fn main() {}
