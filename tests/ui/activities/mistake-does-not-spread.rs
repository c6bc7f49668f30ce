use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(_: &str) {}

    #[activity]
    pub async fn refund(_: String) {}
}

pub fn needs(worker: steadfast::worker::WorkerBuilder) {
    let _ = worker.register_activities(Bookings);
    let _ = Bookings::refund;
}

fn main() {}
