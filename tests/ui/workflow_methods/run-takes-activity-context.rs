use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: ActivityContext) -> WorkflowResult<()> {
        let _ = ctx.is_cancelled();
        Ok(())
    }
}

fn main() {}
