use steadfast::prelude::*;

pub struct Trip;

impl Trip {
    #[update]
    pub fn set_rate() {}
}

fn main() {}
