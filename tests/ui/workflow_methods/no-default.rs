use steadfast::prelude::*;

#[workflow]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run() {}

    #[query]
    pub fn rate(&self) -> u32 {
        self.rate
    }
}

fn main() {}
