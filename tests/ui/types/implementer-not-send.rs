use steadfast::prelude::*;

pub struct Bookings(std::rc::Rc<u32>);

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&self) {}
}

fn main() {}
