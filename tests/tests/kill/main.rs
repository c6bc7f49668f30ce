//! Kills a process that works on one file, again and again, and checks what it leaves.
//!
//! A child process, which is this binary once more, opens a file, at either durability by its seed, runs a worker
//! and starts, signals, updates, queries, cancels, terminates and resets workflows of many kinds. It writes what it asked for and what was
//! acknowledged to a ledger, and every activity writes to a journal when it begins and ends; both
//! survive it. All the while it copies the file and tries to open it a second time, and this process tries too.
//! This process kills it with SIGKILL: at random, while it opens the file, and around
//! commits. The next child reads the ledger, repeats what was not acknowledged, and goes on. At last
//! one child is left in peace until every workflow has ended, and [`check`] holds the histories
//! against the ledger, the journal and the model.
//! Other tests move the file under the process or write into it, tell it twice to end ([`second_signal`]), fill its disk ([`small_disk`]), and have it kill
//! itself ([`crash_loop`]).
//!
//! | variable | what it says | default |
//! | --- | --- | --- |
//! | `STEADFAST_KILL_SEED` | the seed | the time |
//! | `STEADFAST_KILLS` | how many kills | 25 |
//!
//! A seed fixes the load and where the kills are aimed at. The operating system still decides what
//! was running at that moment, so a failure may need several runs of its seed to show again.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod check;
mod child;
mod crash_loop;
mod dice;
mod load;
mod order;
mod papers;
mod process;
mod second_signal;
mod small_disk;

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use steadfast::engine::embedded::EmbeddedEngine;

use crate::{
    dice::Dice,
    papers::{Papers, Record},
    process::{Aim, Child},
};

/// So many kills hit one file; then it is checked, and the next ones hit another file.
const KILLS_OF_A_FILE: u64 = 100;

fn seed() -> u64 {
    match env::var("STEADFAST_KILL_SEED") {
        Ok(seed) => seed.parse().expect("STEADFAST_KILL_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos())
        }
    }
}

fn kills() -> u64 {
    env::var("STEADFAST_KILLS").map_or(25, |kills| {
        kills.parse().expect("STEADFAST_KILLS is a number")
    })
}

/// Lets a child go on until every workflow has ended, and checks what is in the file.
fn end_and_check(folder: &Path, seed: u64) -> check::Tally {
    let mut child = Child::start(folder, seed, Aim::Nothing, "drain");
    let status = child.wait(Duration::from_secs(60));
    assert!(
        status.is_some_and(|status| status.success()),
        "STEADFAST_KILL_SEED={seed}: the last process did not come to its end ({status:?}):\n{}\n{}\nfiles are in {}",
        child.stderr(),
        check::open_runs(folder),
        keep(folder)
    );
    let (tally, faults) = check::check(folder, seed);
    assert!(
        faults.is_empty(),
        "STEADFAST_KILL_SEED={seed}: {} faults\n{}\nfiles are in {}",
        faults.len(),
        faults.join("\n"),
        keep(folder)
    );
    tally
}

/// Copies the files of a failure to where they are not removed.
fn keep(folder: &Path) -> String {
    let kept = env::temp_dir().join(format!("steadfast-kill-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&kept);
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
    }
    kept.display().to_string()
}

/// Kills the processes of one file.
fn storm(seed: u64, kills: u64) -> check::Tally {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(seed);
    for kill in 1..=kills {
        let aim = Aim::draw(&mut dice);
        let mut child = Child::start(folder.path(), seed, aim, "load");
        child.wait_for(aim, &mut dice);
        let status = child.kill();
        assert!(
            status.signal() == Some(9),
            "STEADFAST_KILL_SEED={seed}: the process ended before kill {kill} ({status}):\n{}\nfiles are in {}",
            child.stderr(),
            keep(folder.path())
        );
    }
    end_and_check(folder.path(), seed)
}

// E1, E2, E3, E5, E6, E8, E9, E10
#[test]
fn a_killed_process_loses_nothing_acknowledged_and_repeats_nothing_completed() {
    let (seed, kills) = (seed(), kills());
    let mut left = kills;
    let mut file = 0;
    let mut tally = check::Tally::default();
    while left > 0 {
        let now = left.min(KILLS_OF_A_FILE);
        tally += storm(seed.wrapping_add(file), now);
        left -= now;
        file += 1;
    }
    process::note(&format!(
        "{kills} kills from seed {seed}: {tally:?}, no fault"
    ));
    // A load that stands still proves nothing.
    assert!(
        tally.workflows > kills,
        "STEADFAST_KILL_SEED={seed}: {tally:?}"
    );
}

#[test]
fn a_second_process_is_refused_at_once_and_a_killed_one_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let seed = seed();
    let mut child = Child::start(folder.path(), seed, Aim::Nothing, "load");
    child.hear("ready");
    child.hear("ack");
    let asked = Instant::now();
    let refusal = EmbeddedEngine::open(Papers::database(folder.path())).map(drop);
    let took = asked.elapsed();
    let text = refusal.unwrap_err().to_string();
    assert!(text.contains("is open in another engine"), "{text}");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    // The first process is none the worse for it.
    for _ in 0..5 {
        child.hear("ack");
    }
    child.kill();
    let asked = Instant::now();
    EmbeddedEngine::open(Papers::database(folder.path()))
        .unwrap()
        .shutdown();
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        asked.elapsed()
    );
    end_and_check(folder.path(), seed);
}

