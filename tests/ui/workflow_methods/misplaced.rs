use steadfast::prelude::*;

pub struct Trip;

impl Trip {
    #[signal]
    pub fn poke(&mut self) {}

    #[run]
    pub async fn run() {}
}

fn main() {}
