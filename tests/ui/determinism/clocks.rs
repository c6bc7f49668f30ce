use steadfast::prelude::*;
use std::time::{Instant, SystemTime};

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::time::Instant::now();
        let _ = SystemTime::now();
        let _ = ctx.now().elapsed().map(|_| Instant::now());
        let _: Vec<SystemTime> = std::iter::repeat_with(SystemTime::now).take(1).collect();
        Ok(())
    }
}

fn main() {}
