//! The same worker of `temporalio-sdk`. Ends with its input.

use std::{str::FromStr as _, time::Duration};

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, Runtime, SyncWorkflowContext, Worker, WorkerOptions, WorkflowContext,
    WorkflowResult,
    activities::{ActivityContext, ActivityError},
};
use tokio::io::AsyncReadExt as _;

pub struct Nothing;

#[activities]
impl Nothing {
    #[activity]
    pub async fn nothing(_ctx: ActivityContext, number: u32) -> Result<u32, ActivityError> {
        Ok(number)
    }
}

#[workflow]
#[derive(Default)]
pub struct Load;

#[workflow_methods]
impl Load {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, activities: u32) -> WorkflowResult<u32> {
        for number in 0..activities {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
            ctx.execute_activity(Nothing::nothing, number, options)
                .await?;
        }
        Ok(activities)
    }
}

#[workflow]
#[derive(Default)]
pub struct Idle {
    done: bool,
}

#[workflow_methods]
impl Idle {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.done).await?;
        Ok(())
    }

    #[signal]
    pub fn done(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.done = true;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_default();
    let (address, namespace) = url.split_once('/').unwrap_or((&url, "default"));
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = ConnectionOptions::new(Url::from_str(&format!("http://{address}"))?).build();
    let connection = Connection::connect(options).await?;
    let client = Client::new(connection, ClientOptions::new(namespace).build())?;
    let options = WorkerOptions::new("peer")
        .max_cached_workflows(5_000)
        .register_workflow::<Load>()?
        .register_workflow::<Idle>()?
        .register_activities(Nothing)
        .build();
    let mut worker = Worker::new(&runtime, client, options)?;
    let mut input = tokio::io::stdin();
    tokio::select! {
        ended = worker.run() => ended?,
        _ = input.read_u8() => {}
    }
    Ok(())
}
