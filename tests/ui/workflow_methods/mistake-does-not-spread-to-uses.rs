use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, to: &str) -> WorkflowResult<()> {
        ctx.cancelled().await;
        Ok(())
    }

    #[signal]
    pub fn approve(&mut self, by: &str) {}

    #[query]
    pub async fn rate(&self) -> u32 {
        5
    }
}

pub async fn uses(client: &Client, handle: TripHandle) -> Result<u32, ClientError> {
    handle.approve("Ada").await?;
    handle.signal(Trip::approve, "Ada").await?;
    let rate = handle.rate().await?;
    let options = WorkflowStartOptions::new("trips", "trip-1").build();
    client.start_workflow(Trip::run, "Rome", options).await?;
    Ok(rate)
}

fn main() {}
