//! Kills a process that works on a small disk, which it fills with values up to the limit and over it, and which another
//! program fills besides.
//!
//! The disk is a file system in memory, in a process with mounts of its own. Where that cannot be had nothing is tried, and
//! the test says so.

use std::{
    collections::BTreeMap,
    env,
    fs::{File, OpenOptions, read_to_string},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use steadfast::{
    core::{event::EventKind, event::ExecutionStatus},
    engine::embedded::EmbeddedEngine,
    prelude::*,
};

use crate::{dice::Dice, process::note};

const SUPERVISOR: &str = "small_disk::process_with_a_small_disk";
const CHILD: &str = "small_disk::process_that_fills_its_disk";
const DISK: &str = "STEADFAST_SMALL_DISK";
const LEDGER: &str = "STEADFAST_SMALL_DISK_LEDGER";
const ROUND: &str = "STEADFAST_SMALL_DISK_ROUND";
const SEED: &str = "STEADFAST_SMALL_DISK_SEED";

/// One of so many kills of the harness is on a small disk.
const SHARE: u64 = 2;
const QUEUE: &str = "small";
const FULL: &str = "the disk is full; make room and try again";
/// The longest text that fits into 2 MiB with its quotes and the name of its encoding, `json/plain`.
const LONGEST: usize = 2 * 1024 * 1024 - 12;

#[workflow]
#[derive(Debug, Default)]
struct Keep;

#[workflow_methods]
impl Keep {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, text: String) -> WorkflowResult<usize> {
        Ok(text.len())
    }
}

fn number(name: &str) -> u64 {
    env::var(name).unwrap().parse().unwrap()
}

fn database(disk: &Path) -> PathBuf {
    disk.join("orders.db")
}

/// A line counts with its last word.
fn record(ledger: &mut File, what: &str, id: &str) {
    ledger
        .write_all(format!("{what} {id} .\n").as_bytes())
        .unwrap();
}

/// What was done with each workflow.
fn read(ledger: &Path) -> BTreeMap<String, Vec<String>> {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in read_to_string(ledger).unwrap_or_default().lines() {
        if let [what, id, "."] = line.split(' ').collect::<Vec<_>>()[..] {
            known
                .entry(id.to_owned())
                .or_default()
                .push(what.to_owned());
        }
    }
    known
}

/// Not a test: what the supervisor starts and kills.
#[test]
fn process_that_fills_its_disk() {
    if env::var_os(ROUND).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fill(number(ROUND), number(SEED)));
}

async fn fill(round: u64, seed: u64) {
    let disk = PathBuf::from(env::var_os(DISK).unwrap());
    let mut ledger = OpenOptions::new()
        .append(true)
        .create(true)
        .open(env::var_os(LEDGER).unwrap())
        .unwrap();
    let mut dice = Dice::new(seed ^ round);
    let client = Client::new(EmbeddedEngine::open(database(&disk)).unwrap());
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Keep>()
        .build()
        .unwrap();
    // Also what an earlier process was about to delete.
    let mut kept: Vec<String> = read(&PathBuf::from(env::var_os(LEDGER).unwrap()))
        .into_iter()
        .filter(|(_, done)| !done.iter().any(|done| done == "deleted"))
        .map(|(id, _)| id)
        .collect();
    let fills = async {
        for n in 0.. {
            let size =
                [10, 3_000, 100_000, LONGEST, LONGEST + 1][usize::try_from(dice.below(5)).unwrap()];
            let id = format!("{round}-{n}-{size}");
            let options = WorkflowStartOptions::new(QUEUE, &id);
            let text = "x".repeat(size);
            match client.start_workflow(Keep::run, text, options).await {
                Ok(handle) => {
                    record(&mut ledger, "started", &id);
                    let result =
                        tokio::time::timeout(Duration::from_millis(50), handle.result()).await;
                    if let Ok(Ok(length)) = result {
                        assert_eq!(length, size);
                        record(&mut ledger, "completed", &id);
                    }
                    kept.push(id);
                }
                Err(error) if size > LONGEST => {
                    assert!(
                        error.to_string().contains("the limit is 2097152"),
                        "{error}"
                    );
                }
                Err(error) => {
                    assert!(error.to_string().contains(FULL), "{error}");
                    // Deleting makes room, also when another program has taken all of it.
                    if kept.is_empty() {
                        continue;
                    }
                    let at = usize::try_from(dice.below(kept.len() as u64)).unwrap();
                    let id = kept.swap_remove(at);
                    record(&mut ledger, "deleting", &id);
                    match client.workflow::<Keep>(&id).unwrap().delete().await {
                        Ok(()) => record(&mut ledger, "deleted", &id),
                        // By the process before, which was killed then.
                        Err(error) if error.is_not_found() => {
                            record(&mut ledger, "deleted", &id);
                        }
                        Err(error) => panic!("{id}: {error}"),
                    }
                }
            }
        }
    };
    worker.run_until(fills).await.unwrap();
}

