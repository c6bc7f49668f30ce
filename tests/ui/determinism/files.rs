use steadfast::prelude::*;
use std::fs::{self, File};

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::fs::read_to_string("rates.txt");
        let _ = fs::write("rates.txt", "5");
        let _ = File::open("rates.txt");
        let _ = std::io::stdin();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
