use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity(timeout = 5, crate = ::steadfast)]
    pub async fn charge() {}

    #[activity(auto_heartbeat = true)]
    pub async fn refund() {}

    #[activity(name = "a", name = "b", auto_heartbeat, auto_heartbeat)]
    pub async fn render() {}
}

fn main() {}
