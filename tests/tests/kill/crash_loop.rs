//! A process that kills itself: an activity, many of them, a local activity or workflow code in it ends it at once, each time
//! they run.
//! It is started again whenever it has died, as a supervisor would.

use std::{
    env,
    fs::{OpenOptions, read_to_string},
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::try_join_all;
use steadfast::{
    core::options::WorkflowIdConflictPolicy,
    engine::embedded::{Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
};

use crate::papers::Papers;

const NAME: &str = "crash_loop::process_that_kills_itself";
const FOLDER: &str = "STEADFAST_CRASH_LOOP_FOLDER";
const CULPRIT: &str = "STEADFAST_CRASH_LOOP_CULPRIT";
const QUEUE: &str = "doomed";
const INNOCENTS: usize = 4;
/// So often the culprit ends its process.
const DEATHS: usize = 3;

fn milliseconds() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis()
}

fn notes(what: &str) -> Vec<u128> {
    let path = PathBuf::from(env::var_os(FOLDER).unwrap()).join(what);
    read_notes(&path)
}

fn read_notes(path: &Path) -> Vec<u128> {
    let text = read_to_string(path).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Writes down when something happened.
fn note(what: &str) {
    let path = PathBuf::from(env::var_os(FOLDER).unwrap()).join(what);
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(format!("{}\n", milliseconds()).as_bytes())
        .unwrap();
}

/// What recurses without an end.
fn overflow(depth: u64) -> u64 {
    let filler = std::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    overflow(depth + 1) + filler[0]
}

/// Ends the process, the first times.
fn die(of: &str) {
    if notes("deaths").len() > DEATHS {
        return;
    }
    note("deaths");
    if notes("deaths").len() > DEATHS {
        return;
    }
    if of == "code" {
        overflow(0);
    }
    std::process::abort();
}

#[derive(Debug)]
struct Deeds;

#[activities]
impl Deeds {
    #[activity]
    async fn kill(&self, ctx: ActivityContext, _: ()) -> Result<u32, ActivityError> {
        die("activity");
        Ok(ctx.info().attempt)
    }

    #[activity]
    async fn work(&self, _ctx: ActivityContext, _: ()) -> Result<(), ActivityError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    }
}

#[workflow]
#[derive(Debug, Default)]
struct Doomed;

#[workflow_methods]
impl Doomed {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, how: String) -> WorkflowResult<u32> {
        let minute = Duration::from_secs(60);
        match how.as_str() {
            "activity" => {
                let options = ActivityOptions::start_to_close_timeout(minute);
                Ok(ctx.start_activity(Deeds::kill, (), options).await?)
            }
            "local" => {
                let options = LocalActivityOptions::start_to_close_timeout(minute);
                Ok(ctx.start_local_activity(Deeds::kill, (), options).await?)
            }
            "code" => {
                die("code");
                Ok(0)
            }
            "many" => {
                let kills = (0..30).map(|_| {
                    let options = ActivityOptions::start_to_close_timeout(minute);
                    ctx.start_activity(Deeds::kill, (), options)
                });
                let attempts = try_join_all(kills).await?;
                Ok(attempts.into_iter().max().unwrap_or(0))
            }
            "loop" => loop {
                let options = ActivityOptions::with_start_to_close_timeout(minute)
                    .retry_policy(RetryPolicy::once())
                    .build();
                if let Ok(attempt) = ctx.start_activity(Deeds::kill, (), options).await {
                    return Ok(attempt);
                }
            },
            _ => {
                for _ in 0..3 {
                    let options = ActivityOptions::start_to_close_timeout(minute);
                    ctx.start_activity(Deeds::work, (), options).await?;
                }
                Ok(0)
            }
        }
    }
}

/// Not a test: what the tests start as a process.
#[test]
fn process_that_kills_itself() {
    let Ok(culprit) = env::var(CULPRIT) else {
        return;
    };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work(&folder, &culprit));
}

async fn work(folder: &Path, culprit: &str) {
    let durability = if culprit == "activity" {
        Durability::Relaxed
    } else {
        Durability::Full
    };
    let options = EmbeddedOptions::file(Papers::database(folder)).durability(durability);
    let engine = EmbeddedEngine::open(options).unwrap();
    let client = Client::new(engine);
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Doomed>()
        .register_activities(Deeds)
        .build()
        .unwrap();
    let innocents = (0..INNOCENTS).map(|n| (format!("innocent-{n}"), "innocent"));
    let all: Vec<_> = innocents.chain([("culprit".to_owned(), culprit)]).collect();
    worker
        .run_until(async {
            let ends = all.into_iter().map(|(id, how)| {
                let client = &client;
                async move {
                    if !notes(&id).is_empty() {
                        return Ok::<_, ClientError>(());
                    }
                    let options = WorkflowStartOptions::new(QUEUE, &id)
                        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
                        .request_id(id.clone());
                    let handle = client
                        .start_workflow(Doomed::run, how.to_owned(), options)
                        .await?;
                    handle.result().await?;
                    note(&id);
                    Ok(())
                }
            });
            try_join_all(ends).await
        })
        .await
        .unwrap()
        .unwrap();
}

/// Starts the process until it comes to its end, and gives the history of what killed it.
fn supervise(culprit: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut starts = 0;
    loop {
        starts += 1;
        assert!(starts < 20, "it dies for ever");
        let process = Command::new(env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(FOLDER, path)
            .env(CULPRIT, culprit)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if process.status.success() {
            break;
        }
        assert_eq!(
            process.status.signal(),
            Some(6),
            "{}",
            String::from_utf8_lossy(&process.stderr)
        );
    }
    // The first death is not counted, since nothing was written down of the start. From the second on each wait is
    // longer.
    let times = read_notes(&path.join("deaths"));
    assert_eq!(times.len(), DEATHS + 1);
    assert_eq!(starts, DEATHS + 1);
    let waits: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([0, 1_000, 2_000]) {
        assert!(*wait >= least, "{waits:?}");
    }
    history(path)
}

#[tokio::main(flavor = "current_thread")]
async fn history(folder: &Path) -> String {
    let engine = EmbeddedEngine::open(Papers::database(folder)).unwrap();
    let client = Client::new(engine);
    let handle = client.workflow::<Doomed>("culprit").unwrap();
    handle.history().await.unwrap().to_string()
}

const TASK_LOST: &str = "the process ended while a worker had this workflow task";

#[test]
fn an_activity_that_aborts_is_held_back() {
    let history = supervise("activity");
    assert!(
        history.contains("the process ended while the activity was running"),
        "{history}"
    );
    assert!(history.contains("attempt 3"), "{history}");
}

/// All of them together, and not each by itself.
#[test]
fn many_activities_that_abort_are_held_back() {
    let history = supervise("many");
    assert!(
        history.contains("the process ended while the activity was running"),
        "{history}"
    );
}

/// Each is a new one, which may be tried once.
#[test]
fn a_loop_of_activities_that_abort_is_held_back() {
    let history = supervise("loop");
    let lost = "the process ended while the activity was running";
    assert_eq!(history.matches(lost).count(), DEATHS, "{history}");
}

#[test]
fn a_local_activity_that_aborts_is_held_back() {
    let history = supervise("local");
    assert_eq!(history.matches(TASK_LOST).count(), 1, "{history}");
}

#[test]
fn workflow_code_that_overflows_its_stack_is_held_back() {
    let history = supervise("code");
    assert_eq!(history.matches(TASK_LOST).count(), 1, "{history}");
}
