use steadfast::prelude::*;

type Context = ActivityContext;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    async fn book(&self, ctx: Context, trip: String) -> String {
        drop(ctx);
        trip
    }
}

fn main() {}
