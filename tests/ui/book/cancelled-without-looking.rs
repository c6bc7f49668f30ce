#![deny(warnings)]

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(cents: u64) -> Result<u64, ActivityError> {
        if cents == 0 {
            return Err(ActivityError::cancelled());
        }
        Ok(cents)
    }
}

fn main() {}
