use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge((card, amount): (String, u32)) {
        let _ = (card, amount);
    }
}

fn main() {}
