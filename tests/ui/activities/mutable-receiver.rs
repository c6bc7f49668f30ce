use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&mut self) {}

    #[activity]
    pub async fn consume(self) {}
}

fn main() {}
