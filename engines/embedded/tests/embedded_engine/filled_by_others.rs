//! A disk that another program fills to the last byte, again and again while the engine works on it and between two
//! processes: what is deleted and ended makes room all the same, and nothing else takes that room.

#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{event::ExecutionStatus, ids::RequestId, payload::Payload};
use steadfast_embedded::{Durability, EmbeddedEngine, EmbeddedOptions};
use steadfast_engine::{Engine as _, EngineError, SignalWorkflowRequest, TerminateWorkflowRequest};

use crate::{
    dice::Dice,
    full_disk::{DISK, assert_full, count, in_process_of_its_own, start},
    harness::{block_on, current, identity, signal},
};

const NAME: &str = "filled_by_others::process_on_a_disk_that_others_fill";
const SEED: &str = "STEADFAST_DISK_SEED";
const SEEDS: &str = "STEADFAST_DISK_SEEDS";

fn terminate(engine: &EmbeddedEngine, id: &str) -> Result<(), EngineError> {
    block_on(engine.terminate_workflow(TerminateWorkflowRequest {
        execution: current(id),
        reason: "room".to_owned(),
        details: Vec::new(),
        identity: identity("admin"),
    }))
}

fn delete(engine: &EmbeddedEngine, id: &str) -> Result<(), EngineError> {
    block_on(engine.delete_workflow(current(id)))
}

/// Takes all that is left of a disk, to the last byte.
fn fill(disk: &Path) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(disk.join("other"))
        .unwrap();
    for size in [65_536, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// Another program that takes whatever becomes free, until this is dropped.
struct Greedy {
    ends: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Greedy {
    fn new(disk: &Path) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (ended, disk) = (Arc::clone(&ends), disk.to_owned());
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                fill(&disk);
            }
        });
        Self {
            ends,
            thread: Some(thread),
        }
    }
}

impl Drop for Greedy {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Threads that start runs again and again, whether they are refused or not, until this is joined.
struct Starters {
    ends: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Starters {
    fn new(engine: &Arc<EmbeddedEngine>, name: &str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let threads = (0..3).map(|thread| {
            let (ended, engine) = (Arc::clone(&ends), Arc::clone(engine));
            let name = format!("{name}-{thread}");
            thread::spawn(move || {
                let mut started = Vec::new();
                for n in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{name}-{n}");
                    match start(&engine, &id, 20_000) {
                        Ok(()) => started.push(id),
                        Err(error) => assert_full(&error),
                    }
                }
                started
            })
        });
        let threads = threads.collect();
        Self { ends, threads }
    }

    fn join(self, known: &mut Known) {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            for id in thread.join().unwrap() {
                known.0.insert(id, (ExecutionStatus::Running, 2));
            }
        }
    }
}

/// What is known of the runs: their status, and how many events they have at least.
#[derive(Default)]
struct Known(BTreeMap<String, (ExecutionStatus, usize)>);

impl Known {
    fn of(&self, status: ExecutionStatus) -> Vec<String> {
        let with = |(id, (is, _)): (&String, &(ExecutionStatus, usize))| {
            (*is == status).then(|| id.clone())
        };
        self.0.iter().filter_map(with).collect()
    }

    /// Nothing that was acknowledged is lost, and nothing is there that was deleted.
    fn check(&self, engine: &EmbeddedEngine, what: &str) {
        assert_eq!(count(engine), self.0.len() as u64, "{what}");
        for (id, (status, signals)) in &self.0 {
            let described = block_on(engine.describe_workflow(current(id)));
            let described = described.unwrap_or_else(|error| panic!("{what}: {id}: {error}"));
            assert_eq!(described.status, *status, "{what}: {id}");
            assert!(
                described.history_length as usize >= *signals,
                "{what}: {id}"
            );
        }
    }
}

/// Starts runs of all sizes until the disk is full or there are enough, and gives some a long history.
fn work(engine: &EmbeddedEngine, known: &mut Known, dice: &mut Dice, round: usize, enough: usize) {
    for n in 0..enough {
        let bytes = dice
            .pick(&[10, 100, 3_000, 20_000, 200_000, 2 * 1024 * 1024 - 40])
            .unwrap();
        let id = format!("{round}-{n}-{bytes}");
        match start(engine, &id, bytes) {
            Ok(()) => {
                known.0.insert(id.clone(), (ExecutionStatus::Running, 2));
            }
            Err(error) => assert_full(&error),
        }
        if dice.one_in(12) && known.0.contains_key(&id) {
            let bytes = dice.pick(&[100, 1_000, 3_000]).unwrap();
            let signals = 64 + dice.below(600);
            for n in 0..signals {
                let mut signal = signal("more", RequestId::new(n.to_string()).unwrap());
                signal.input = vec![Payload::binary(vec![3; bytes])];
                let request = SignalWorkflowRequest {
                    execution: current(&id),
                    signal,
                };
                match block_on(engine.signal_workflow(request)) {
                    Ok(()) => known.0.get_mut(&id).unwrap().1 += 1,
                    Err(error) => {
                        assert_full(&error);
                        break;
                    }
                }
            }
        }
    }
}

