use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity]
    pub fn charge(card: String, amount: u32) -> u64;
}

pub fn register(worker: steadfast::worker::WorkerBuilder) {
    let _ = worker.register_activities(Billing);
}

fn main() {}