/// Does something with the file of a process under load, which has to end by itself then; and puts it right.
fn disturb(disturb: impl Fn(&Path), put_right: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let seed = seed();
    let mut dice = Dice::new(seed);
    let path = Papers::database(folder.path());
    for round in 0..4 {
        let mut child = Child::start(folder.path(), seed, Aim::Nothing, "moves");
        child.wait_for(
            Aim::Load {
                acknowledgements: 5 + dice.below(20),
            },
            &mut dice,
        );
        disturb(&path);
        child.hear("lost");
        let status = child.wait(Duration::from_secs(10));
        assert!(
            status.is_some_and(|status| status.success()),
            "STEADFAST_KILL_SEED={seed}, round {round}: {status:?}\n{}",
            child.stderr()
        );
        put_right(&path);
    }
    end_and_check(folder.path(), seed);
}

/// E2: nothing is acknowledged that is not in the file when it is back in its place, also if another process opens
/// what has its name meanwhile.
#[test]
fn a_file_that_is_moved_under_load_has_all_that_was_acknowledged() {
    let elsewhere = |path: &Path| path.with_extension("elsewhere");
    disturb(
        |path| {
            std::fs::rename(path, elsewhere(path)).unwrap();
            match EmbeddedEngine::open(path) {
                // The first has let go already.
                Ok(engine) => engine.shutdown(),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("is open in another engine"), "{text}");
                }
            }
        },
        |path| std::fs::rename(elsewhere(path), path).unwrap(),
    );
}

/// E2: what somebody writes into the file ends the process, here with what is there already, so that nothing is lost by it.
#[test]
fn a_file_that_is_written_to_under_load_has_all_that_was_acknowledged() {
    use std::os::unix::fs::FileExt as _;
    disturb(
        |path| {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .unwrap();
            let mut page = [0; 100];
            file.read_exact_at(&mut page, 0).unwrap();
            file.write_all_at(&page, 0).unwrap();
        },
        |_| {},
    );
}

/// E2: before the commit that is being made is durable, and after.
#[test]
fn sigterm_in_a_commit_loses_nothing() {
    for after in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed();
        let aim = Aim::SlowCommit { number: 20, after };
        let mut child = Child::start(folder.path(), seed, aim, "load");
        child.hear("stuck");
        child.terminate();
        child.hear("stopped");
        child.hear("closed");
        let status = child.wait(Duration::from_secs(10));
        assert!(
            status.is_some_and(|status| status.success()),
            "STEADFAST_KILL_SEED={seed}, after {after}: {status:?}\n{}",
            child.stderr()
        );
        end_and_check(folder.path(), seed);
    }
}

#[test]
fn sigterm_under_load_ends_the_worker_and_closes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    // The engine keeps few runs in memory with such a seed, so that the ends of children meet parents
    // that are not there. Parents were left waiting for ever by that.
    let seed = seed() / 3 * 3;
    for round in 0..3 {
        let mut child = Child::start(folder.path(), seed, Aim::Nothing, "load");
        for _ in 0..20 {
            child.hear("ack");
        }
        let asked = Instant::now();
        child.terminate();
        child.hear("stopped");
        child.hear("closed");
        let status = child.wait(Duration::from_secs(10));
        assert!(
            status.is_some_and(|status| status.success()),
            "STEADFAST_KILL_SEED={seed}, round {round}: {status:?}\n{}",
            child.stderr()
        );
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "STEADFAST_KILL_SEED={seed}, round {round}: it took {:?}",
            asked.elapsed()
        );
        let mut log = Papers::database(folder.path()).into_os_string();
        log.push("-wal");
        assert!(
            !Path::new(&log).exists(),
            "a file that was closed leaves no log"
        );
    }
    let acknowledged = Papers::ledger(folder.path())
        .into_iter()
        .filter(|record| matches!(record, Record::Result { .. }))
        .count();
    assert!(acknowledged > 0);
    end_and_check(folder.path(), seed);
}
