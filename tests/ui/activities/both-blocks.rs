use steadfast::prelude::*;

pub struct Bookings;

#[activities]
#[workflow_methods]
impl Bookings {
    #[activity]
    pub async fn charge() {}
}

fn main() {}
