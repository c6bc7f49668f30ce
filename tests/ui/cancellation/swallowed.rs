#![deny(deprecated)]

use std::time::Duration;

use steadfast::prelude::*;

struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    async fn book(&self, trip: String) -> String {
        trip
    }
}

#[workflow]
#[derive(Default)]
struct Trip {
    approved: bool,
}

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(5));
        select! {
            _ = ctx.timer(Duration::from_secs(1)) => {}
            _ = ctx.wait_condition(|trip| trip.approved) => {}
        }
        let _ = ctx.sleep(Duration::from_secs(1)).await;
        ctx.sleep(Duration::from_secs(1)).await.ok();
        let _ = ctx.start_activity(Bookings::book, "Rome".to_owned(), options.clone());
        let _name = ctx
            .start_activity(Bookings::book, "Rome".to_owned(), options)
            .await
            .unwrap_or_default();
        let _name = Bookings::book(&Bookings, "Rome".to_owned()).await;
        Ok(())
    }
}

fn main() {}
