use steadfast::prelude::*;

pub struct Trip;

#[workflow]
impl Trip {}

fn main() {}
