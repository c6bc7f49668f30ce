//! How fast the embedded engine is, against the same file written by SQLite alone in the same run.
//!
//! `cargo bench -p steadfast --bench engine`. Machines differ and are busy: compare the ratios, not
//! the numbers. Every figure is the median of several rounds.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use steadfast::{
    engine::embedded::{Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
};

const WORKFLOWS: usize = 200;
const ACTIVITIES: u32 = 10;
const ROUNDS: usize = 5;

struct Steps {
    /// When the running activity heard of its cancellation.
    heard: Arc<Mutex<Option<Instant>>>,
}

#[activities]
impl Steps {
    #[activity]
    async fn step(number: u32) -> Result<u32, ActivityError> {
        Ok(number + 1)
    }

    #[activity(auto_heartbeat)]
    async fn wait(&self, ctx: ActivityContext) -> Result<(), ActivityError> {
        ctx.cancelled().await;
        *self.heard.lock().unwrap() = Some(Instant::now());
        Err(ActivityError::cancelled())
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .heartbeat_timeout(Duration::from_secs(10))
        .build()
}

/// Runs steps one after the other.
#[workflow]
#[derive(Default)]
struct Sequence;

#[workflow_methods]
impl Sequence {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, steps: u32) -> WorkflowResult<u32> {
        let mut number = 0;
        for _ in 0..steps {
            number = ctx.start_activity(Steps::step, number, options()).await?;
        }
        Ok(number)
    }
}

/// Waits in an activity, and cleans up with another one.
#[workflow]
#[derive(Default)]
struct Waiting;

#[workflow_methods]
impl Waiting {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let mut wait = ctx.start_activity(Steps::wait, (), options());
        select! {
            ended = &mut wait => { ended?; Ok(0) }
            _ = ctx.cancelled() => {
                wait.cancel();
                Ok(ctx.start_activity(Steps::step, 0, options()).await?)
            }
        }
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations[durations.len() / 2]
}

/// Writes as many rows of the same size in as many commits as SQLite alone can, to compare with.
fn raw_commits(folder: &Path, durability: Durability, commits: u32) -> Duration {
    let connection = Connection::open(folder.join(format!("raw-{durability:?}.db"))).unwrap();
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
             CREATE TABLE IF NOT EXISTS step (id INTEGER PRIMARY KEY, value BLOB);"
        ))
        .unwrap();
    let start = Instant::now();
    for _ in 0..commits {
        connection
            .execute("INSERT INTO step (value) VALUES (?1)", [vec![0_u8; 400]])
            .unwrap();
    }
    start.elapsed()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    for durability in [Durability::Relaxed, Durability::Full] {
        measure(folder.path(), durability).await;
    }
}

async fn measure(folder: &Path, durability: Durability) {
    let file = folder.join(format!("{durability:?}.db"));
    let engine = EmbeddedEngine::open(EmbeddedOptions::file(file).durability(durability)).unwrap();
    let client = Client::new(engine);
    let heard = Arc::new(Mutex::new(None));
    let worker = Worker::builder(&client, "bench")
        .register_workflow::<Sequence>()
        .register_workflow::<Waiting>()
        .register_activities(Steps {
            heard: Arc::clone(&heard),
        })
        .build()
        .unwrap();
    worker
        .run_until(async {
            let raw = raw_commits(folder, durability, 500) / 500;
            println!("{durability:?}: one commit by SQLite alone {raw:?}");

            let mut rounds = Vec::new();
            for round in 0..ROUNDS {
                rounds.push(many(&client, round).await);
            }
            let activities = u32::try_from(WORKFLOWS).unwrap() * ACTIVITIES;
            let each = median(rounds) / activities;
            println!(
                "  {WORKFLOWS} workflows of {ACTIVITIES} activities: {each:?} an activity, {:.2} of a commit",
                each.as_secs_f64() / raw.as_secs_f64()
            );

            let one = median(sequences(&client, 1, 41).await);
            println!(
                "  one workflow of one activity, idle: {one:?}, {:.1} commits",
                one.as_secs_f64() / raw.as_secs_f64()
            );
            for steps in [200_u32, 2_000, 8_000] {
                let each = median(sequences(&client, steps, 1).await) / steps;
                println!("  one workflow of {steps} activities: {each:?} an activity");
            }

            let (activity, workflow) = cancellations(&client, &heard).await;
            println!("  request to the activity's cancelled(): {activity:?}");
            println!("  request to the result, with one cleanup activity: {workflow:?}");
        })
        .await
        .unwrap();
}

/// Runs many workflows at once.
async fn many(client: &Client, round: usize) -> Duration {
    let start = Instant::now();
    let runs: Vec<_> = (0..WORKFLOWS)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let options = WorkflowStartOptions::new("bench", format!("many-{round}-{number}"));
                let run = client
                    .start_workflow(Sequence::run, ACTIVITIES, options)
                    .await
                    .unwrap();
                run.result().await.unwrap()
            })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap(), ACTIVITIES);
    }
    start.elapsed()
}

/// Runs workflows one after the other.
async fn sequences(client: &Client, steps: u32, times: usize) -> Vec<Duration> {
    let mut durations = Vec::new();
    for number in 0..times {
        let start = Instant::now();
        let options = WorkflowStartOptions::new("bench", format!("sequence-{steps}-{number}"));
        let run = client
            .start_workflow(Sequence::run, steps, options)
            .await
            .unwrap();
        assert_eq!(run.result().await.unwrap(), steps);
        durations.push(start.elapsed());
    }
    durations
}

/// Cancels workflows whose activity is running.
async fn cancellations(client: &Client, heard: &Mutex<Option<Instant>>) -> (Duration, Duration) {
    let mut to_activity = Vec::new();
    let mut to_result = Vec::new();
    for number in 0..41 {
        let options = WorkflowStartOptions::new("bench", format!("waiting-{number}"));
        let run = client
            .start_workflow(Waiting::run, (), options)
            .await
            .unwrap();
        while run
            .describe()
            .await
            .unwrap()
            .pending_activities
            .iter()
            .all(|activity| activity.state != steadfast::engine::PendingActivityState::Started)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        *heard.lock().unwrap() = None;
        let start = Instant::now();
        run.cancel(WorkflowCancelOptions::default()).await.unwrap();
        assert_eq!(run.result().await.unwrap(), 1);
        to_result.push(start.elapsed());
        while heard.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let heard = heard.lock().unwrap().unwrap();
        to_activity.push(heard.saturating_duration_since(start));
    }
    (median(to_activity), median(to_result))
}
