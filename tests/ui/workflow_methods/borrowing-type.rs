use steadfast::prelude::*;

pub struct Trip<'a>(&'a str);

#[workflow_methods]
impl<'a> Trip<'a> {
    #[run]
    pub async fn run() {}
}

fn main() {}
