//! A small disk that is really full: a file system in memory, in a process with mounts of its own.

#![cfg(target_os = "linux")]

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use steadfast_core::payload::Payload;
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions};
use steadfast_engine::{Engine as _, EngineError, ListFilter, TerminateWorkflowRequest};

use crate::harness::{block_on, current, identity, start_request};

const NAME: &str = "full_disk::process_on_a_small_disk";
pub(crate) const DISK: &str = "STEADFAST_FULL_DISK";

pub(crate) fn start(engine: &EmbeddedEngine, id: &str, bytes: usize) -> Result<(), EngineError> {
    let mut request = start_request(id, id);
    request.input = vec![Payload::binary(vec![7; bytes])];
    block_on(engine.start_workflow(request)).map(drop)
}

pub(crate) fn count(engine: &EmbeddedEngine) -> u64 {
    block_on(engine.count_workflows(ListFilter::default())).unwrap()
}

pub(crate) fn assert_full(error: &EngineError) {
    let text = error.to_string();
    assert!(
        text.contains("the disk is full; make room and try again"),
        "{text}"
    );
}

/// Starts workflows until the disk is full, large ones first. Gives how many.
fn fill(engine: &EmbeddedEngine, round: &str) -> u64 {
    let mut started = 0;
    for bytes in [20_000, 100] {
        loop {
            match start(engine, &format!("{round}-{started}"), bytes) {
                Ok(()) => started += 1,
                Err(error) => {
                    assert_full(&error);
                    break;
                }
            }
        }
    }
    started
}

/// Lets another program take all that is left.
pub(crate) fn fill_with_something_else(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [4096, 1] {
        loop {
            match file.write_all(&vec![1; size]) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::StorageFull);
                    break;
                }
            }
        }
    }
}

/// Not a test: what the test starts as a process, when its disk is there.
#[test]
fn process_on_a_small_disk() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return;
    };
    let path = disk.join("orders.db");
    let open = |options: EmbeddedOptions| EmbeddedEngine::open(options).unwrap();
    let options = || EmbeddedOptions::file(&path);

    let engine = open(options());
    let started = fill(&engine, "first");
    assert!(started > 30, "{started}");
    assert_eq!(count(&engine), started);
    // A backup that does not fit leaves nothing.
    let files = || fs::read_dir(&disk).unwrap().count();
    let before = files();
    let error = block_on(engine.backup(disk.join("copy.db"))).unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(files(), before);
    // Deleting makes room, and what was taken is taken again.
    for n in 0..started {
        block_on(engine.delete_workflow(current(&format!("first-{n}")))).unwrap();
    }
    assert_eq!(count(&engine), 0);
    let again = fill(&engine, "second");
    assert!(again > started / 2, "{again} of {started}");

    // A restart on a full disk; retention makes room.
    engine.shutdown();
    let engine = open(options().retention(Duration::ZERO));
    assert_eq!(count(&engine), again);
    for n in 0..again {
        let terminate = TerminateWorkflowRequest {
            execution: current(&format!("second-{n}")),
            reason: "room".to_owned(),
            details: Vec::new(),
            identity: identity("admin"),
        };
        block_on(engine.terminate_workflow(terminate)).unwrap();
    }
    let since = Instant::now();
    while count(&engine) > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "nothing expires");
        thread::sleep(Duration::from_millis(1));
    }
    engine.shutdown();

    // Somebody else fills the disk: it goes on when there is room again.
    let engine = open(options());
    start(&engine, "before", 20_000).unwrap();
    let other = disk.join("other");
    fill_with_something_else(&other);
    let mut acknowledged = 1;
    let full = loop {
        match start(&engine, &format!("while-{acknowledged}"), 20_000) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_full(&full);
    assert_eq!(count(&engine), acknowledged);
    engine.shutdown();
    match EmbeddedEngine::open(options()) {
        Ok(engine) => assert_eq!(count(&engine), acknowledged),
        Err(error) => assert_full(&error),
    }
    fs::remove_file(&other).unwrap();
    let engine = open(options());
    // The other program may have found little room, if the file had not given its own back by then.
    block_on(engine.delete_workflow(current("before"))).unwrap();
    start(&engine, "after", 20_000).unwrap();
    assert_eq!(count(&engine), acknowledged);
}

/// E2: it fails whoever asks for more, loses nothing, and is not full for good. Runs where a process may have mounts
/// of its own.
#[test]
fn a_small_disk_is_not_filled_for_good() {
    for size in ["1m", "2m", "12m"] {
        let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$1\"");
        if !in_process_of_its_own(&mount, NAME) {
            return;
        }
    }
}

/// Runs one of the tests here in a process of its own, after something that a shell does with the disk `$1`.
/// Says whether that could be done.
pub(crate) fn in_process_of_its_own(prepare: &str, name: &str) -> bool {
    let disk = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    let run = |script: &str| {
        Command::new("unshare")
            .args(["-rm", "sh", "-c", script, "sh"])
            .args([disk.path(), program.as_path()])
            .env(DISK, disk.path())
            .output()
    };
    if !run(prepare).is_ok_and(|tried| tried.status.success()) {
        let _ = writeln!(std::io::stderr(), "no disk of its own here: not tried");
        return false;
    }
    let done = run(&format!("{prepare} && exec \"$2\" {name} --exact")).unwrap();
    assert!(
        done.status.success(),
        "{prepare}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    true
}

const REFUSED: &str = "full_disk::process_that_may_not_open_a_file";

/// Not a test: what the test starts as a process, with a disk on which nothing can be made.
#[test]
fn process_that_may_not_open_a_file() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return;
    };
    let wanted = env::var("STEADFAST_WANTED").unwrap();
    let error = EmbeddedEngine::open(disk.join("orders.db").as_path()).unwrap_err();
    assert!(error.to_string().contains(&wanted), "{error}");
}

/// "No space left on device" sent people looking for space; "unable to open database file" said nothing at all.
#[test]
fn a_disk_without_inodes_and_one_that_is_read_only_are_named() {
    for (options, wanted) in [
        ("nr_inodes=1", "no inodes left"),
        ("nr_inodes=2", "no inodes left"),
        ("ro", "mounted read-only"),
    ] {
        let prepare = format!(
            "mount -t tmpfs -o {options} tmpfs \"$1\" && export STEADFAST_WANTED='{wanted}'"
        );
        if !in_process_of_its_own(&prepare, REFUSED) {
            return;
        }
    }
}

const CROWDED: &str = "full_disk::process_with_too_many_files";

/// Not a test: what the test starts as a process, with a low limit of open files.
#[test]
fn process_with_too_many_files() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return;
    };
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let path = disk.join("orders.db");
    let mut refused = 0;
    // With each file that is closed it comes a step further.
    let engine = loop {
        match EmbeddedEngine::open(path.as_path()) {
            Ok(engine) => break engine,
            Err(error) => assert!(
                error.to_string().contains("`ulimit -n`"),
                "{refused}: {error}"
            ),
        }
        refused += 1;
        files.pop().unwrap();
    };
    assert!(refused > 1, "{refused}");
    start(&engine, "w", 100).unwrap();
}

#[test]
fn a_process_with_too_many_files_is_told_so() {
    in_process_of_its_own("ulimit -n 40", CROWDED);
}
