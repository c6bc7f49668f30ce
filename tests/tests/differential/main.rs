//! The differential judge: little programs, made from a seed, that run as workflows of this SDK and of Temporal's
//! Python SDK on the same Temporal Service, and of this SDK on the embedded engine. All three must do the same.
//!
//! `STEADFAST_TEMPORAL_ADDRESS` says where the service is and `STEADFAST_PYTHON` which Python has the SDK; without them
//! the test says that it is skipped. `STEADFAST_DIFFERENTIAL_SECONDS` says for how long new programs are made,
//! `_SEED` from which seed, `_PROGRAMS` how many there are at most, and `_DIFFERENCES` after how many it stops.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod board;
mod compare;
mod drive;
mod generate;
mod interpret;
mod program;
mod python;
#[path = "../../service.rs"]
mod service;
mod shrink;

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use steadfast::{
    engine::{
        Engine as _,
        embedded::{EmbeddedEngine, EmbeddedOptions},
    },
    prelude::*,
    worker::WorkerOptions,
};

use crate::{
    board::Board,
    drive::{Outcome, Playing, Side},
    interpret::{Player, Stage},
    program::Program,
    python::Python,
    service::{fresh_engine, variable},
};

/// How many programs run at a time.
const BATCH: usize = 30;
/// How long a program that differs is made smaller.
const SHRINKING: Duration = Duration::from_secs(40);

/// The three places where a program runs.
struct World {
    /// This SDK on the service.
    server: Side,
    /// Temporal's Python SDK on the service.
    foreign: Side,
    /// This SDK on the embedded engine.
    embedded: Side,
    python: Python,
    batches: AtomicU64,
}

/// What became of a program in each place.
struct Played {
    server: Outcome,
    foreign: Outcome,
    embedded: Outcome,
}

impl Played {
    /// Both sides of a difference.
    fn difference(&self) -> Option<String> {
        let ours = ("ours, on the service", &self.server);
        let other = if !compare::agree(&self.server, &self.foreign) {
            ("Temporal's Python SDK", &self.foreign)
        } else if !compare::engines_agree(&self.server, &self.embedded) {
            ("ours, on the embedded engine", &self.embedded)
        } else {
            return None;
        };
        Some(compare::side_by_side(ours, other))
    }
}

impl World {
    async fn new(address: &str, python: &str) -> Self {
        let board = Arc::<Board>::default();
        let engine = fresh_engine(address).await;
        let namespace = engine.namespace().to_string();
        let client = Client::new(engine);
        let embedded = EmbeddedEngine::open(EmbeddedOptions::in_memory()).unwrap();
        let side = |name, client: &Client| Side {
            name,
            client: client.clone(),
            board: Arc::clone(&board),
        };
        Self {
            server: side("server", &client),
            foreign: side("python", &client),
            embedded: side("embedded", &Client::new(embedded)),
            python: Python::start(python, address, &namespace, &board),
            batches: AtomicU64::new(0),
        }
    }

