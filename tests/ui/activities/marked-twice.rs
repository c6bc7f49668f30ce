use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    #[activity(name = "pay")]
    pub async fn charge() {}
}

fn main() {}
