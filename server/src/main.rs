//! `steadfast`: serves an embedded file to whatever speaks Temporal's API.

use std::{
    io::IsTerminal as _,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use steadfast_core::{ids::Namespace, time::Timestamp};
use steadfast_embedded::{Durability, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::Engine as _;
use steadfast_server::{Address, ServeOptions, bind};
use tracing_subscriber::EnvFilter;

/// Durable workflows on one file, for everything that speaks Temporal's API.
#[derive(Debug, Parser)]
#[command(name = "steadfast", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the executions of a file to Temporal's command line, Web UI and clients.
    Serve(Box<Serve>),
    /// Serves from memory and skips time, as Temporal's test server is started: a port, then `--enable-time-skipping` or nothing.
    #[command(external_subcommand)]
    TestServer(Vec<String>),
}

#[derive(Args, Debug)]
struct Serve {
    /// The SQLite file; it is made if there is none.
    #[arg(required_unless_present = "memory", conflicts_with = "memory")]
    file: Option<PathBuf>,
    /// Keeps everything in memory, and nothing after the end.
    #[arg(long)]
    memory: bool,
    /// Skips time while nobody has anything to do, for tests. It is locked until somebody unlocks it.
    #[arg(long, conflicts_with = "file")]
    time_skipping: bool,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1", conflicts_with = "unix_socket")]
    ip: IpAddr,
    /// The port to listen at; 0 is any that is free.
    #[arg(short, long, default_value_t = 7233, conflicts_with = "unix_socket")]
    port: u16,
    /// Listens at a Unix socket instead, which only this user can open.
    #[arg(long)]
    unix_socket: Option<PathBuf>,
    /// The namespace; there is one.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Refuses calls that change anything. The engine goes on: timers fire, limits end executions, schedules act.
    #[arg(long)]
    read_only: bool,
    /// Keys of which a caller must bring one, one a line.
    #[arg(long)]
    api_key_file: Option<PathBuf>,
    /// A key that a caller must bring.
    #[arg(long, env = "STEADFAST_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// A chain of certificates in PEM: encrypts with TLS.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificates, in PEM.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities in PEM: lets in only who has a certificate of one of them.
    #[arg(long, requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// For how many days closed executions are kept; for ever if it is left out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    retention_days: Option<u32>,
    /// Acknowledges before the disk has it: what came last is lost with the power.
    #[arg(long)]
    relaxed: bool,
    /// Waits so many seconds for another process that has the file.
    #[arg(long, default_value_t = 0)]
    wait_for_lock: u64,
    /// What is logged: `error`, `warn`, `info`, `debug`, or as `RUST_LOG` says it.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    log: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let (given, locked) = match Cli::parse().command {
        Command::Serve(given) => (given, true),
        Command::TestServer(given) => test_server(&given),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&given.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(*given, locked).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Options of the engine are flags here.
            let told = error
                .to_string()
                .replace("`wait_for_lock`", "`--wait-for-lock SECONDS`");
            tracing::error!("{told}");
            ExitCode::FAILURE
        }
    }
}

/// What the SDKs ask of a test server, and whether time is skipped only once it is unlocked.
fn test_server(given: &[String]) -> (Box<Serve>, bool) {
    let flags = given.get(1..).unwrap_or_default();
    let unlocked = flags == ["--enable-time-skipping"];
    let port = given.first().and_then(|port| port.parse::<u16>().ok());
    match port {
        Some(port) if unlocked || flags.is_empty() => {
            let port = port.to_string();
            let words = ["serve", "--memory", "--time-skipping", "--port", &port];
            let Command::Serve(serve) =
                Cli::parse_from(["steadfast"].into_iter().chain(words)).command
            else {
                unreachable!("the first word says so");
            };
            (serve, !unlocked)
        }
        _ => Cli::command()
            .error(
                ErrorKind::InvalidSubcommand,
                format!("there is no command `{}`", given.join(" ")),
            )
            .exit(),
    }
}

