use steadfast::prelude::*;

#[derive(serde::Deserialize, serde::Serialize)]
pub struct Point {
    x: u32,
    y: u32,
}

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

    #[signal]
    pub fn poke(&mut self, (by, at): (String, u32)) {}

    #[update]
    pub fn change(&mut self, Point { x, y }: Point) {}
}

fn main() {}
