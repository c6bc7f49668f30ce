use steadfast::prelude::*;

#[derive(Debug)]
pub struct Declined;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(cents: u64) -> Result<u64, Declined> {
        if cents == 0 { Err(Declined) } else { Ok(cents) }
    }
}

fn main() {}
