use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activty]
    pub async fn charge() {}

    #[activitiy(name = "refund")]
    pub async fn refund() {}
}

fn main() {}
