use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity(name = "")]
    pub async fn empty() {}

    #[activity(name = 5)]
    pub async fn number() {}

    #[activity(name)]
    pub async fn missing() {}

    #[activity = "charge"]
    pub async fn assigned() {}

    #[activity("charge")]
    pub async fn bare() {}
}

fn main() {}
