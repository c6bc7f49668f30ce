use steadfast::prelude::*;

#[activity]
pub async fn charge() {}

fn main() {}
