use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity]
    pub fn charge(card: &str) -> &str;
}

fn main() {}
