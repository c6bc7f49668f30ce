use steadfast::prelude::*;

pub struct Bookings<'a> {
    api: &'a str,
}

#[activities]
impl<'a> Bookings<'a> {
    #[activity]
    pub async fn charge(&self) -> usize {
        self.api.len()
    }
}

fn main() {}
