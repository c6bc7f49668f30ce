use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Other;

#[workflow_methods]
impl Other {
    #[run]
    pub async fn run() {}
}

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Other>) -> WorkflowResult<()> {
        let _ = ctx.now();
        Ok(())
    }

    #[signal]
    pub async fn poke(ctx: &mut WorkflowContext<Other>) {
        let _ = ctx.now();
    }

    #[update]
    pub fn set_rate(&mut self, _: &mut SyncWorkflowContext<Other>, rate: u32) {
        self.rate = rate;
    }
}

fn main() {}
