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
        let charged = ctx.start_activity(Bookings::charge, card.clone(), options()).await;
        if let Err(error) = &charged
            && error.is_cancelled()
        {
            ctx.start_activity(Bookings::ship, card.clone(), options()).await?;
        }
        if ctx.is_cancelled() {
            ctx.sleep(Duration::from_secs(1)).await?;
        }
        if let Err(_) = ctx.sleep(Duration::from_secs(1)).await {
            let _ = ctx.start_local_activity(Bookings::ship, card.clone(), local()).await;
        }
        if ctx.is_cancelled() {
            ctx.disconnected(async |ctx| ctx.start_activity(Bookings::ship, card, options()).await)
                .await?;
        }
        Ok(())
    }
}

pub fn local() -> LocalActivityOptions {
    LocalActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

pub fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

fn main() {}
