use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge<T: Clone>(card: T) {
        let _ = card;
    }

    #[activity]
    pub async fn refund(card: impl Clone) -> impl Clone {
        card
    }
}

fn main() {}
