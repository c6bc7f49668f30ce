//! How fast the embedded engine is, against the same file written by SQLite alone in the same run.
//!
//! `cargo bench -p steadfast --bench engine`, or with `-- throughput` or `-- latency` one half of it. Machines differ and are busy: compare the ratios, not
//! the numbers. Every figure is the median of several rounds.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use steadfast::{
    engine::embedded::{CrashAction, Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
};

const WORKFLOWS: usize = 200;
const ACTIVITIES: u32 = 10;
const ROUNDS: usize = 9;

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

/// So many steps, of six events each, fit into one history.
const STEPS_OF_A_RUN: u32 = 8_000;

/// Runs steps one after the other, and continues as new when a history is full.
#[workflow]
#[derive(Default)]
struct Sequence;

#[workflow_methods]
impl Sequence {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, steps: u32) -> WorkflowResult<u32> {
        let mut number = 0;
        for _ in 0..steps.min(STEPS_OF_A_RUN) {
            number = ctx.start_activity(Steps::step, number, options()).await?;
        }
        if number < steps {
            ctx.continue_as_new(steps - number, ContinueAsNewOptions::default())?;
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

/// Writes the rows of a file once more, in as many commits, with nothing but SQLite in one thread: how long a
/// round of them takes, as the median, for that is how the engine's own time is taken.
fn raw_rows(folder: &Path, durability: Durability, from: &Path, commits: usize) -> Duration {
    let from = Connection::open(from).unwrap();
    let to = Connection::open(folder.join(format!("rows-{durability:?}-{commits}.db"))).unwrap();
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    to.execute_batch(&format!(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 4000;"
    ))
    .unwrap();
    let schema: Vec<String> = from
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    to.execute_batch(&schema.join(";")).unwrap();
    let rows = |sql: &str| -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = from.prepare(sql).unwrap();
        let columns = statement.column_count();
        statement
            .query_map([], |row| {
                (0..columns).map(|column| row.get(column)).collect()
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    };
    // A run is written when it starts and again when it closes.
    let mut statements: Vec<Write> = Vec::new();
    for (sql, of) in [
        (
            "INSERT INTO execution (key, workflow_id, run_id, workflow_type, task_queue, status, \
             start_time, wakeup, first_run_id, request_id, checksum) \
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, 0, ?7, ?8, ?9)",
            "SELECT (SELECT min(id) FROM history WHERE history.key = execution.key), key, \
             workflow_id, run_id, workflow_type, task_queue, start_time, first_run_id, \
             request_id, checksum FROM execution",
        ),
        (
            "INSERT INTO history (key, first_event, events, checksum) VALUES (?1, ?2, ?3, ?4)",
            "SELECT id, key, first_event, events, checksum FROM history",
        ),
        (
            "UPDATE execution SET status = ?2, close_time = ?3, wakeup = NULL, \
             history_length = ?4, history_bytes = ?5 WHERE key = ?1",
            "SELECT (SELECT max(id) FROM history WHERE history.key = execution.key), key, status, \
             close_time, history_length, history_bytes FROM execution",
        ),
    ] {
        statements.extend(rows(of).into_iter().map(|row| (row[0].clone(), sql, row)));
    }
    statements.sort_by_key(|(at, ..)| match at {
        rusqlite::types::Value::Integer(id) => *id,
        _ => unreachable!("ids are integers"),
    });
    let mut rounds = Vec::new();
    for round in statements.chunks(statements.len().div_ceil(ROUNDS)) {
        let start = Instant::now();
        write_rows(&to, round, commits.div_ceil(ROUNDS));
        rounds.push(start.elapsed());
    }
    median(rounds)
}

/// A statement and its values, of which the first says when it was executed.
type Write = (
    rusqlite::types::Value,
    &'static str,
    Vec<rusqlite::types::Value>,
);

fn write_rows(to: &Connection, rows: &[Write], commits: usize) {
    for batch in rows.chunks(rows.len().div_ceil(commits)) {
        to.prepare_cached("BEGIN IMMEDIATE")
            .unwrap()
            .execute([])
            .unwrap();
        for (_, sql, row) in batch {
            to.prepare_cached(sql)
                .unwrap()
                .execute(rusqlite::params_from_iter(&row[1..]))
                .unwrap();
        }
        to.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    }
}

/// What all threads of this process have used of the processor, if the system tells.
fn processor_time() -> Option<Duration> {
    /// A fixed part of the interface of Linux.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which is the second field, may contain spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// A worker on an engine of its own.
struct Bench {
    client: Client,
    engine: Arc<EmbeddedEngine>,
    worker: Worker,
    heard: Arc<Mutex<Option<Instant>>>,
    commits: Arc<AtomicU64>,
}

impl Bench {
    fn new(file: &Path, durability: Durability) -> Self {
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        let options = EmbeddedOptions::file(file)
            .durability(durability)
            .crash_point(move |commit, _| {
                counter.store(commit, Ordering::Relaxed);
                CrashAction::Continue
            });
        let engine = EmbeddedEngine::open(options).unwrap();
        let client = Client::new(Arc::clone(&engine) as _);
        let heard = Arc::new(Mutex::new(None));
        let worker = Worker::builder(&client, "bench")
            .register_workflow::<Sequence>()
            .register_workflow::<Waiting>()
            .register_activities(Steps {
                heard: Arc::clone(&heard),
            })
            .build()
            .unwrap();
        Self {
            client,
            engine,
            worker,
            heard,
            commits,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |name| named.is_empty() || named.iter().any(|wanted| wanted == name);
    for durability in [Durability::Relaxed, Durability::Full] {
        if wanted("throughput") {
            throughput(folder.path(), durability).await;
        }
        if wanted("latency") {
            latency(folder.path(), durability).await;
        }
    }
}

async fn throughput(folder: &Path, durability: Durability) {
    let file = folder.join(format!("{durability:?}.db"));
    let bench = Bench::new(&file, durability);
    let busy = processor_time();
    let rounds = bench
        .worker
        .run_until(async {
            let mut rounds = Vec::new();
            for round in 0..ROUNDS {
                rounds.push(many(&bench.client, round).await);
            }
            rounds
        })
        .await
        .unwrap();
    let busy = processor_time().zip(busy).map(|(now, then)| now - then);
    bench.engine.shutdown();
    let commits = usize::try_from(bench.commits.load(Ordering::Relaxed)).unwrap();
    let round = u32::try_from(WORKFLOWS).unwrap() * ACTIVITIES;
    let all = u32::try_from(ROUNDS).unwrap() * round;
    let each = median(rounds) / round;
    println!(
        "{durability:?}: {WORKFLOWS} workflows of {ACTIVITIES} activities: {each:?} an activity"
    );
    for (kind, commits) in [
        ("as many commits", commits),
        ("a commit each", all as usize),
    ] {
        let raw = raw_rows(folder, durability, &file, commits) / round;
        println!(
            "  the same rows by SQLite alone, in {kind} ({commits}): {raw:?}; {:.0} % of its rate",
            100.0 * raw.as_secs_f64() / each.as_secs_f64()
        );
    }
    if let Some(busy) = busy {
        println!("  processor time: {:?} an activity", busy / all);
    }
}

async fn latency(folder: &Path, durability: Durability) {
    let bench = Bench::new(&folder.join(format!("{durability:?}-idle.db")), durability);
    let client = &bench.client;
    bench
        .worker
        .run_until(async {
            let raw = raw_commits(folder, durability, 500) / 500;
            println!("{durability:?}: one commit by SQLite alone {raw:?}");
            let one = median(sequences(client, 1, 41).await);
            println!(
                "  one workflow of one activity, idle: {one:?}, {:.1} commits",
                one.as_secs_f64() / raw.as_secs_f64()
            );
            for (steps, times) in [(200_u32, 5), (2_000, 5), (8_000, 1), (25_000, 1)] {
                let all = median(sequences(client, steps, times).await);
                println!(
                    "  one workflow of {steps} activities: {all:?}, {:?} an activity",
                    all / steps
                );
            }
            let (activity, workflow) = cancellations(client, &bench.heard).await;
            println!("  request to the activity's cancelled(): {activity:?}");
            println!("  request to the result, with one cleanup activity: {workflow:?}");
            let busy = processor_time();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(busy) = processor_time().zip(busy).map(|(now, then)| now - then) {
                println!("  processor time of an idle second: {busy:?}");
            }
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
        assert_eq!(
            run.result().await.unwrap() % STEPS_OF_A_RUN,
            steps % STEPS_OF_A_RUN
        );
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
