use std::{sync::Arc, time::Instant};

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    async fn book(&self, name: Arc<str>, key: [u8; 64]) -> Instant {
        Instant::now()
    }
}

fn main() {}
