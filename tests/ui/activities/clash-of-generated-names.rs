use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge() {}

    async fn __x_charge() {}
}

fn main() {}
