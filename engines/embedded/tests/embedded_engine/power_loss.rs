//! What a power loss and a damaged disk leave: files as they are when writes that the disk was not
//! told to keep are lost in part, and files with wrong bytes.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use steadfast_core::{event::HistoryEvent, ids::EventId, payload::Payload, time::Timestamp};
use steadfast_embedded::{CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine as _, EngineError, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
};

use crate::dice::Dice;
use crate::harness::{Lived as _, World, block_on, current, start_request};

/// What a disk keeps or loses at once.
const SECTOR: usize = 512;
const RUNS: usize = 70;
/// So large that the runs fill the write-ahead log and it is begun anew.
const PAYLOAD: usize = 300_000;

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000))
}

/// The bytes of the database and of its write-ahead log.
#[derive(Clone, Default)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Files {
    fn read(path: &Path) -> Self {
        Self {
            database: fs::read(path).unwrap(),
            log: fs::read(log_of(path)).unwrap_or_default(),
        }
    }

    fn write(&self, path: &Path) {
        fs::write(path, &self.database).unwrap();
        fs::write(log_of(path), &self.log).unwrap();
    }
}

/// A file of which some of the sectors that were written last reached the disk.
fn torn(synced: &[u8], written: &[u8], dice: &mut Dice) -> Vec<u8> {
    let longest = synced.len().max(written.len());
    let mut torn = Vec::with_capacity(longest);
    for start in (0..longest).step_by(SECTOR) {
        let range = start..(start + SECTOR).min(longest);
        let of = |bytes: &[u8], range: Range<usize>| {
            let mut sector = bytes
                .get(range.start..range.end.min(bytes.len()))
                .unwrap_or(&[])
                .to_vec();
            sector.resize(range.len(), 0);
            sector
        };
        let keep = dice.one_in(2);
        torn.extend(of(if keep { written } else { synced }, range));
    }
    // The new length may have been lost as well.
    if written.len() > synced.len() && dice.one_in(2) {
        torn.truncate(synced.len() + dice.below(written.len() - synced.len()));
    }
    torn
}

/// Everything that was acknowledged is there, and the engine works on.
fn check(files: &Files, folder: &Path, acknowledged: usize, what: &str) {
    let path = folder.join("after.db");
    files.write(&path);
    let options = EmbeddedOptions::file(&path).clock(clock());
    let engine = EmbeddedEngine::open(options).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut world = World::new(engine, clock());
    block_on(async {
        let count = world
            .engine
            .count_workflows(ListFilter::default())
            .await
            .unwrap();
        assert!(
            count == acknowledged as u64 || count == acknowledged as u64 + 1,
            "{what}: {count} runs, {acknowledged} were acknowledged"
        );
        for n in [0, acknowledged.saturating_sub(1)] {
            if n < acknowledged {
                world
                    .run(&format!("task w{n}: complete\n status w{n} Completed"))
                    .await;
            }
        }
    });
}