    /// Runs programs beside each other, each in all places.
    async fn play(&self, programs: &[Program]) -> Vec<Played> {
        let batch = self.batches.fetch_add(1, Ordering::Relaxed);
        let starts = programs.iter().enumerate().map(|(number, program)| {
            let start = |side: &Side| {
                let name = side.name;
                let id = format!("{name}-{batch}-{number}");
                Playing::start(side.clone(), program.clone(), id, format!("{name}-{batch}"))
            };
            let (server, foreign, embedded) = (
                start(&self.server),
                start(&self.foreign),
                start(&self.embedded),
            );
            async move { tokio::join!(server, foreign, embedded) }
        });
        let started = join_all(starts).await;
        // Every other batch is replayed from its history in each task.
        let options = WorkerOptions {
            max_cached_runs: if batch.is_multiple_of(2) { 10_000 } else { 0 },
            graceful_shutdown_timeout: Duration::from_millis(50),
            ..WorkerOptions::default()
        };
        let worker = |side: &Side| {
            Worker::builder(&side.client, format!("{}-{batch}", side.name))
                .register_workflow::<Player>()
                .register_activities(Stage(Arc::clone(&side.board)))
                .options(options.clone())
                .build()
                .unwrap()
        };
        let (server, embedded) = (worker(&self.server), worker(&self.embedded));
        let queue = format!("{}-{batch}", self.foreign.name);
        let work = async {
            self.python.serve(&queue).await;
            let played = started
                .into_iter()
                .map(async |(server, foreign, embedded)| {
                    let (server, foreign, embedded) =
                        tokio::join!(server.finish(), foreign.finish(), embedded.finish());
                    Played {
                        server,
                        foreign,
                        embedded,
                    }
                });
            let played = join_all(played).await;
            self.server.board.release_all();
            self.python.stop(&queue).await;
            played
        };
        embedded
            .run_until(async { server.run_until(work).await.unwrap() })
            .await
            .unwrap()
    }

    /// Whether a program differs whenever it runs, with its runs in memory or without, and not because a step came late
    /// on a machine that is busy.
    async fn differs_again(&self, program: &Program) -> bool {
        let mut again = 0;
        for _ in 0..4 {
            let played = self.play(std::slice::from_ref(program)).await;
            again += usize::from(played.iter().any(|played| played.difference().is_some()));
        }
        again >= 2
    }

    /// The smallest program that can be found which differs too, and how.
    async fn shrink(&self, program: Program, difference: String) -> (Program, String) {
        let began = Instant::now();
        let (mut program, mut difference) = (program, difference);
        'smaller: while began.elapsed() < SHRINKING {
            let candidates = shrink::smaller(&program);
            for candidates in candidates.chunks(BATCH) {
                let played = self.play(candidates).await;
                for (candidate, played) in candidates.iter().zip(played) {
                    if let Some(differs) = played.difference() {
                        program = candidate.clone();
                        difference = differs;
                        continue 'smaller;
                    }
                }
            }
            break;
        }
        (program, difference)
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(format!("STEADFAST_DIFFERENTIAL_{name}")) {
        Ok(value) => value.parse().unwrap(),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
async fn programs_do_the_same_here_in_python_and_on_the_embedded_engine() {
    let (Some(address), Some(python)) = (
        variable("STEADFAST_TEMPORAL_ADDRESS"),
        variable("STEADFAST_PYTHON"),
    ) else {
        return;
    };
    let limit = Duration::from_secs(setting("SECONDS", 60));
    let seed = setting("SEED", 1);
    let most = setting("PROGRAMS", u64::MAX);
    let enough = setting("DIFFERENCES", 1);
    let world = World::new(&address, &python).await;
    let began = Instant::now();
    let mut number = setting("FIRST", 0);
    let mut found = String::new();
    let mut differences = 0;
    let mut passing = Vec::new();
    while began.elapsed() < limit && number < most && differences < enough {
        let numbers = number..(number + BATCH as u64).min(most);
        number = numbers.end;
        let programs: Vec<Program> = numbers
            .clone()
            .map(|number| generate::program(seed, number))
            .collect();
        let played = world.play(&programs).await;
        for ((number, program), played) in numbers.zip(programs).zip(played) {
            let Some(difference) = played.difference() else {
                continue;
            };
            if !world.differs_again(&program).await {
                passing.push(number);
                continue;
            }
            differences += 1;
            if differences > enough {
                break;
            }
            let (smallest, difference) = world.shrink(program, difference).await;
            writeln!(
                found,
                "seed {seed}, program {number}, made smaller:\n{smallest}\n{difference}"
            )
            .unwrap();
        }
    }
    let seconds = began.elapsed().as_secs();
    println!(
        "{number} programs of seed {seed} in {seconds} s; differed once and not again: {passing:?}"
    );
    assert!(found.is_empty(), "{found}");
}
