#![deny(warnings)]

use std::time::Duration;

use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    approved: bool,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        let approved = select! {
            _ = ctx.wait_condition(|trip| trip.approved) => true,
            _ = ctx.timer(Duration::from_secs(3600)) => false,
        };
        Ok(approved)
    }

    #[signal]
    pub fn approve(&mut self) {
        self.approved = true;
    }
}

fn main() {}
