use steadfast::prelude::*;

pub struct Trip;

impl Trip {
    #[update_validator(set_rate)]
    pub fn check() {}
}

fn main() {}
