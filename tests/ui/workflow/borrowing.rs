use steadfast::prelude::*;

#[workflow]
pub struct Trip<'a> {
    name: &'a str,
}

fn main() {}
