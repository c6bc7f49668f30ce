use steadfast::prelude::*;

#[workflow(timeout = 5)]
pub struct Trip;

fn main() {}
