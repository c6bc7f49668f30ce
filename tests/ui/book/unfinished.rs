use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    approved: bool,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let approved = ;
        ctx.wait_condition(|trip| trip.approved).await?;
        Ok(())
    }

    #[signal]
    pub fn approve(&mut self) {
        self.approved = true;
    }
}

fn main() {}
