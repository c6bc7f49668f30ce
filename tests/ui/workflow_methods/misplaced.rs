use steadfast::{run, signal};

pub struct Trip;

impl Trip {
    #[signal]
    pub fn poke(&mut self) {}

    #[run]
    pub async fn run() {}
}

fn main() {}
