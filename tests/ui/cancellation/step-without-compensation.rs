#![deny(warnings)]

use std::time::Duration;

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(card: String) -> Result<u64, ActivityError> {
        Ok(card.len() as u64)
    }

    #[activity(auto_heartbeat)]
    pub async fn ship(card: String) -> Result<u64, ActivityError> {
        Ok(card.len() as u64)
    }
}

#[workflow]
#[derive(Default)]
pub struct Billing;

#[workflow_methods]
impl Billing {
    #[run]
    pub async fn run() {}
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, card: String) -> WorkflowResult<()> {
        ctx.saga(async |saga| {
            saga.step(Bookings::charge, card.clone(), options()).await?;
            saga.child_workflow(Billing::run, (), ChildWorkflowOptions::default())
                .await?;
            saga.nested(async |inner| inner.step(Bookings::charge, card.clone(), options()).await)
                .await?;
            saga.step(Bookings::ship, card.clone(), options())
                .without_compensation()
                .await?;
            Ok::<_, WorkflowError>(())
        })
        .await?;
        Ok(())
    }
}

pub fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

fn main() {}
