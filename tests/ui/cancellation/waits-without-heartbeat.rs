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
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, card: String) -> WorkflowResult<()> {
        let waits = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        ctx.start_activity(Bookings::ship, card.clone(), waits.clone()).await?;
        ctx.start_activity(Bookings::charge, card.clone(), waits.clone()).await?;
        ctx.start_activity(
            Bookings::charge,
            card,
            ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1))
                .cancellation_type(ActivityCancellationType::WaitCancellationCompleted),
        )
        .await?;
        Ok(())
    }
}

pub fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

fn main() {}
