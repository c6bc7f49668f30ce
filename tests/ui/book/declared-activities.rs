use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity]
    async fn charge(card: String) -> u64 {
        card.len() as u64
    }
}

fn main() {}
