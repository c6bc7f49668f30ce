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

    #[singal]
    pub fn poke(&mut self) {}

    #[qurey]
    pub fn status(&self) -> u32 {
        self.rate
    }

    #[updat]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[validator(set_rate)]
    fn check(&self, _: &u32) -> Result<(), String> {
        Ok(())
    }

    #[signal_handler]
    pub fn prod(&mut self) {}
}

fn main() {}
