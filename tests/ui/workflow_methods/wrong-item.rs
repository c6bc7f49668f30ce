use steadfast::prelude::*;

#[workflow_methods]
pub struct Trip;

fn main() {}
