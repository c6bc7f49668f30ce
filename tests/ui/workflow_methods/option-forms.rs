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

    #[signal(name("poke"))]
    pub fn one(&mut self) {}

    #[signal = "poke"]
    pub fn two(&mut self) {}

    #[signal(name = poke)]
    pub fn three(&mut self) {}

    #[signal(name = "")]
    pub fn four(&mut self) {}

    #[signal(name)]
    pub fn five(&mut self) {}
}

fn main() {}
