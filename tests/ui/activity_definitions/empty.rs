use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    pub fn helper() {}
}

fn main() {}
