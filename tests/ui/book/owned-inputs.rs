use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        Ok(ctx.state(|state| state.rate))
    }

    #[signal]
    pub fn rename(&mut self, name: &str) {
        self.rate = name.len() as u32;
    }
}

fn main() {}
