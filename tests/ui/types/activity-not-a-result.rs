use steadfast::prelude::*;

pub struct PayResult;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge() -> PayResult {
        PayResult
    }
}

fn main() {}
