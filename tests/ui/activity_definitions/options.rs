use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity(auto_heartbeat)]
    pub fn charge(card: String) -> u64;

    #[activity(name = "")]
    pub fn refund(card: String) -> u64;
}

fn main() {}
