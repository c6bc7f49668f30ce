use steadfast::prelude::*;

pub struct NoError;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge() -> Result<u32, NoError> {
        Ok(5)
    }
}

fn main() {}
