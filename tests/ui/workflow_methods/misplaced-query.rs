use steadfast::prelude::*;

pub struct Trip;

impl Trip {
    #[query]
    pub fn status() -> u32 {
        0
    }
}

fn main() {}
