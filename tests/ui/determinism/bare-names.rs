#![deny(deprecated)]

use steadfast::prelude::*;
use std::time::Duration;

use tokio::{
    spawn,
    time::{sleep, timeout},
};

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        sleep(Duration::from_secs(1)).await;
        let _ = timeout(Duration::from_secs(1), ctx.cancelled()).await;
        let _ = spawn(async {});
        Ok(())
    }
}

fn main() {}
