use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = ctx.state(|state| state.rate);
        Ok(())
    }

    #[query]
    pub fn rates(&self) -> impl Iterator<Item = u32> {
        [self.rate].into_iter()
    }

    #[update]
    pub fn change(&mut self) -> Box<dyn std::any::Any> {
        Box::new(self.rate)
    }
}

fn main() {}
