use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub const fn constant() {}

    #[activity]
    pub unsafe fn dangerous() {}

    #[activity]
    pub extern "C" fn foreign() {}
}

fn main() {}
