use steadfast::prelude::*;

pub struct Bookings;

pub trait Charge {
    fn charge();
}

#[activities]
impl Charge for Bookings {
    #[activity]
    fn charge() {}
}

fn main() {}
