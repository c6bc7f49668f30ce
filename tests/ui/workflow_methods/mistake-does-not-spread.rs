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

    /// Only this one is wrong.
    #[query]
    pub async fn status(&self) -> u32 {
        self.rate
    }

    #[signal]
    pub fn poke(&mut self) {}
}

pub async fn start(client: &Client) -> Result<(), ClientError> {
    let options = WorkflowStartOptions::new("trips", "trip").build();
    let trip = client.start_workflow(Trip::run, (), options).await?;
    trip.poke().await
}

fn main() {}
