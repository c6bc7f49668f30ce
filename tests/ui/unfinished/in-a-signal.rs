use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    by: String,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, to: String) -> WorkflowResult<()> {
        Ok(())
    }

    #[signal]
    pub fn approve(&mut self, by: String) {
        self.by = ;
    }

    #[query]
    pub fn by(&self) -> String {
        self.by.clone()
    }
}

pub async fn uses(client: &Client, handle: TripHandle) -> Result<(), ClientError> {
    handle.approve("Ada".to_owned()).await?;
    let by: String = handle.query(Trip::by, ()).await?;
    let options = WorkflowStartOptions::new("trips", "trip-1").build();
    client.start_workflow(Trip::run, by, options).await?;
    Ok(())
}

fn main() {}
