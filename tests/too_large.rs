//! Rule F8: every value that crosses a boundary, made too large, and what its owner is told at once. One table
//! for both engines.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use steadfast::{
    client::{ClientError, WorkflowExecutionError},
    convert::to_payload,
    core::{
        event::{EventKind, WorkflowTaskFailedCause},
        failure::{Failure, FailureKind},
        ids::ActivityId,
    },
    engine::{ActivityRef, ExecutionRef},
    prelude::*,
    worker::WorkerOptions,
};

pub(crate) const QUEUE: &str = "limits";

/// More than a value may have, and less than a service takes in one message.
const LARGE: usize = 3 << 20;
/// More than a service takes in one message.
const HUGE: usize = 5 << 20;

fn large() -> String {
    "x".repeat(LARGE)
}

#[derive(Debug)]
struct Parcels;

/// What an activity is to make of too much.
#[activities]
impl Parcels {
    #[activity]
    async fn weigh(parcel: String) -> Result<usize, ActivityError> {
        Ok(parcel.len())
    }

    #[activity]
    async fn give(ctx: ActivityContext, way: String) -> Result<String, ActivityError> {
        let attempt = ctx.info().attempt;
        match way.as_str() {
            "result" => Ok(large()),
            "result of the first attempt" if attempt == 1 => Ok("x".repeat(HUGE)),
            "details" => Err(ApplicationFailure::new("lost", "Lost")
                .with_details(&large())?
                .with_details(&attempt)?
                .into()),
            "details, not to be tried again" => {
                Err(ApplicationFailure::non_retryable("lost", "Lost")
                    .with_details(&large())?
                    .into())
            }
            "text" => Err(large().into()),
            // As a panic, without the word to the terminal.
            "panic" => std::panic::resume_unwind(Box::new(large())),
            "heartbeat" => {
                ctx.heartbeat(&"half")?;
                let told = ctx.heartbeat(&large()).unwrap_err();
                let carelessly = ctx.record_heartbeat(vec![to_payload(&large())?]);
                assert!(carelessly.check().is_err());
                Ok(ActivityError::from(told).to_string())
            }
            "heartbeat, and a failure" if attempt == 1 => {
                ctx.heartbeat(&"half")?;
                let _ = ctx.record_heartbeat(vec![to_payload(&large())?]);
                Err("failed".into())
            }
            "heartbeat, and a failure" => {
                Ok(ctx.heartbeat_details::<String>()?.unwrap_or_default())
            }
            "details and a heartbeat" => {
                // The first goes out at once, the second waits for its turn.
                ctx.heartbeat(&"x".repeat(LARGE / 2))?;
                ctx.heartbeat(&"x".repeat(LARGE / 2))?;
                Err(ApplicationFailure::non_retryable("lost", "Lost")
                    .with_details(&"x".repeat(LARGE / 2))?
                    .into())
            }
            "type" => Err(ApplicationFailure::non_retryable("lost", large()).into()),
            "elsewhere" if attempt == 1 => Err(ActivityError::complete_async()),
            "cancellation" => {
                ctx.heartbeat(&())?;
                ctx.cancelled().await;
                Err(ActivityError::cancelled_with(&large())?)
            }
            _ => Ok(format!("attempt {attempt}")),
        }
    }
}

/// What a child or another execution has to do with it.
#[workflow]
#[derive(Debug, Default)]
struct Neighbour;

#[workflow_methods]
impl Neighbour {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, _parcel: String) -> WorkflowResult<()> {
        Ok(ctx.sleep(Duration::from_secs(3600)).await?)
    }

    #[signal]
    fn take(&mut self, _parcel: String) {}
}

/// Makes too much of something, and says what it was told.
#[workflow]
#[derive(Debug, Default)]
struct Sends {
    released: bool,
}

