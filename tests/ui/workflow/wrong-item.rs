use steadfast::prelude::*;

#[workflow]
pub async fn run() {}

#[workflow]
pub trait Trip {}

pub struct Flow;

#[workflow]
impl Flow {}

fn main() {}
