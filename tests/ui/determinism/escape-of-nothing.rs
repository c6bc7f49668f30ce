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
        #[allow_nondeterminism(reason = "only logged")]
        let started = ctx.now();
        #[allow_nondeterminism(reason = "only the first of the two")]
        let _ = std::process::id();
        let _ = (started, std::process::id());
        Ok(())
    }
}

fn main() {}