fn twice() -> RetryPolicy {
    RetryPolicy {
        initial_interval: Duration::from_millis(1),
        maximum_attempts: 2,
        ..RetryPolicy::default()
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
        .heartbeat_timeout(Duration::from_secs(5))
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .retry_policy(twice())
        .build()
}

/// The types of an application failure and of its last cause, and how many bytes both have in all.
fn kind(failure: &Failure) -> String {
    let types = failure.chain().filter_map(|failure| match &failure.kind {
        FailureKind::Application { error_type, .. } => Some(error_type.as_str()),
        FailureKind::Cancelled { .. } => Some("cancelled"),
        _ => None,
    });
    let mut types: Vec<_> = types.collect();
    types.dedup();
    assert!(failure.to_string().len() < 10_000, "it is cut");
    types.join(" <- ")
}

/// Another value each time, as the world may give.
fn made(run: String) -> String {
    static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if MADE.lock().unwrap().insert(run) {
        large()
    } else {
        String::new()
    }
}

fn activity_told<T: ToString>(result: Result<T, ActivityExecutionError>) -> String {
    match result {
        Ok(value) => format!("taken: {}", value.to_string()),
        Err(error) => format!("{} in attempt {}", kind(error.failure()), error.attempt()),
    }
}

fn told<T>(result: Result<T, impl Into<WorkflowError>>) -> String {
    match result {
        Ok(_) => "taken".to_owned(),
        Err(error) => kind(&error.into().to_failure()),
    }
}

#[workflow_methods]
impl Sends {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, way: String) -> WorkflowResult<String> {
        let (what, how) = way.split_once(": ").unwrap_or((&way, ""));
        let child = |parcel: String| {
            ctx.start_child_workflow(Neighbour::run, parcel, ChildWorkflowOptions::default())
        };
        let neighbour = || ctx.external_workflow(WorkflowId::new("neighbour").unwrap());
        Ok(match what {
            "argument" => {
                activity_told(ctx.start_activity(Parcels::weigh, large(), options()).await)
            }
            "local argument" => {
                let local =
                    LocalActivityOptions::with_start_to_close_timeout(Duration::from_secs(9));
                activity_told(
                    ctx.start_local_activity(Parcels::weigh, large(), local)
                        .await,
                )
            }
            "activity" => {
                let work = ctx.start_activity(Parcels::give, how.to_owned(), options());
                if how == "cancellation" {
                    // It has to be running to hear of it.
                    ctx.sleep(Duration::from_secs(1)).await?;
                    work.cancel();
                }
                activity_told(work.await)
            }
            "local activity" => {
                let local =
                    LocalActivityOptions::with_start_to_close_timeout(Duration::from_secs(9))
                        .retry_policy(twice());
                activity_told(
                    ctx.start_local_activity(Parcels::give, how.to_owned(), local)
                        .await,
                )
            }
            "child's argument" => told(child(large()).await),
            "child's memo" => {
                let memo = ChildWorkflowOptions::builder().memo("parcel", to_payload(&large())?);
                told(
                    ctx.start_child_workflow(Neighbour::run, String::new(), memo)
                        .await,
                )
            }
            "child's signal" => {
                let child = child(String::new());
                child.started().await;
                told(child.signal(Neighbour::take, large()).await)
            }
            "signal" => told(neighbour().signal(Neighbour::take, large()).await),
            "side effect" => {
                let run = ctx.run_id().to_string();
                let first = ctx.side_effect(|| made(run));
                let second = ctx.side_effect(|| "second".to_owned())?;
                // What follows is a replay, with a worker that keeps no runs.
                ctx.sleep(Duration::from_millis(10)).await?;
                format!("{}, {second}", told(first))
            }
            "memo" => told(ctx.upsert_memo("parcel", &large())),
            "memo, in sum" => {
                let half = "x".repeat(LARGE / 2);
                ctx.upsert_memo("first", &half)?;
                ctx.upsert_memo("first", &half)?;
                told(ctx.upsert_memo("second", &half))
            }
            "memo, with its keys" => {
                let mut taken = 0;
                while ctx.upsert_memo("k".repeat(100_000 + taken), &"").is_ok() {
                    taken += 1;
                }
                format!("{taken} taken")
            }
            "search attribute" => told(ctx.upsert_search_attribute("Parcel", &large())),
            "next run" => told::<()>(ctx.continue_as_new(large(), ContinueAsNewOptions::default())),
            "result" => large(),
            "failure" => {
                return Err(ApplicationFailure::new("lost", "Lost")
                    .with_details(&large())?
                    .into());
            }
            "wait" => {
                ctx.wait_condition(|state| state.released).await?;
                "released".to_owned()
            }
            _ => return Err(format!("no such way: {way}").into()),
        })
    }

    #[signal]
    fn release(&mut self, _parcel: String) {
        self.released = true;
    }

    #[query]
    fn ask(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    #[query]
    fn ask_in_vain(&self) -> Result<String, WorkflowError> {
        Err(large().into())
    }

    #[query]
    fn ask_with(&self, parcel: String) -> usize {
        parcel.len()
    }

    #[update]
    fn change(&mut self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    #[update]
    fn change_in_vain(&mut self) -> Result<String, WorkflowError> {
        Err(ApplicationFailure::new("lost", "Lost")
            .with_details(&large())?
            .into())
    }

    #[update]
    fn change_with(&mut self, parcel: String) -> usize {
        parcel.len()
    }
}

/// What the code of a workflow makes, and what it is told, on both engines.
const OF_CODE: &[(&str, &str)] = &[
    ("argument", "PayloadsTooLarge in attempt 0"),
    // It goes into no history.
    ("local argument", "taken: 3145728"),
    ("activity: result", "PayloadsTooLarge in attempt 2"),
    ("activity: result of the first attempt", "taken: attempt 2"),
    ("activity: details", "Lost <- PayloadsTooLarge in attempt 2"),
    (
        "activity: details, not to be tried again",
        "Lost <- PayloadsTooLarge in attempt 1",
    ),
    ("activity: details and a heartbeat", "Lost in attempt 1"),
    ("activity: type", "x"),
    ("activity: text", "String <- PayloadsTooLarge in attempt 2"),
    ("activity: panic", "Panic <- PayloadsTooLarge in attempt 2"),
    ("activity: heartbeat", HEARTBEAT),
    ("activity: heartbeat, and a failure", "taken: half"),
    ("activity: cancellation", "cancelled in attempt 1"),
    ("local activity: result", "PayloadsTooLarge"),
    (
        "local activity: result of the first attempt",
        "taken: attempt 2",
    ),
    ("local activity: details", "Lost <- PayloadsTooLarge"),
    ("child's argument", "PayloadsTooLarge"),
    ("child's memo", "PayloadsTooLarge"),
    ("child's signal", "PayloadsTooLarge"),
    ("signal", "PayloadsTooLarge"),
    ("side effect", "PayloadsTooLarge, second"),
    ("memo", "PayloadsTooLarge"),
    ("memo, in sum", "PayloadsTooLarge"),
    ("memo, with its keys", "20 taken"),
    ("search attribute", "PayloadsTooLarge"),
    ("next run", "PayloadsTooLarge"),
    ("result", "failed: PayloadsTooLarge"),
    ("failure", "failed: Lost <- PayloadsTooLarge"),
];

const HEARTBEAT: &str = "taken: the heartbeat's details";

pub(crate) fn worker(client: &Client, cached_runs: usize) -> Worker {
    let options = WorkerOptions {
        max_cached_runs: cached_runs,
        ..WorkerOptions::default()
    };
    Worker::builder(client, QUEUE)
        .options(options)
        .register_workflow::<Sends>()
        .register_workflow::<Neighbour>()
        .register_activities(Parcels)
        .build()
        .unwrap()
}

async fn start(client: &Client, way: &str) -> SendsHandle {
    let options = WorkflowStartOptions::new(QUEUE, way);
    client
        .start_workflow(Sends::run, way.to_owned(), options)
        .await
        .unwrap()
}

/// The first part of the table: what code makes.
pub(crate) async fn judge_code(client: &Client) {
    let neighbour = WorkflowStartOptions::new(QUEUE, "neighbour");
    client
        .start_workflow(Neighbour::run, String::new(), neighbour)
        .await
        .unwrap();
    for (way, expected) in OF_CODE {
        let sends = start(client, way).await;
        let result = tokio::time::timeout(Duration::from_secs(20), sends.result()).await;
        let found = match result.unwrap_or_else(|_| panic!("`{way}` waits for a time limit")) {
            Ok(told) => told,
            Err(ClientError::Workflow(error)) => match error {
                WorkflowExecutionError::Failed(failure) => format!("failed: {}", kind(&failure)),
                other => format!("{other:?}"),
            },
            Err(other) => format!("{other:?}"),
        };
        assert!(found.starts_with(expected), "{way}: {found}");
        let history = sends.history().await.unwrap();
        let refused = history.events.iter().filter(|event| {
            let EventKind::WorkflowTaskFailed { cause, .. } = &event.kind else {
                return false;
            };
            *cause == WorkflowTaskFailedCause::PayloadsTooLarge
        });
        assert_eq!(refused.count(), 0, "{way}");
    }
}

/// The second part: what clients send and ask for. The workflow takes no harm.
pub(crate) async fn judge_clients(client: &Client) {
    let sends = start(client, "wait").await;
    let told = |what: &str, result: Result<(), ClientError>| {
        let error = result.expect_err(what).to_string();
        assert!(error.len() < 10_000, "{what}");
        error
    };
    for bytes in [LARGE, HUGE] {
        let parcel = || "x".repeat(bytes);
        told("signal", sends.release(parcel()).await);
        told("query", sends.ask_with(parcel()).await.map(drop));
        told("update", sends.change_with(parcel()).await.map(drop));
        // A service takes a reason up to what a message may have.
        if bytes == HUGE {
            let reason = WorkflowTerminateOptions::builder().reason(parcel());
            told("termination", sends.terminate(reason).await);
            let reason = WorkflowCancelOptions::builder().reason(parcel());
            told("cancellation", sends.cancel(reason).await);
        }

        let options = || WorkflowStartOptions::new(QUEUE, "refused");
        let way = || "wait".to_owned();
        let start = async |way: String, options: WorkflowStartOptions| {
            client
                .start_workflow(Sends::run, way, options)
                .await
                .map(drop)
        };
        told("argument", start(parcel(), options().build()).await);
        let with_memo = options().memo("parcel", &parcel()).unwrap();
        told("memo", start(way(), with_memo.build()).await);
        let with_signal = client.signal_with_start_workflow(
            Sends::run,
            way(),
            options(),
            Sends::release,
            parcel(),
        );
        told("signal with start", with_signal.await.map(drop));

        let error = told("answer", sends.ask(bytes).await.map(drop));
        assert!(error.contains("the answer to the query"), "{error}");
        told("query that fails", sends.ask_in_vain().await.map(drop));
        let error = told("outcome", sends.change(bytes).await.map(drop));
        assert!(error.contains("the update's result"), "{error}");
        let error = told("update that fails", sends.change_in_vain().await.map(drop));
        assert!(error.starts_with("lost"), "{error}");
    }
    let elsewhere = start(client, "activity: elsewhere").await;
    let activity = client.async_activity(ActivityRef {
        execution: ExecutionRef::current(elsewhere.workflow_id().clone()),
        activity_id: ActivityId::new("1").unwrap(),
    });
    // Until the activity has started there is nothing to end.
    while activity.heartbeat(&"half").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    told("completion", activity.complete(&large()).await);
    told("heartbeat", activity.heartbeat(&large()).await.map(drop));
    let lost = ApplicationFailure::new("lost", "Lost").with_details(&large());
    activity.fail(lost.unwrap()).await.unwrap();
    assert_eq!(elsewhere.result().await.unwrap(), "taken: attempt 2");

    assert_eq!(sends.ask(3).await.unwrap(), "xxx");
    assert_eq!(sends.change(3).await.unwrap(), "xxx");
    sends.release(String::new()).await.unwrap();
    assert_eq!(sends.result().await.unwrap(), "released");
    let refused = client.workflow::<Sends>("refused").unwrap();
    assert!(refused.describe().await.unwrap_err().is_not_found());
}
