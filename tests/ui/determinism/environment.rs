use steadfast::prelude::*;
use std::env;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::env::var("RATE");
        let _ = env::args().count();
        let _ = std::thread::available_parallelism();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
