//! The main job: a workflow is started, cancelled with a reason, and cleans up.
//!
//! Everything runs in this process: an engine on one SQLite file, a worker, a client. Run it with
//! `cargo run --example cancellation`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast::prelude::*;

struct Machines;

#[activities]
impl Machines {
    /// Provisions until it is asked to stop.
    #[activity]
    async fn provision(ctx: ActivityContext, machines: u32) -> Result<String, ActivityError> {
        for machine in 1.. {
            ctx.heartbeat(&machine)?.check()?;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
                _ = ctx.cancelled() => return Err(ActivityError::cancelled()),
            }
            if machine == machines {
                break;
            }
        }
        Ok(format!("{machines} machines are up"))
    }

    /// Gives back what was provisioned.
    #[activity]
    async fn release() -> Result<String, ActivityError> {
        Ok("cleanup done".to_owned())
    }
}

#[workflow]
#[derive(Default)]
struct Provisioning;

#[workflow_methods]
impl Provisioning {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, machines: u32) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
            .heartbeat_timeout(Duration::from_secs(5))
            .build();
        let mut provision = ctx.start_activity(Machines::provision, machines, options);
        select! {
            done = &mut provision => Ok(done?),
            reason = ctx.cancelled() => {
                provision.cancel();
                let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
                let cleanup = ctx.start_activity(Machines::release, (), options).await?;
                Ok(format!("Cancelled (reason={reason}), {cleanup}"))
            }
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!(
        "sqlite://{}",
        folder.path().join("cancellation.db").display()
    );
    let client = steadfast_examples::client(&url).await?;
    let worker = Worker::builder(&client, "machines")
        .register_workflow::<Provisioning>()
        .register_activities(Machines)
        .build()?;

    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("machines", "provision-42");
            let provisioning = client
                .start_workflow(Provisioning::run, 1_000, options)
                .await?;
            // Wait until a worker provisions: a cancel before that would leave nothing to clean up.
            while provisioning
                .describe()
                .await?
                .pending_activities
                .iter()
                .all(|activity| activity.heartbeat_details.is_empty())
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }

            let options = WorkflowCancelOptions::builder().reason("No longer needed");
            provisioning.cancel(options).await?;
            println!("{}\n", provisioning.result().await?);
            println!("{}", provisioning.history().await?);
            anyhow::Ok(())
        })
        .await?
}
