use steadfast::prelude::*;

#[allow_nondeterminism(reason = "not in a workflow")]
pub fn helper() {}

fn main() {}
