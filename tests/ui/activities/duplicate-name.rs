use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge() {}

    #[activity(name = "charge")]
    pub async fn charge_again() {}
}

fn main() {}
