use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run() {}
}

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn twice(ctx: ActivityContext, again: ActivityContext) {
        let _ = (ctx, again);
    }

    #[activity]
    pub async fn late(card: String, ctx: ActivityContext) {
        let _ = (card, ctx);
    }

    #[activity]
    pub async fn foreign(ctx: &mut WorkflowContext<Trip>) {
        let _ = ctx;
    }

    #[activity]
    pub async fn mutable(ctx: &mut ActivityContext) {
        let _ = ctx;
    }
}

fn main() {}
