use steadfast::prelude::*;

#[activities]
pub struct Bookings;

#[activities]
pub async fn charge() {}

fn main() {}
