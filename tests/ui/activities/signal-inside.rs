use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge() {}

    #[signal]
    pub fn poke(&mut self) {}
}

fn main() {}
