//! Rule M2 under load: a run continues as new again and again, asks others for something each time without waiting
//! for it, and is signalled and at last cancelled meanwhile. For both engines.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt as _, stream};
use steadfast::{core::options::ParentClosePolicy, prelude::*, worker::WorkerOptions};
use tokio::time::timeout;

const QUEUE: &str = "flood";
const SIGNALS: u32 = 200;
const SENDERS: usize = 20;
/// How long the workflow may take to hear what came.
const PATIENCE: Duration = Duration::from_secs(60);

/// Notes who passes. Each time somebody has, it starts a child, signals the host, and continues as new.
#[workflow]
#[derive(Debug, Default)]
struct Turnstile {
    came: Vec<u32>,
}

#[workflow_methods]
impl Turnstile {
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        mut passed: Vec<u32>,
    ) -> WorkflowResult<Vec<u32>> {
        let came = ctx.wait_condition(|state| !state.came.is_empty()).await;
        passed.append(&mut ctx.state_mut(|state| std::mem::take(&mut state.came)));
        if let Err(cancelled) = came {
            return if passed.len() == SIGNALS as usize {
                Ok(passed)
            } else {
                Err(cancelled.into())
            };
        }
        // Nobody waits for either before the end: the run does (F6).
        let options =
            ChildWorkflowOptions::builder().parent_close_policy(ParentClosePolicy::Abandon);
        ctx.start_child_workflow(Host::run, 0, options).detach();
        ctx.external_workflow(WorkflowId::new("host")?)
            .signal(Host::greet, ())
            .detach();
        ctx.continue_as_new(passed, ContinueAsNewOptions::default())
    }

    #[signal]
    fn pass(&mut self, number: u32) {
        self.came.push(number);
    }
}

/// Waits until it has been greeted so often.
#[workflow]
#[derive(Debug, Default)]
struct Host {
    greeted: u32,
}

#[workflow_methods]
impl Host {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, guests: u32) -> WorkflowResult<()> {
        ctx.wait_condition(|state| state.greeted >= guests).await?;
        Ok(())
    }

    #[signal]
    fn greet(&mut self) {
        self.greeted += 1;
    }
}

pub(crate) fn worker(client: &Client, cached_runs: usize) -> Worker {
    Worker::builder(client, QUEUE)
        .register_workflow::<Turnstile>()
        .register_workflow::<Host>()
        .options(WorkerOptions {
            max_cached_runs: cached_runs,
            ..WorkerOptions::default()
        })
        .build()
        .unwrap()
}

/// Every signal that was acknowledged, and the request to cancel, is heard by some run.
pub(crate) async fn judge(client: &Client) {
    let host = WorkflowStartOptions::new(QUEUE, "host");
    client
        .start_workflow(Host::run, u32::MAX, host)
        .await
        .unwrap();
    let options = WorkflowStartOptions::new(QUEUE, "turnstile");
    let turnstile = client
        .start_workflow(Turnstile::run, Vec::new(), options)
        .await
        .unwrap();
    // The current run, whichever that is.
    let current = client.workflow::<Turnstile>("turnstile").unwrap();
    let current = &current;
    stream::iter(0..SIGNALS)
        .for_each_concurrent(SENDERS, async |number| {
            current.pass(number).await.unwrap();
        })
        .await;
    current
        .cancel(WorkflowCancelOptions::builder().reason("closing time"))
        .await
        .unwrap();
    let passed = timeout(PATIENCE, turnstile.result()).await;
    let passed = passed.expect("the request to cancel is heard").unwrap();
    assert_eq!(passed.len(), SIGNALS as usize);
    let each: BTreeSet<u32> = passed.into_iter().collect();
    assert!(each.into_iter().eq(0..SIGNALS));
}

/// A request that comes in one task with what the run continues as new for ends the next run as cancelled.
pub(crate) async fn judge_request(client: &Client, worker: Worker) {
    let options = WorkflowStartOptions::new(QUEUE, "requested");
    let turnstile = client
        .start_workflow(Turnstile::run, Vec::new(), options)
        .await
        .unwrap();
    turnstile.pass(0).await.unwrap();
    let options = WorkflowCancelOptions::builder().reason("closing time");
    turnstile.cancel(options).await.unwrap();
    let ended = worker.run_until(timeout(PATIENCE, turnstile.result()));
    let ended = ended
        .await
        .unwrap()
        .expect("the request to cancel is heard");
    assert_eq!(
        ended.unwrap_err().to_string(),
        "the workflow was cancelled: closing time"
    );
}
