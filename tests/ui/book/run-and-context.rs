use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        Ok(format!("{name} {}", ctx.view().workflow_id()))
    }
}

fn main() {}
