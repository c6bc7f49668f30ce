use steadfast::prelude::*;

pub trait Runs {
    fn poke(&mut self);
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Runs for Trip {
    #[signal]
    fn poke(&mut self) {}
}

fn main() {}
