use steadfast::prelude::*;

pub struct Other;

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

    #[init]
    fn new() -> Other {
        Other
    }
}

fn main() {}