/// E2 at `FULL`: the power fails at any moment of any commit.
#[test]
fn a_power_loss_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let checked = Arc::new(AtomicUsize::new(0));
    let begun_anew = Arc::new(AtomicUsize::new(0));
    let hook = {
        let (path, folder) = (path.clone(), folder.path().to_owned());
        let (acknowledged, checked, begun_anew) = (
            Arc::clone(&acknowledged),
            Arc::clone(&checked),
            Arc::clone(&begun_anew),
        );
        // What the disk was told to keep.
        let synced = Mutex::new((Files::default(), 0));
        move |commit: u64, point: CrashPoint| {
            if point == CrashPoint::AfterCommit {
                let mut synced = synced.lock().unwrap();
                let now = Files::read(&path);
                let (before, acknowledged_before) = &*synced;
                let database_written = before.database != now.database;
                if database_written {
                    begun_anew.fetch_add(1, Ordering::Relaxed);
                }
                if !before.database.is_empty() && (database_written || commit.is_multiple_of(6)) {
                    let mut dice = Dice::new(commit);
                    for _ in 0..3 {
                        // The log is on the disk before the database is written from it.
                        let mut cases = vec![Files {
                            database: before.database.clone(),
                            log: torn(&before.log, &now.log, &mut dice),
                        }];
                        if database_written {
                            cases.push(Files {
                                database: torn(&before.database, &now.database, &mut dice),
                                log: now.log.clone(),
                            });
                        }
                        for files in cases {
                            check(
                                &files,
                                &folder,
                                *acknowledged_before,
                                &format!("commit {commit}"),
                            );
                            checked.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                // Whoever waits for this commit hears of it next; what was heard before it counts.
                *synced = (now, acknowledged.load(Ordering::SeqCst) + 1);
            }
            CrashAction::Continue
        }
    };
    let options = EmbeddedOptions::file(&path)
        .clock(clock())
        .crash_point(hook);
    let world = World::new(EmbeddedEngine::open(options).unwrap(), clock());
    block_on(async {
        for n in 0..RUNS {
            let mut request = start_request(&format!("w{n}"), &format!("w{n}"));
            request.input = vec![Payload::binary(vec![n as u8; PAYLOAD])];
            world.engine.start_workflow(request).await.unwrap();
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(checked.load(Ordering::Relaxed) > 30);
    assert!(
        begun_anew.load(Ordering::Relaxed) > 1,
        "the log never reached the database"
    );
}

/// A file with wrong bytes is refused or says so when the bytes are read, without a panic; no event
/// that it gives is wrong.
#[test]
fn a_damaged_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let mut histories = Vec::new();
    {
        let options = EmbeddedOptions::file(&path).clock(clock());
        let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock());
        block_on(async {
            for n in 0..20 {
                world
                    .run(&format!(
                        "start w{n}\n task w{n}: timer t 60s\n signal w{n} s\n task w{n}:"
                    ))
                    .await;
                histories.push(history(&world.engine, n).await.unwrap());
            }
        });
        world.engine.shutdown();
    }
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut found, mut unharmed) = (0, 0, 0);
    for seed in 1..=150 {
        let mut dice = Dice::new(seed);
        let mut bytes = whole.clone();
        for _ in 0..=dice.below(8) {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        let _ = fs::remove_file(log_of(&path));
        fs::write(&path, &bytes).unwrap();
        let options = EmbeddedOptions::file(&path).clock(clock());
        let engine = match EmbeddedEngine::open(options) {
            Ok(engine) => engine,
            Err(error) => {
                assert!(
                    matches!(error, EngineError::Storage { .. }),
                    "seed {seed}: {error}"
                );
                refused += 1;
                continue;
            }
        };
        block_on(async {
            for (n, expected) in histories.iter().enumerate() {
                match history(&engine, n).await {
                    // Damage to the index can hide the last rows, which only a check of the whole
                    // file would find.
                    Ok(history) => {
                        assert!(expected.starts_with(&history), "seed {seed}: {history:?}");
                        unharmed += 1;
                    }
                    // An id that is damaged is another id.
                    Err(EngineError::NotFound { .. }) => {}
                    Err(error) => {
                        assert!(
                            error.to_string().contains("restore it from a backup"),
                            "seed {seed}: {error}"
                        );
                        found += 1;
                    }
                }
            }
        });
        engine.shutdown();
    }
    assert!(
        refused > 0 && found > 0 && unharmed > 0,
        "{refused} {found} {unharmed}"
    );
}

async fn history(engine: &EmbeddedEngine, n: usize) -> Result<Vec<HistoryEvent>, EngineError> {
    let request = HistoryRequest {
        execution: current(&format!("w{n}")),
        from: EventId(1),
        page_size: 1_000,
        wait: HistoryWait::No,
    };
    Ok(engine.workflow_history(request).await?.events)
}

/// The key of a run says where it stands in lists. One that is damaged used to put the run, and with it others, where no list
/// and no count looked, or made them look for ever.
#[test]
fn a_damaged_key_is_an_error_for_lists_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    for key in [i64::MIN, -1, 0, 77, 1 << 40, i64::MAX - 1, i64::MAX] {
        let _ = fs::remove_file(&path);
        let open = || EmbeddedEngine::open(EmbeddedOptions::file(&path).clock(clock()));
        let mut world = World::new(open().unwrap(), clock());
        block_on(async {
            for n in 0..9 {
                world.run(&format!("start w{n}")).await;
            }
        });
        world.close();
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute("UPDATE execution SET key = ?1 WHERE key = 5", [key])
            .unwrap();
        drop(file);
        let engine = match open() {
            Ok(engine) => engine,
            Err(error) => {
                assert!(
                    error.to_string().contains("restore it from a backup"),
                    "{key}: {error}"
                );
                continue;
            }
        };
        block_on(async {
            let list = ListWorkflowsRequest {
                filter: ListFilter::default(),
                page_size: 100,
                next_page_token: None,
            };
            let errors = [
                engine.list_workflows(list).await.map(drop).unwrap_err(),
                engine
                    .count_workflows(ListFilter::default())
                    .await
                    .map(drop)
                    .unwrap_err(),
            ];
            for error in errors {
                assert!(
                    error.to_string().contains("restore it from a backup"),
                    "{key}: {error}"
                );
            }
        });
        engine.shutdown();
    }
}
