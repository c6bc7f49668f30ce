use steadfast::prelude::*;

pub struct Trip;

impl Trip {
    #[init]
    pub fn new() -> u32 {
        0
    }
}

fn main() {}
