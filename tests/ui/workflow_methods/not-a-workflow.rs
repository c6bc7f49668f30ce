use steadfast::prelude::*;

#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run() {}

    #[signal]
    pub fn poke(&mut self) {}
}

fn main() {}
