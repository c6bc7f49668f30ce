use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity]
    pub fn charge(&self, card: String) -> u64;

    #[activity]
    pub fn refund(ctx: ActivityContext, card: String) -> u64;
}

fn main() {}
