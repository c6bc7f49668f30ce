#![deny(warnings)]

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn book(&self, trip: String) -> String {
        trip
    }
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, trip: String) -> WorkflowResult<String> {
        tracing_of(ctx);
        Ok(Bookings::book(&Bookings, trip).await)
    }
}

pub fn tracing_of(_: &WorkflowContext<Trip>) {}

fn main() {}
