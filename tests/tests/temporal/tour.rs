//! A workflow that leaves every kind of mark in its history. `replay.py` has its twin in Python.

use std::time::Duration;

use steadfast::{
    client::{ResetOptions, ResetPoint},
    core::{history::History, ids::WorkflowExecution},
    prelude::*,
    testing::Replayer,
};

const QUEUE: &str = "tour";

/// What the workflow is told to do, and how many runs that leaves.
pub(crate) const LEGS: [(&str, usize); 7] = [
    ("everything", 1),
    ("cancelled", 1),
    ("continued", 2),
    ("failed", 1),
    ("patient", 1),
    ("parent", 1),
    ("reset", 2),
];

/// Longer than the workflow task of a local activity that has to wait so long.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
struct Guide;

#[activities]
impl Guide {
    #[activity]
    async fn show(place: String) -> Result<String, ActivityError> {
        if place == "closed" {
            return Err(ApplicationFailure::non_retryable("it is closed", "Closed")
                .with_details(&place)?
                .into());
        }
        Ok(format!("seen {place}"))
    }

    #[activity]
    async fn ring(ctx: ActivityContext, place: String) -> Result<String, ActivityError> {
        match ctx.info().attempt {
            1 => Err("nobody is there".into()),
            attempt => Ok(format!("let in to {place} in attempt {attempt}")),
        }
    }

    #[activity(auto_heartbeat)]
    async fn stay(&self, ctx: ActivityContext, _place: String) -> Result<String, ActivityError> {
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .heartbeat_timeout(Duration::from_secs(1))
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .build()
}

#[workflow]
#[derive(Debug, Default)]
struct Tour {
    places: Vec<String>,
    over: bool,
}

#[workflow_methods]
impl Tour {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, leg: String) -> WorkflowResult<Vec<String>> {
        let child = |leg: &str| {
            let id = WorkflowId::new(format!("{}-child", ctx.workflow_id())).unwrap();
            let options = ChildWorkflowOptions::with_workflow_id(id);
            ctx.start_child_workflow(Self::run, leg.to_owned(), options)
        };
        match leg.as_str() {
            "everything" => {
                let mut seen = Vec::new();
                if ctx.patched("local first") {
                    let limit =
                        LocalActivityOptions::start_to_close_timeout(Duration::from_secs(5));
                    let show = ctx.start_local_activity(Guide::show, "the door".to_owned(), limit);
                    seen.push(show.await?);
                }
                ctx.upsert_memo("leg", &leg)?;
                ctx.wait_condition(|state| state.over).await?;
                for place in ctx.state(|state| state.places.clone()) {
                    seen.push(ctx.start_activity(Guide::show, place, options()).await?);
                }
                seen.extend(child("short").await?);
                Ok(seen)
            }
            "cancelled" => {
                let stay = ctx.start_activity(Guide::stay, "the lake".to_owned(), options());
                let stayed = stay.await;
                ctx.disconnected(async |ctx| {
                    ctx.start_activity(Guide::show, "the way back".to_owned(), options())
                        .await
                })
                .await?;
                Ok(vec![stayed?])
            }
            "continued" => {
                ctx.sleep(Duration::from_millis(10)).await?;
                ctx.continue_as_new("short".to_owned(), ContinueAsNewOptions::default())
            }
            "failed" => {
                let place = "closed".to_owned();
                Ok(vec![
                    ctx.start_activity(Guide::show, place, options()).await?,
                ])
            }
            "patient" => {
                let once_more = RetryPolicy {
                    initial_interval: PATIENCE,
                    backoff_coefficient: 1.0,
                    ..RetryPolicy::default()
                };
                let limit = LocalActivityOptions::with_start_to_close_timeout(PATIENCE)
                    .retry_policy(once_more);
                let ring = ctx.start_local_activity(Guide::ring, "the house".to_owned(), limit);
                Ok(vec![ring.await?])
            }
            "parent" => {
                let child = child("endless");
                child.started().await;
                child.cancel_with_reason("enough");
                Ok(vec![child.await.unwrap_err().to_string()])
            }
            "endless" => {
                ctx.sleep(Duration::from_secs(3600)).await?;
                Ok(Vec::new())
            }
            "reset" => {
                let place = "the start".to_owned();
                let seen = ctx.start_activity(Guide::show, place, options()).await?;
                ctx.wait_condition(|state| state.over).await?;
                Ok(vec![seen])
            }
            _ => {
                ctx.sleep(Duration::from_millis(10)).await?;
                Ok(vec!["short".to_owned()])
            }
        }
    }

    /// Adds a place, and says how many there are.
    #[update]
    fn add(&mut self, place: String) -> usize {
        self.places.push(place);
        self.places.len()
    }

    /// Ends it.
    #[signal]
    fn close(&mut self) {
        self.over = true;
    }
}

pub(crate) fn replayer() -> Replayer {
    Replayer::new().register_workflow::<Tour>()
}

/// Goes every way, and gives the histories that it leaves, with their names.
pub(crate) async fn histories(client: &Client) -> Vec<(String, History)> {
    let client = &client.clone().with_identity("guide").unwrap();
    let worker = Worker::builder(client, QUEUE)
        .register_workflow::<Tour>()
        .register_activities(Guide)
        .build()
        .unwrap();
    worker.run_until(go(client)).await.unwrap()
}

async fn go(client: &Client) -> Vec<(String, History)> {
    let mut histories = Vec::new();
    for (leg, runs) in LEGS {
        let mut options = WorkflowStartOptions::new(QUEUE, leg);
        if leg == "patient" {
            options = options.task_timeout(PATIENCE / 2);
        }
        let tour = client
            .start_workflow(Tour::run, leg.to_owned(), options)
            .await
            .unwrap();
        match leg {
            "everything" => {
                assert_eq!(tour.add("the hall".to_owned()).await.unwrap(), 1);
                tour.close().await.unwrap();
            }
            "cancelled" => {
                while tour.describe().await.unwrap().pending_activities.is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let reason = WorkflowCancelOptions::builder().reason("rain").build();
                tour.cancel(reason).await.unwrap();
            }
            "reset" => tour.close().await.unwrap(),
            _ => {}
        }
        let first = client.workflow_run::<Tour>(WorkflowExecution {
            workflow_id: tour.workflow_id().clone(),
            run_id: tour.run_id().unwrap().clone(),
        });
        let _ = tour.result().await;
        if leg == "reset" {
            let to = ResetPoint::FirstWorkflowTask;
            let again = tour.reset(to, "once more", ResetOptions::default()).await;
            let _ = again.unwrap().result().await;
        }
        histories.push((leg.to_owned(), first.history().await.unwrap()));
        if runs == 2 {
            let last = client.workflow::<Tour>(leg).unwrap();
            histories.push((format!("{leg}__run2"), last.history().await.unwrap()));
        }
    }
    histories
}
