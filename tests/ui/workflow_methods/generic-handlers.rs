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

    #[signal]
    pub fn poke<T: Clone>(&mut self, _value: T) {}

    #[query]
    pub fn status<const N: usize>(&self) -> [u8; N] {
        [0; N]
    }

    #[update]
    pub fn take(&mut self, _values: impl Iterator<Item = u32>) {}
}

fn main() {}
