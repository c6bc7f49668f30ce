use steadfast::prelude::*;

use std::rc::Rc;

pub async fn wait() {}

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(cents: u64) -> u64 {
        let cents = Rc::new(cents);
        wait().await;
        *cents
    }
}

fn main() {}
