use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl (u32, u32) {
    #[activity]
    pub async fn charge() {}
}

#[activities]
impl &'static Bookings {
    #[activity]
    pub async fn charge() {}
}

fn main() {}
