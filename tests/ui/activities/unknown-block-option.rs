use steadfast::prelude::*;

pub struct Bookings;

#[activities(name = "bookings", crate = "steadfast")]
impl Bookings {
    #[activity]
    pub async fn charge(&self) {}
}

fn main() {}
