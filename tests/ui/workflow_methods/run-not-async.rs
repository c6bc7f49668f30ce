use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub fn run(&self) -> WorkflowResult<()> {
        let _ = self.rate;
        Ok(())
    }
}

fn main() {}
