use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(&self) {}

    pub async fn refund() {}
}

fn needs_activity<D: steadfast::definition::ActivityDefinition>(definition: D) {
    let _ = definition;
}

pub fn use_them() {
    needs_activity(Bookings::charge);
    needs_activity(Bookings::refund);
}

fn main() {}
