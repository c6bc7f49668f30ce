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
        #[allow_nondeterminism]
        let _ = std::process::id();
        #[allow_nondeterminism(reason = "")]
        let _ = std::process::id();
        #[allow_nondeterminism("the reason")]
        let _ = std::process::id();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
