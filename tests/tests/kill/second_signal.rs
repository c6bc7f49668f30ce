//! A process that hangs when its worker has ended, and is told to end a second time.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use steadfast::{engine::embedded::EmbeddedEngine, prelude::*};

use crate::process::note;

const NAME: &str = "second_signal::process_that_hangs_when_its_worker_has_ended";
const CHILD: &str = "STEADFAST_SECOND_SIGNAL";
const HANGS: Duration = Duration::from_secs(60);

#[workflow]
#[derive(Debug, Default)]
struct Short;

#[workflow_methods]
impl Short {
    #[run]
    async fn run() {}
}

/// Not a test: what the test starts as a process.
#[test]
fn process_that_hangs_when_its_worker_has_ended() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = Client::new(EmbeddedEngine::in_memory().unwrap());
        let worker = Worker::builder(&client, "q")
            .register_workflow::<Short>()
            .build()
            .unwrap();
        let works = async {
            let options = WorkflowStartOptions::new("q", "short");
            let handle = client.start_workflow(Short::run, (), options).await;
            handle.unwrap().result().await.unwrap();
            note("works");
        };
        let (ended, ()) = tokio::join!(worker.run(), works);
        ended.unwrap();
    });
    note("returned");
    thread::sleep(HANGS);
}

/// The status is that of a shell.
#[test]
fn a_second_sigterm_ends_a_process_that_hangs_when_its_worker_has_ended() {
    let mut process = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut hear = |word: &str| {
        assert!(
            lines.by_ref().any(|line| line.unwrap() == word),
            "it never said `{word}`"
        );
    };
    let terminate = |pid: u32| {
        let sent = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
    };
    hear("works");
    terminate(process.id());
    hear("returned");
    let asked = Instant::now();
    terminate(process.id());
    let status = process.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(asked.elapsed() < HANGS / 2, "{:?}", asked.elapsed());
}
