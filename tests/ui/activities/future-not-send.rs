use steadfast::prelude::*;

use std::rc::Rc;

pub struct Bookings;

async fn wait() {}

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&self) -> u32 {
        let amount = Rc::new(5);
        wait().await;
        *amount
    }
}

fn main() {}
