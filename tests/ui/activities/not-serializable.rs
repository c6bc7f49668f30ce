use steadfast::prelude::*;

pub struct Card;
pub struct Receipt;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&self, amount: u32, card: Card) -> Result<Receipt, ActivityError> {
        let _ = (amount, card);
        Ok(Receipt)
    }
}

fn main() {}
