use steadfast::prelude::*;

pub struct Card {
    pub number: String,
}

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(card: Card) -> usize {
        card.number.len()
    }
}

fn main() {}
