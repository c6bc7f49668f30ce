use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(&mut self) -> WorkflowResult<u32> {
        self.rate += 1;
        Ok(self.rate)
    }
}

fn main() {}