/// One disk, filled in some way, by chance.
fn try_one(disk: &Path, seed: u64) {
    let mut dice = Dice::new(seed);
    let path = disk.join("orders.db");
    let durability = dice.pick(&[Durability::Full, Durability::Relaxed]).unwrap();
    let open = || {
        let options = EmbeddedOptions::file(&path).durability(durability);
        EmbeddedEngine::open(options).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    };
    let mut engine = open();
    let mut known = Known::default();
    for round in 0..3 {
        let what = format!("seed {seed}, round {round}");
        let enough = dice.pick(&[5, 40, 100]).unwrap();
        work(&engine, &mut known, &mut dice, round, enough);
        if dice.one_in(3) {
            // The disk is filled while nobody has the file.
            engine.shutdown();
            drop(engine);
            fill(disk);
            engine = open();
        }
        fill(disk);
        let greedy = dice.one_in(3).then(|| Greedy::new(disk));
        for n in 0.. {
            assert!(n < 1_000, "{what}: nothing is refused");
            let id = format!("{round}-more-{n}");
            match start(&engine, &id, 100_000) {
                Ok(()) => {
                    known.0.insert(id, (ExecutionStatus::Running, 2));
                }
                Err(error) => {
                    assert_full(&error);
                    break;
                }
            }
        }
        let running = known.of(ExecutionStatus::Running);
        for id in &running {
            if dice.one_in(2) {
                terminate(&engine, id)
                    .unwrap_or_else(|error| panic!("{what}: terminate {id}: {error}"));
                let run = known.0.get_mut(id).unwrap();
                *run = (ExecutionStatus::Terminated, run.1 + 1);
            }
        }
        known.check(&engine, &what);
        if dice.one_in(2) {
            engine.shutdown();
            drop(engine);
            if dice.one_in(2) {
                fill(disk);
            }
            engine = open();
            known.check(&engine, &what);
        }
        let mut ids: Vec<String> = known.0.keys().cloned().collect();
        let kept = dice.below(3);
        let mut deleted = 0;
        let starters = dice
            .one_in(3)
            .then(|| Starters::new(&engine, &format!("{round}-beside")));
        while ids.len() > kept {
            let id = ids.swap_remove(dice.below(ids.len()));
            delete(&engine, &id).unwrap_or_else(|error| panic!("{what}: delete {id}: {error}"));
            known.0.remove(&id);
            deleted += id
                .rsplit('-')
                .next()
                .unwrap()
                .parse::<u64>()
                .unwrap_or(20_000);
        }
        let nobody_takes_room = greedy.is_none() && starters.is_none();
        if let Some(starters) = starters {
            starters.join(&mut known);
        }
        known.check(&engine, &what);
        // Whoever takes all that becomes free takes this too.
        if nobody_takes_room && deleted > 2_000_000 {
            let id = format!("{round}-after");
            start(&engine, &id, 100).unwrap_or_else(|error| panic!("{what}: {error}"));
            known.0.insert(id, (ExecutionStatus::Running, 2));
        }
        drop(greedy);
        std::fs::remove_file(disk.join("other")).unwrap();
        let id = format!("{round}-room");
        if let Err(error) = start(&engine, &id, 100) {
            // What was not deleted may fill the disk by itself.
            assert_full(&error);
            for id in std::mem::take(&mut known.0).into_keys() {
                delete(&engine, &id).unwrap_or_else(|error| panic!("{what}: {id}: {error}"));
            }
            start(&engine, &id, 100).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        known.0.insert(id, (ExecutionStatus::Running, 2));
    }
    known.check(&engine, "the end");
    work(&engine, &mut known, &mut dice, 3, 100);
    fill(disk);
    for id in known.of(ExecutionStatus::Running) {
        terminate(&engine, &id).unwrap_or_else(|error| panic!("seed {seed}: {id}: {error}"));
    }
    engine.shutdown();
    fill(disk);
    // Retention makes room by itself.
    let options = EmbeddedOptions::file(&path).retention(Duration::ZERO);
    let engine = EmbeddedEngine::open(options.durability(durability)).unwrap();
    let since = Instant::now();
    while count(&engine) > 0 {
        let waited = since.elapsed();
        assert!(
            waited < Duration::from_secs(60),
            "seed {seed}: nothing expires"
        );
        thread::yield_now();
    }
}

/// Not a test: what the test starts as a process, when its disk is there.
#[test]
fn process_on_a_disk_that_others_fill() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return;
    };
    let number = |name: &str| env::var(name).ok()?.parse().ok();
    let (first, seeds) = (number(SEED).unwrap_or(1), number(SEEDS).unwrap_or(2));
    for seed in first..first + seeds {
        let since = Instant::now();
        try_one(&disk, seed);
        let _ = writeln!(std::io::stderr(), "seed {seed}: {:?}", since.elapsed());
        for entry in std::fs::read_dir(&disk).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

/// E2: deleting, ending and so retention go on when another program has taken the last byte, also after a restart;
/// nothing acknowledged is lost, and the rest is refused until there is room.
#[test]
fn what_makes_room_goes_on_when_others_have_filled_the_disk() {
    for size in ["2m", "12m"] {
        let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$1\"");
        if !in_process_of_its_own(&mount, NAME) {
            return;
        }
    }
}
