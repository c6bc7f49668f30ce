use steadfast::prelude::*;

#[workflow(name = "")]
pub struct Empty;

#[workflow(name = 5)]
pub struct Number;

#[workflow(name = "__temporal_trip")]
pub struct Reserved;

#[workflow(name = "a", name = "b")]
pub struct Twice;

#[workflow("trip")]
pub struct Bare;

fn main() {}
