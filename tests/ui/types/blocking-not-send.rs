use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub fn charge() -> std::rc::Rc<u32> {
        std::rc::Rc::new(5)
    }
}

fn main() {}
