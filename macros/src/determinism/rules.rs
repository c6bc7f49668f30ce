//! What makes workflow code do something else in a replay, by the name under which it is called.
//!
//! Names are all that a macro has: a path as it is written, with the `use` declarations of the
//! function around it resolved. Where one name may mean something harmless, it is not here.

/// Why something does not belong into a workflow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    Clock,
    Wait,
    Task,
    Thread,
    Select,
    Channel,
    Lock,
    Chance,
    Environment,
    File,
    Network,
    Process,
    Print,
    Input,
    Global,
    MapOrder,
}

impl Cause {
    /// What is wrong, after the name of the thing.
    pub(super) fn problem(self) -> &'static str {
        match self {
            Self::Clock => "reads the worker's clock, which shows another time in a replay",
            Self::Wait => "waits for the worker's clock, which leaves nothing in history",
            Self::Task => "runs code outside of the workflow, in an order of its own",
            Self::Thread => "uses the worker's threads, which a replay cannot repeat",
            Self::Select => "does not poll its branches in an order that a replay repeats",
            Self::Channel => "is woken from outside of history, at another moment in a replay",
            Self::Lock => "shares what other runs change, which is not in this one's history",
            Self::Chance => "gives another value in a replay",
            Self::Environment => "depends on the machine and process that the code runs in",
            Self::File => "depends on files that may be others in a replay",
            Self::Network => "talks to the outside, and does so again in every replay",
            Self::Process => "acts on a process of the machine, and does so again in every replay",
            Self::Print => "prints again in every replay",
            Self::Input => "reads what nobody types again in a replay",
            Self::Global => "outlives the run, so a replay finds another value in it",
            Self::MapOrder => "goes through a hash map, whose order is another one in a replay",
        }
    }

    /// What to type.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Clock => "write `ctx.now()`, the time of the workflow task",
            Self::Wait => {
                "write `ctx.sleep(..).await?`, or `ctx.with_timeout(.., async |ctx| ..).await` \
                 for a limit"
            }
            Self::Task => "write `ctx.spawn(async |ctx| ..)`, or start an activity",
            Self::Thread => "start an activity; a plain `fn` runs on the blocking pool",
            Self::Select => "write `select!` of `steadfast`, which polls in the written order",
            Self::Channel => {
                "keep the value in the state and write `ctx.wait_condition(|state| ..)`, or use \
                 `steadfast::workflow::Channel`"
            }
            Self::Lock => {
                "keep the value in the workflow's state; between its tasks, use \
                 `steadfast::workflow::{Mutex, Semaphore}`"
            }
            Self::Chance => {
                "write `ctx.random_u64()` or `ctx.uuid4()`, or `ctx.side_effect(|| ..)` to record \
                 a value"
            }
            Self::Environment => {
                "pass it as the workflow's input, or write `ctx.side_effect(|| ..)` to record it"
            }
            Self::File | Self::Network | Self::Process | Self::Input => {
                "do it in an activity: `ctx.start_activity(..)`"
            }
            Self::Print => "write `tracing::info!(..)`, which says nothing in a replay",
            Self::Global => "keep the value in the workflow's state",
            Self::MapOrder => "use a `BTreeMap` or a `BTreeSet`",
        }
    }
}