/// Not a test: what the test starts as a process, when its disk is there.
#[test]
fn process_with_a_small_disk() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return;
    };
    if env::var_os(ROUND).is_some() {
        return;
    }
    let ledger = PathBuf::from(env::var_os(LEDGER).unwrap());
    let seed = number(SEED);
    let mut dice = Dice::new(seed);
    let other = disk.join("other");
    // Where the disk is full no database can be made.
    EmbeddedEngine::open(database(&disk)).unwrap().shutdown();
    for round in 0..crate::kills().div_ceil(SHARE) {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([CHILD, "--exact", "--nocapture"])
            .env(ROUND, round.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(200 + dice.below(600)));
        let is_filled = dice.below(2) == 0;
        if is_filled {
            // It takes what is left, to the last byte, and is killed with that, or goes on without.
            let mut file = File::create(&other).unwrap();
            while file.write_all(&[1; 4096]).is_ok() {}
            thread::sleep(Duration::from_millis(dice.below(200)));
            if dice.below(2) == 0 {
                std::fs::remove_file(&other).unwrap();
                thread::sleep(Duration::from_millis(dice.below(300)));
            }
        }
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        assert!(
            ended.is_none(),
            "seed {seed}: it ended by itself before kill {round}: {ended:?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        check(&disk, &ledger, seed);
        let _ = std::fs::remove_file(&other);
    }
}

/// Holds the file against the ledger; whoever reads needs no room.
#[tokio::main(flavor = "current_thread")]
async fn check(disk: &Path, ledger: &Path, seed: u64) {
    let engine = EmbeddedEngine::open(database(disk)).unwrap();
    let client = Client::new(engine.clone());
    for (id, done) in &read(ledger) {
        let is = |what: &str| done.iter().any(|done| done == what);
        let handle = client.workflow::<Keep>(id).unwrap();
        let described = handle.describe().await;
        let what = format!("seed {seed}, {id}, {done:?}: {described:?}");
        match described {
            Err(error) => {
                assert!(error.is_not_found() && is("deleting"), "{what}");
                continue;
            }
            Ok(description) => {
                assert!(!is("deleted"), "{what}");
                let is_completed = description.status == ExecutionStatus::Completed;
                assert!(is_completed || !is("completed"), "{what}");
            }
        }
        let history = handle.history().await.unwrap();
        let EventKind::WorkflowExecutionStarted(started) = &history.events[0].kind else {
            panic!("{what}: {history}");
        };
        let size: usize = id.rsplit('-').next().unwrap().parse().unwrap();
        assert!(size <= LONGEST, "{what}");
        assert_eq!(started.input[0].data.as_slice().len(), size + 2, "{what}");
    }
    engine.shutdown();
}

// E2
#[test]
fn a_full_disk_under_kills_loses_nothing_that_was_acknowledged() {
    let (disk, papers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = papers.path().join("ledger");
    let program = env::current_exe().unwrap();
    let seed = crate::seed();
    let mount = "mount -t tmpfs -o size=16m tmpfs \"$1\"";
    let run = |script: &str| {
        Command::new("unshare")
            .args(["-rm", "sh", "-c", script, "sh"])
            .args([disk.path(), program.as_path()])
            .env(DISK, disk.path())
            .env(LEDGER, &ledger)
            .env(SEED, seed.to_string())
            .output()
    };
    if !run(mount).is_ok_and(|tried| tried.status.success()) {
        note("no disk of its own here: a full disk under kills was skipped");
        return;
    }
    let script = format!("{mount} && exec \"$2\" {SUPERVISOR} --exact --nocapture");
    let done = run(&script).unwrap();
    assert!(
        done.status.success(),
        "STEADFAST_KILL_SEED={seed}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    let lines = read_to_string(&ledger).unwrap();
    let count = |what: &str| lines.lines().filter(|line| line.starts_with(what)).count();
    note(&format!(
        "{} kills on a small disk from seed {seed}: {} started, {} completed, {} deleted",
        crate::kills().div_ceil(SHARE),
        count("started"),
        count("completed"),
        count("deleted")
    ));
    assert!(count("deleted") > 0, "it was never full");
}
