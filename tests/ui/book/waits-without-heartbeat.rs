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
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, card: String) -> WorkflowResult<u64> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        Ok(ctx.start_activity(Bookings::charge, card, options).await?)
    }
}

fn main() {}