async fn run(given: Serve, locked: bool) -> Result<(), Box<dyn std::error::Error>> {
    let clock = given.time_skipping.then(|| ManualClock::at(now()));
    if let Some(file) = given
        .file
        .as_ref()
        .filter(|file| given.read_only && !file.exists())
    {
        return Err(format!("there is no file `{}` to look into", file.display()).into());
    }
    let mut options = ServeOptions::default();
    options = match &given.unix_socket {
        Some(path) => options.listen_at_socket(path),
        None => options.listen((given.ip, given.port).into()),
    };
    if given.read_only {
        options = options.read_only();
    }
    if let (Some(certificates), Some(key)) = (&given.tls_cert, &given.tls_key) {
        options = options.tls(read(certificates)?, read(key)?);
        if let Some(authorities) = &given.tls_client_ca {
            options = options.client_authorities(read(authorities)?);
        }
    }
    if let Some(clock) = &clock {
        options = options.time_skipping(clock.clone(), locked);
    }
    for key in keys(&given)? {
        options = options.api_key(key);
    }
    // First what can be refused, so that a mistake leaves no new file.
    let engine_options = engine_options(&given, clock)?;
    let bound = bind(options).await?;
    let engine = EmbeddedEngine::connect(engine_options).await?;
    let mut server = bound.serve(Arc::clone(&engine) as _);
    announce(server.address(), &given);
    let ended = tokio::select! {
        ended = server.ended() => ended,
        () = stop_requested() => server.stop().await,
    };
    engine.close().await?;
    Ok(ended?)
}

fn engine_options(
    given: &Serve,
    clock: Option<ManualClock>,
) -> Result<EmbeddedOptions, Box<dyn std::error::Error>> {
    let mut options = match &given.file {
        Some(file) => EmbeddedOptions::file(file),
        None => EmbeddedOptions::in_memory(),
    };
    options = options
        .namespace(Namespace::new(&given.namespace)?)
        .added_search_attributes_only();
    if let Some(clock) = clock {
        options = options.clock(clock);
    }
    if let Some(days) = given.retention_days {
        options = options.retention(Duration::from_secs(u64::from(days) * 86_400));
    }
    if given.relaxed {
        options = options.durability(Durability::Relaxed);
    }
    if given.wait_for_lock > 0 {
        options = options.wait_for_lock(Duration::from_secs(given.wait_for_lock));
    }
    Ok(options)
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::EPOCH.after(since)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn keys(given: &Serve) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut keys: Vec<String> = given.api_key.iter().cloned().collect();
    if let Some(path) = &given.api_key_file {
        let text = String::from_utf8(read(path)?)?;
        let lines = text.lines().map(str::trim);
        for (line, key) in (1..).zip(lines).filter(|(_, key)| !key.is_empty()) {
            let checked = steadfast_server::check_key(key);
            checked.map_err(|why| format!("line {line} of `{}`: {why}", path.display()))?;
            keys.push(key.to_owned());
        }
        if keys.is_empty() {
            return Err(format!("there is no key in `{}`", path.display()).into());
        }
    }
    Ok(keys)
}

#[expect(clippy::print_stdout, reason = "people and scripts read it")]
fn announce(address: &Address, given: &Serve) {
    let what = match &given.file {
        Some(file) => file.display().to_string(),
        None => "memory".to_owned(),
    };
    println!("serves {what} at {address}, namespace {}", given.namespace);
    println!("try: {}", look(address, given));
}

/// The command of somebody who wants to see what is there.
fn look(address: &Address, given: &Serve) -> String {
    let mut words = "temporal workflow list --address ".to_owned();
    match address {
        // Whoever listens everywhere listens here.
        Address::Tcp(address) if address.ip().is_unspecified() => {
            let here = if address.is_ipv4() {
                "127.0.0.1"
            } else {
                "[::1]"
            };
            words.push_str(&format!("{here}:{}", address.port()));
        }
        _ => words.push_str(&address.to_string()),
    }
    if given.namespace != "default" {
        words.push_str(&format!(" --namespace {}", quoted(&given.namespace)));
    }
    let has_key = given.api_key.is_some() || given.api_key_file.is_some();
    if has_key {
        words.push_str(" --api-key KEY");
    }
    match (&given.tls_cert, &given.tls_client_ca) {
        (Some(_), None) => words.push_str(" --tls --tls-ca-path CA.pem"),
        (Some(_), Some(_)) => words.push_str(
            " --tls --tls-ca-path CA.pem --tls-cert-path YOURS.pem --tls-key-path YOUR_KEY.pem",
        ),
        // The command line takes TLS for granted where there is a key.
        (None, _) if has_key => words.push_str(" --tls=false"),
        (None, _) => {}
    }
    words
}

/// A word as a shell has to be given it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-._/:".contains(letter);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// SIGINT, or SIGTERM where there is one.
async fn stop_requested() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
