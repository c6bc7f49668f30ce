use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity(retries = 3)]
    pub async fn charge(card: String) -> Result<(), ActivityError> {
        let _ = card;
        Ok(())
    }
}

fn main() {}
