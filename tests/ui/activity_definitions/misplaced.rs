use steadfast::prelude::*;

#[activity_definitions]
pub trait Billing {
    fn charge(card: String) -> u64;
}

#[activity_definitions(name = "billing")]
pub struct Other;

fn main() {}
