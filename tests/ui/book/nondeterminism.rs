use std::time::SystemTime;

use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let rate = ctx.state(|state| state.rate);
        if SystemTime::now() > SystemTime::UNIX_EPOCH {
            return Ok(0);
        }
        Ok(rate)
    }
}

fn main() {}
