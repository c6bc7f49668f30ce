use steadfast::activity;

#[activity]
pub async fn charge() {}

fn main() {}
