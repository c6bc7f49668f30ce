use steadfast::prelude::*;
use std::hash::RandomState;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::hash::RandomState::new();
        let _ = RandomState::new();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
