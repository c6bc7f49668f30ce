//! The real Web UI on our server, and on a Temporal Service beside it: the same pages, with nothing refused.
//!
//! The UI is a part of the command line's development server, and asks the service in the same process. So everything
//! happens in a network of its own, in which what the UI sends arrives at our server from some moment on.

mod scenes;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use steadfast::{
    engine::{
        Engine,
        embedded::EmbeddedEngine,
        temporal::{TemporalEngine, TemporalOptions},
    },
    prelude::*,
};
use steadfast_server::{ServeOptions, serve};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::{
    cli::Cli,
    service::{DELAY, variable},
};

/// In a network of its own every port is free.
const SERVICE: u16 = 7233;
const UI: u16 = 8233;
const OURS: u16 = 7300;
/// The differences that are right, with their reasons: `-` is only on a service, and `+` only on our server.
const EXPECTED: &str = include_str!("web_ui/expected.txt");
/// Set in the process that is in that network: the folder for what is seen.
const SEEN: &str = "STEADFAST_WEB_UI_SEEN";

#[tokio::test]
#[ignore = "it takes minutes and a browser; `.ci/temporal` runs it"]
async fn the_web_ui_shows_here_what_it_shows_on_a_service() {
    let Some(browser) = variable("STEADFAST_BROWSER") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let inside = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "web_ui::in_a_network_of_its_own", "--ignored"])
        .env(SEEN, folder.path())
        .env("STEADFAST_BROWSER", browser)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success(), "{said}");
    let [service, ours] = ["service", "ours"].map(|name| read(&folder.path().join(name)));
    assert!(
        service.len() > 1_000 && ours.len() > 1_000,
        "too little was seen"
    );
    let wrong = wrong(&service, &ours);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn read(seen: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(seen).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What is seen on our server and not on a service, or the other way round, and should not be so.
fn wrong(service: &BTreeSet<String>, ours: &BTreeSet<String>) -> Vec<String> {
    let more = ours.difference(service).filter(|line| {
        let is_refused = line.starts_with("error ") || line.starts_with("refused ");
        is_refused || line.contains("No workers polling")
    });
    // Of the answers the names of what they say are compared, and not the values.
    let names = |seen: &BTreeSet<String>| -> BTreeSet<String> {
        let names = seen
            .iter()
            .map(|line| line.split_once(" = ").map_or(&**line, |(name, _)| name));
        names.map(str::to_owned).collect()
    };
    let (theirs, told) = (names(service), names(ours));
    let less = theirs.difference(&told).filter(|line| {
        line.starts_with("field ")
            || line.starts_with("event ")
            || line.starts_with("page ")
                && line
                    .split_once(": ")
                    .is_some_and(|(_, text)| says_something(text))
    });
    let more = more.map(|line| format!("+ {line}"));
    let wrong = more.chain(less.map(|line| format!("- {line}")));
    wrong
        .filter(|line| !EXPECTED.lines().any(|expected| is_of(line, expected)))
        .collect()
}

/// Whether a text has more than what is masked.
fn says_something(text: &str) -> bool {
    let mut is_masked = false;
    text.chars().any(|c| {
        is_masked = (is_masked || c == '<') && c != '>';
        !is_masked && c.is_alphabetic()
    })
}

/// Whether a line begins as an expectation does, in which `*` stands for anything.
fn is_of(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('*');
    let Some(mut rest) = parts
        .next()
        .filter(|first| !first.is_empty() && !first.starts_with('#'))
        .and_then(|first| line.strip_prefix(first))
    else {
        return false;
    };
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Not a test: what happens in that network.
#[tokio::test]
#[ignore = "it is a part of the other one"]
async fn in_a_network_of_its_own() {
    let Some(folder) = env::var_os(SEEN).map(PathBuf::from) else {
        return;
    };
    run("ip", &["link", "set", "lo", "up"]).await;
    let _service = service().await;
    let engine = TemporalEngine::connect(TemporalOptions::new(at(SERVICE)));
    walk(engine.await.unwrap(), SERVICE, &folder.join("service")).await;

    let engine: Arc<dyn Engine> = EmbeddedEngine::in_memory().unwrap();
    let options = ServeOptions::default().listen(([127, 0, 0, 1], OURS).into());
    let server = serve(Arc::clone(&engine), options).await.unwrap();
    redirect().await;
    walk(engine, OURS, &folder.join("ours")).await;
    server.stop().await.unwrap();
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

async fn run(command: &str, arguments: &[&str]) {
    let status = Command::new(command).args(arguments).status();
    assert!(status.await.unwrap().success(), "{command} {arguments:?}");
}

/// A service with its Web UI.
async fn service() -> Child {
    let service = Command::new(variable("STEADFAST_TEMPORAL_CLI").unwrap())
        .args([
            "server",
            "start-dev",
            "--log-level",
            "never",
            "--ip",
            "127.0.0.1",
        ])
        .args(["--port", &SERVICE.to_string(), "--ui-port", &UI.to_string()])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while TcpStream::connect(at(UI)).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    service
}

/// From now on what is sent to the service arrives at our server; the connections that there were are cut.
async fn redirect() {
    let rules = format!(
        "table ip ours {{ chain out {{ type nat hook output priority -100; tcp dport {SERVICE} redirect to :{OURS}; }}; }}"
    );
    run("nft", &[&rules]).await;
    let port = format!(":{SERVICE}");
    run("ss", &["-K", "dport", "=", &port]).await;
}

/// Plays the scenes and walks through the UI, while a worker works.
async fn walk(engine: Arc<dyn Engine>, port: u16, seen: &Path) {
    let client = Client::new(engine).with_identity("shop").unwrap();
    let cli = Cli::of(&client, &at(port)).unwrap();
    scenes::worker(&client)
        .run_until(async {
            scenes::play(&client, &cli).await;
            sleep(DELAY).await;
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/temporal/web_ui/walk.py");
            let python = variable("STEADFAST_PYTHON").unwrap();
            let browser = variable("STEADFAST_BROWSER").unwrap();
            let ui = format!("http://{}", at(UI));
            let mut arguments = vec![script, &ui, &browser, seen.to_str().unwrap()];
            let pictures = env::var("STEADFAST_WEB_UI_PICTURES").ok();
            arguments.extend(pictures.as_deref());
            run(&python, &arguments).await;
        })
        .await
        .unwrap();
}
