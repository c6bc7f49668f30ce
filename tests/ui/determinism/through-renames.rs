use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        use std::time::{Instant as Clock, SystemTime as Calendar};
        use tokio::{spawn as start, time as waiting};
        use std::{env as surroundings, thread::sleep as rest};
        let _ = Clock::now();
        let _ = Calendar::now();
        let _ = start(async {});
        waiting::sleep(std::time::Duration::from_secs(1)).await;
        rest(std::time::Duration::from_secs(1));
        let _ = surroundings::var("RATE");
        drop(ctx);
        Ok(())
    }
}

fn main() {}
