use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(card: &str, amounts: &[u32], note: Option<&'static str>) -> &'static str {
        let _ = (card, amounts, note);
        "charged"
    }
}

fn main() {}
