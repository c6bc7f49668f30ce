use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    pub async fn charge() {}
}

fn main() {}