/// Where a path has to match.
#[derive(Debug)]
enum Rule {
    /// The path begins with this.
    Under(&'static str),
    /// The path ends with this.
    End(&'static str),
}

use Rule::{End, Under};

const PATHS: &[(Rule, Cause)] = &[
    // More exact than what comes later.
    (End("process::id"), Cause::Environment),
    (End("thread::available_parallelism"), Cause::Environment),
    (End("Instant::now"), Cause::Clock),
    (End("SystemTime::now"), Cause::Clock),
    (End("Utc::now"), Cause::Clock),
    (End("Utc::today"), Cause::Clock),
    (End("Local::now"), Cause::Clock),
    (End("OffsetDateTime::now_utc"), Cause::Clock),
    (End("OffsetDateTime::now_local"), Cause::Clock),
    (End("UtcDateTime::now"), Cause::Clock),
    (End("Zoned::now"), Cause::Clock),
    (End("Timestamp::now"), Cause::Clock),
    (Under("tokio::time"), Cause::Wait),
    (Under("async_std::task::sleep"), Cause::Wait),
    (Under("futures_timer"), Cause::Wait),
    (Under("async_io::Timer"), Cause::Wait),
    (Under("smol::Timer"), Cause::Wait),
    (End("time::sleep"), Cause::Wait),
    (End("time::sleep_until"), Cause::Wait),
    (End("time::timeout"), Cause::Wait),
    (End("time::timeout_at"), Cause::Wait),
    (End("time::interval"), Cause::Wait),
    (End("thread::sleep"), Cause::Wait),
    (End("task::sleep"), Cause::Wait),
    (Under("tokio::spawn"), Cause::Task),
    (Under("tokio::task"), Cause::Task),
    (Under("tokio::runtime"), Cause::Task),
    (Under("async_std::task"), Cause::Task),
    (Under("smol"), Cause::Task),
    (End("task::spawn"), Cause::Task),
    (End("task::spawn_local"), Cause::Task),
    (End("task::spawn_blocking"), Cause::Task),
    (End("task::block_in_place"), Cause::Task),
    (End("task::yield_now"), Cause::Task),
    (End("Handle::current"), Cause::Task),
    (End("Runtime::new"), Cause::Task),
    (End("JoinSet::new"), Cause::Task),
    (End("executor::block_on"), Cause::Thread),
    (Under("std::thread"), Cause::Thread),
    (Under("rayon"), Cause::Thread),
    (Under("crossbeam::thread"), Cause::Thread),
    (End("thread::spawn"), Cause::Thread),
    (End("thread::scope"), Cause::Thread),
    (End("thread::current"), Cause::Thread),
    (Under("tokio::sync"), Cause::Channel),
    (Under("std::sync::mpsc"), Cause::Channel),
    (Under("async_channel"), Cause::Channel),
    (Under("crossbeam_channel"), Cause::Channel),
    (Under("flume"), Cause::Channel),
    (Under("futures::channel"), Cause::Channel),
    (Under("futures_channel"), Cause::Channel),
    (End("mpsc::channel"), Cause::Channel),
    (End("mpsc::sync_channel"), Cause::Channel),
    (End("mpsc::unbounded_channel"), Cause::Channel),
    (End("oneshot::channel"), Cause::Channel),
    (End("watch::channel"), Cause::Channel),
    (End("broadcast::channel"), Cause::Channel),
    (End("Notify::new"), Cause::Channel),
    (Under("std::sync"), Cause::Lock),
    (Under("core::sync::atomic"), Cause::Lock),
    (Under("parking_lot"), Cause::Lock),
    (Under("atomic"), Cause::Lock),
    (End("sync::Mutex::new"), Cause::Lock),
    (End("sync::RwLock::new"), Cause::Lock),
    (End("RwLock::new"), Cause::Lock),
    (End("Condvar::new"), Cause::Lock),
    (End("OnceLock::new"), Cause::Lock),
    (End("LazyLock::new"), Cause::Lock),
    (End("Ordering::Relaxed"), Cause::Lock),
    (End("Ordering::Acquire"), Cause::Lock),
    (End("Ordering::Release"), Cause::Lock),
    (End("Ordering::AcqRel"), Cause::Lock),
    (End("Ordering::SeqCst"), Cause::Lock),
    (Under("rand"), Cause::Chance),
    (Under("fastrand"), Cause::Chance),
    (Under("getrandom"), Cause::Chance),
    (End("from_entropy"), Cause::Chance),
    (End("from_os_rng"), Cause::Chance),
    (End("OsRng"), Cause::Chance),
    (End("ThreadRng"), Cause::Chance),
    (End("RandomState::new"), Cause::Chance),
    (End("Uuid::new_v4"), Cause::Chance),
    (End("Uuid::new_v1"), Cause::Chance),
    (End("Uuid::new_v6"), Cause::Chance),
    (End("Uuid::new_v7"), Cause::Chance),
    (End("Uuid::now_v1"), Cause::Chance),
    (End("Uuid::now_v6"), Cause::Chance),
    (End("Uuid::now_v7"), Cause::Chance),
    (End("Ulid::new"), Cause::Chance),
    (Under("std::env"), Cause::Environment),
    (End("env::var"), Cause::Environment),
    (End("env::var_os"), Cause::Environment),
    (End("env::vars"), Cause::Environment),
    (End("env::args"), Cause::Environment),
    (End("env::current_dir"), Cause::Environment),
    (End("env::temp_dir"), Cause::Environment),
    (End("hostname::get"), Cause::Environment),
    (Under("std::fs"), Cause::File),
    (Under("tokio::fs"), Cause::File),
    (Under("tokio::io"), Cause::Input),
    (Under("fs"), Cause::File),
    (End("File::open"), Cause::File),
    (End("File::create"), Cause::File),
    (End("OpenOptions::new"), Cause::File),
    (Under("std::net"), Cause::Network),
    (Under("std::os"), Cause::Network),
    (Under("tokio::net"), Cause::Network),
    (Under("reqwest"), Cause::Network),
    (Under("ureq"), Cause::Network),
    (Under("hyper"), Cause::Network),
    (Under("sqlx"), Cause::Network),
    (Under("redis"), Cause::Network),
    (Under("tonic"), Cause::Network),
    (End("TcpStream::connect"), Cause::Network),
    (End("TcpListener::bind"), Cause::Network),
    (End("UdpSocket::bind"), Cause::Network),
    (End("lookup_host"), Cause::Network),
    (Under("std::process"), Cause::Process),
    (Under("tokio::process"), Cause::Process),
    (Under("tokio::signal"), Cause::Process),
    (End("process::exit"), Cause::Process),
    (End("process::abort"), Cause::Process),
    (End("process::Command::new"), Cause::Process),
    (Under("std::io::stdin"), Cause::Input),
    (Under("std::io::read_to_string"), Cause::Input),
    (End("io::stdin"), Cause::Input),
    (Under("std::io::stdout"), Cause::Print),
    (Under("std::io::stderr"), Cause::Print),
    (End("io::stdout"), Cause::Print),
    (End("io::stderr"), Cause::Print),
];

/// Under a path of [`PATHS`], but the same in every replay.
const HARMLESS: &[&str] = &[
    "rand::Rng",
    "rand::RngCore",
    "rand::RngExt",
    "rand::SeedableRng",
    "rand::distr",
    "rand::distributions",
    "rand::rngs::SmallRng",
    "rand::rngs::StdRng",
    "rand::seq",
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::process::ExitCode",
    "std::sync::Arc",
    "std::sync::Weak",
    "tokio::time::Duration",
];

/// Functions that everybody knows, called by their name alone.
const FUNCTIONS: &[(&str, Cause)] = &[
    ("block_on", Cause::Thread),
    ("sleep", Cause::Wait),
    ("sleep_until", Cause::Wait),
    ("spawn", Cause::Task),
    ("spawn_blocking", Cause::Task),
    ("spawn_local", Cause::Task),
    ("stdin", Cause::Input),
    ("thread_rng", Cause::Chance),
    ("timeout", Cause::Wait),
];

const MACROS: &[(&str, Cause)] = &[
    ("tokio::select", Cause::Select),
    ("futures::select", Cause::Select),
    ("futures::select_biased", Cause::Select),
    ("futures_util::select", Cause::Select),
    ("futures_util::select_biased", Cause::Select),
    ("select_biased", Cause::Select),
    ("futures_concurrency::race", Cause::Select),
    ("dbg", Cause::Print),
    ("eprint", Cause::Print),
    ("eprintln", Cause::Print),
    ("print", Cause::Print),
    ("println", Cause::Print),
    ("thread_local", Cause::Global),
    ("lazy_static", Cause::Global),
];

/// Methods that change a static, whatever it is; its name tells that it is one.
const METHODS_OF_STATICS: &[&str] = &[
    "borrow_mut",
    "get_or_init",
    "lock",
    "read",
    "replace",
    "set",
    "swap",
    "take",
    "try_lock",
    "with",
    "with_borrow",
    "with_borrow_mut",
    "write",
];

/// Methods that go through a hash map or set in its order.
const ITERATIONS: &[&str] = &[
    "difference",
    "drain",
    "extract_if",
    "intersection",
    "into_iter",
    "into_keys",
    "into_values",
    "iter",
    "iter_mut",
    "keys",
    "retain",
    "symmetric_difference",
    "union",
    "values",
    "values_mut",
];

/// What makes the order of an iteration irrelevant when it comes later in the same expression.
const ORDERLESS: &[&str] = &[
    "BTreeMap",
    "BTreeSet",
    "all",
    "any",
    "count",
    "is_subset",
    "len",
    "max",
    "min",
    "sorted",
    "sorted_by",
    "sorted_by_key",
];

/// Methods whose argument is recorded, so that a replay does not run it.
const RECORDED: &[&str] = &["side_effect"];

/// Methods whose first argument names an activity or a workflow.
const NAMING: &[&str] = &[
    "compensate_with",
    "compensate_with_output",
    "start_activity",
    "start_child_workflow",
    "start_local_activity",
    "step",
];

/// Whether a path is known to be different in a replay.
pub(super) fn path(segments: &[String], is_call: bool) -> Option<Cause> {
    let text = segments.join("::");
    if let [name] = segments {
        return FUNCTIONS
            .iter()
            .find(|(function, _)| is_call && name == function)
            .map(|(_, cause)| *cause)
            .or_else(|| {
                PATHS
                    .iter()
                    .find(|(rule, _)| matches!(rule, End(end) if *end == text))
                    .map(|(_, cause)| *cause)
            });
    }
    // An error is a value like any other.
    let is_value = text.contains("::error::") || text.ends_with("Error");
    let is_harmless = is_value || HARMLESS.iter().any(|harmless| is_under(&text, harmless));
    PATHS
        .iter()
        .find(|(rule, _)| match rule {
            Under(start) => !is_harmless && is_under(&text, start),
            End(end) => is_end(&text, end),
        })
        .map(|(_, cause)| *cause)
}

/// Whether a macro is known to be different in a replay.
pub(super) fn macro_(segments: &[String]) -> Option<Cause> {
    let text = segments.join("::");
    let text = text.strip_prefix("std::").unwrap_or(&text);
    MACROS
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, cause)| *cause)
}

/// Whether a method of something that is named like a static touches what is not in history.
pub(super) fn is_method_of_static(method: &str) -> bool {
    method.starts_with("fetch_")
        || method.starts_with("compare_exchange")
        || METHODS_OF_STATICS.contains(&method)
}

pub(super) fn is_iteration(method: &str) -> bool {
    ITERATIONS.contains(&method)
}

pub(super) fn is_orderless(name: &str) -> bool {
    ORDERLESS.contains(&name)
}

pub(super) fn is_recorded(method: &str) -> bool {
    RECORDED.contains(&method)
}

pub(super) fn is_naming(method: &str) -> bool {
    NAMING.contains(&method)
}

fn is_under(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_end(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}
