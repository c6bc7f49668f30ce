use steadfast::prelude::*;

#[workflow_methods]
pub trait Trip {
    fn run();
}

fn main() {}
