use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run(name = "trip", timeout = 5)]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = ctx.state(|state| state.rate);
        Ok(())
    }

    #[init(name = "new")]
    fn new() -> Self {
        Self::default()
    }

    #[signal(crate = ::steadfast)]
    pub fn poke(&mut self) {}

    #[query(auto_heartbeat)]
    pub fn status(&self) -> u32 {
        self.rate
    }

    #[update(validator = check)]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }
}

fn main() {}
