use steadfast::prelude::*;

#[workflow]
pub enum Trip {
    Booked,
}

fn main() {}
