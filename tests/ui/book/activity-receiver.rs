use steadfast::prelude::*;

pub struct Bookings {
    count: u64,
}

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

fn main() {}
