use std::time::Duration;

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(card: String) -> Result<u64, ActivityError> {
        Ok(card.len() as u64)
    }
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, card: String) -> WorkflowResult<u64> {
        ctx.saga(async |saga| {
            saga.step(Bookings::charge, card, options())
                .await
        })
        .await
    }
}

pub fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(10))
}

fn main() {}
