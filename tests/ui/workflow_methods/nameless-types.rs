use steadfast::prelude::*;

pub struct Trip;

#[workflow_methods]
impl (Trip, u32) {
    #[run]
    pub async fn run() {}
}

#[workflow_methods]
impl &Trip {
    #[run]
    pub async fn run() {}
}

fn main() {}
