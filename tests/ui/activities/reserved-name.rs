use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity(name = "__temporal_charge")]
    pub async fn charge() {}

    #[activity(name = "  ")]
    pub async fn refund() {}
}

fn main() {}
