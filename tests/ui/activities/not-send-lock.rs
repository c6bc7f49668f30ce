use steadfast::prelude::*;

pub async fn wait() {}

pub struct Bookings(std::sync::Mutex<u32>);

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&self) -> u32 {
        let held = self.0.lock();
        wait().await;
        held.map_or(0, |held| *held)
    }
}

fn main() {}
