use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge<T: Into<u64>>(cents: T) -> u64 {
        cents.into()
    }
}

fn main() {}
