use steadfast::prelude::*;

#[activities]
pub trait Bookings {
    async fn charge();
}

fn main() {}
