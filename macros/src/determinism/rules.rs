//! What makes workflow code do something else in a replay, by the name under which it is called.
//!
//! Names are all that a macro has: a path as it is written, with the `use` declarations of the
//! function around it resolved. Where one name may mean something harmless, the finding is a guess, which is
//! a warning.

use proc_macro2::{Group, TokenTree};

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
    Address,
    Replay,
    Recorded,
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
            Self::Address => "is an address, which is another one in a replay",
            Self::Replay => "asks for something else in a replay than in life",
            Self::Recorded => "is used inside of `side_effect`, which a replay does not run",
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
            Self::Address => "compare or print the value itself",
            Self::Replay => {
                "ask it for logs and metrics only; what is recorded comes back by itself"
            }
            Self::Recorded => {
                "take what the closure needs of the context before, or call the method outside of it"
            }
        }
    }
}

/// How sure the macro is, which sees names only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Certainty {
    /// Nothing else has this name.
    Certain,
    /// The compiler is asked whether the type before the last part of the path is the one that is meant.
    AskType,
    /// It may be something of the user's.
    Guess,
}

/// Where a path has to match.
#[derive(Debug)]
enum Rule {
    /// The path begins with this.
    Under(&'static str),
    /// The path begins with this, whatever comes behind it in the same word.
    Prefix(&'static str),
    /// The path ends with this, and nothing else does.
    End(&'static str),
    /// The path ends with this; a type or a module of the user's may have the same name.
    Perhaps(&'static str),
    /// The path ends with a type that the compiler knows, and one of its functions.
    Type(&'static str),
}

use Rule::{End, Perhaps, Prefix, Type, Under};

const PATHS: &[(Rule, Cause)] = &[
    // More exact than what comes later.
    (Perhaps("process::id"), Cause::Environment),
    (Perhaps("thread::available_parallelism"), Cause::Environment),
    (Type("Instant::now"), Cause::Clock),
    (Type("SystemTime::now"), Cause::Clock),
    (End("Utc::now"), Cause::Clock),
    (End("Utc::today"), Cause::Clock),
    (Perhaps("Local::now"), Cause::Clock),
    (End("OffsetDateTime::now_utc"), Cause::Clock),
    (End("OffsetDateTime::now_local"), Cause::Clock),
    (End("UtcDateTime::now"), Cause::Clock),
    (End("Zoned::now"), Cause::Clock),
    (Perhaps("Timestamp::now"), Cause::Clock),
    (Under("tokio::time"), Cause::Wait),
    (Under("async_std::task::sleep"), Cause::Wait),
    (Under("futures_timer"), Cause::Wait),
    (Under("async_io::Timer"), Cause::Wait),
    (Under("smol::Timer"), Cause::Wait),
    (Perhaps("time::sleep"), Cause::Wait),
    (Perhaps("time::sleep_until"), Cause::Wait),
    (Perhaps("time::timeout"), Cause::Wait),
    (Perhaps("time::timeout_at"), Cause::Wait),
    (Perhaps("time::interval"), Cause::Wait),
    (Perhaps("thread::sleep"), Cause::Wait),
    (Perhaps("task::sleep"), Cause::Wait),
    (Under("tokio::spawn"), Cause::Task),
    (Under("tokio::task"), Cause::Task),
    (Under("tokio::runtime"), Cause::Task),
    (Under("async_std::task"), Cause::Task),
    (Under("smol"), Cause::Task),
    (Perhaps("task::spawn"), Cause::Task),
    (Perhaps("task::spawn_local"), Cause::Task),
    (Perhaps("task::spawn_blocking"), Cause::Task),
    (Perhaps("task::block_in_place"), Cause::Task),
    (Perhaps("task::yield_now"), Cause::Task),
    (Perhaps("Handle::current"), Cause::Task),
    (Perhaps("Runtime::new"), Cause::Task),
    (End("JoinSet::new"), Cause::Task),
    (Perhaps("executor::block_on"), Cause::Thread),
    (Under("std::thread"), Cause::Thread),
    (Under("rayon"), Cause::Thread),
    (Under("crossbeam::thread"), Cause::Thread),
    (Perhaps("thread::spawn"), Cause::Thread),
    (Perhaps("thread::scope"), Cause::Thread),
    (Perhaps("thread::current"), Cause::Thread),
    (Under("tokio::sync"), Cause::Channel),
    (Under("std::sync::mpsc"), Cause::Channel),
    (Under("async_channel"), Cause::Channel),
    (Under("crossbeam_channel"), Cause::Channel),
    (Under("flume"), Cause::Channel),
    (Under("futures::channel"), Cause::Channel),
    (Under("futures_channel"), Cause::Channel),
    (Perhaps("mpsc::channel"), Cause::Channel),
    (Perhaps("mpsc::sync_channel"), Cause::Channel),
    (Perhaps("mpsc::unbounded_channel"), Cause::Channel),
    (Perhaps("oneshot::channel"), Cause::Channel),
    (Perhaps("watch::channel"), Cause::Channel),
    (Perhaps("broadcast::channel"), Cause::Channel),
    (Perhaps("Notify::new"), Cause::Channel),
    (Under("std::sync"), Cause::Lock),
    (Under("core::sync::atomic"), Cause::Lock),
    (Under("parking_lot"), Cause::Lock),
    (Perhaps("AtomicU64::new"), Cause::Lock),
    (Perhaps("AtomicUsize::new"), Cause::Lock),
    (Perhaps("AtomicBool::new"), Cause::Lock),
    (Under("dashmap"), Cause::Lock),
    (End("DashMap::new"), Cause::Lock),
    (End("DashSet::new"), Cause::Lock),
    (Perhaps("sync::Mutex::new"), Cause::Lock),
    (Perhaps("sync::RwLock::new"), Cause::Lock),
    (Perhaps("RwLock::new"), Cause::Lock),
    (Perhaps("Condvar::new"), Cause::Lock),
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
    (End("RandomState::default"), Cause::Chance),
    (Under("nanoid"), Cause::Chance),
    (End("Uuid::new_v4"), Cause::Chance),
    (End("Uuid::new_v1"), Cause::Chance),
    (End("Uuid::new_v6"), Cause::Chance),
    (End("Uuid::new_v7"), Cause::Chance),
    (End("Uuid::now_v1"), Cause::Chance),
    (End("Uuid::now_v6"), Cause::Chance),
    (End("Uuid::now_v7"), Cause::Chance),
    (End("Ulid::new"), Cause::Chance),
    (Under("std::env"), Cause::Environment),
    (Under("num_cpus"), Cause::Environment),
    (Perhaps("env::var"), Cause::Environment),
    (Perhaps("env::var_os"), Cause::Environment),
    (Perhaps("env::vars"), Cause::Environment),
    (Perhaps("env::args"), Cause::Environment),
    (Perhaps("env::current_dir"), Cause::Environment),
    (Perhaps("env::temp_dir"), Cause::Environment),
    (Perhaps("hostname::get"), Cause::Environment),
    (Under("std::fs"), Cause::File),
    (Under("tokio::fs"), Cause::File),
    (Under("tokio::io"), Cause::Input),
    (Perhaps("fs::read"), Cause::File),
    (Perhaps("fs::read_to_string"), Cause::File),
    (Perhaps("fs::read_dir"), Cause::File),
    (Perhaps("fs::write"), Cause::File),
    (Perhaps("fs::remove_file"), Cause::File),
    (Perhaps("fs::create_dir_all"), Cause::File),
    (Perhaps("fs::metadata"), Cause::File),
    (Perhaps("fs::copy"), Cause::File),
    (Perhaps("fs::rename"), Cause::File),
    (Perhaps("File::open"), Cause::File),
    (Perhaps("File::create"), Cause::File),
    (Perhaps("OpenOptions::new"), Cause::File),
    (Under("std::net"), Cause::Network),
    (Under("std::os"), Cause::Network),
    (Under("tokio::net"), Cause::Network),
    (Under("reqwest::get"), Cause::Network),
    (Under("reqwest::blocking"), Cause::Network),
    (Under("reqwest::Client"), Cause::Network),
    (Under("reqwest::ClientBuilder"), Cause::Network),
    (Under("diesel"), Cause::Network),
    (Under("kafka"), Cause::Network),
    (Under("rdkafka"), Cause::Network),
    (Under("mongodb"), Cause::Network),
    (Prefix("aws_sdk_"), Cause::Network),
    (Perhaps("Client::connect"), Cause::Network),
    (Perhaps("reqwest::Client::new"), Cause::Network),
    (Under("ureq"), Cause::Network),
    (Under("hyper"), Cause::Network),
    (Under("sqlx"), Cause::Network),
    (Under("redis"), Cause::Network),
    (Under("tonic"), Cause::Network),
    (Perhaps("TcpStream::connect"), Cause::Network),
    (Perhaps("TcpListener::bind"), Cause::Network),
    (Perhaps("UdpSocket::bind"), Cause::Network),
    (Perhaps("lookup_host"), Cause::Network),
    (Under("std::process"), Cause::Process),
    (Under("tokio::process"), Cause::Process),
    (Under("tokio::signal"), Cause::Process),
    (Perhaps("process::exit"), Cause::Process),
    (Perhaps("process::abort"), Cause::Process),
    (Perhaps("process::Command::new"), Cause::Process),
    (Under("std::io::stdin"), Cause::Input),
    (Under("std::io::read_to_string"), Cause::Input),
    (Perhaps("io::stdin"), Cause::Input),
    (Under("std::io::stdout"), Cause::Print),
    (Under("std::io::stderr"), Cause::Print),
    (Perhaps("io::stdout"), Cause::Print),
    (Perhaps("io::stderr"), Cause::Print),
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
    "hyper::HeaderMap",
    "hyper::Method",
    "hyper::StatusCode",
    "hyper::Uri",
    "hyper::http",
    "redis::Value",
    "sqlx::types",
    "tonic::Code",
    "tonic::Request",
    "tonic::Response",
    "tonic::Status",
];

/// Functions that everybody knows, called by their name alone.
const FUNCTIONS: &[(&str, Cause)] = &[
    ("block_on", Cause::Thread),
    ("random", Cause::Chance),
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
    ("nanoid", Cause::Chance),
    ("nanoid::nanoid", Cause::Chance),
];

/// Macros that run nothing of what is in them.
const TEXTS: &[&str] = &["stringify", "std::stringify", "core::stringify"];

/// Methods that change a static, whatever it is; its name tells that it is one.
const METHODS_OF_STATICS: &[&str] = &[
    "acquire",
    "borrow_mut",
    "clear",
    "entry",
    "get_mut",
    "get_or_init",
    "insert",
    "load",
    "lock",
    "push",
    "read",
    "remove",
    "replace",
    "set",
    "store",
    "swap",
    "take",
    "try_acquire",
    "try_lock",
    "with",
    "with_borrow",
    "with_borrow_mut",
    "write",
];

/// Methods without arguments that ask the machine, if they are those of a path, a clock or an address.
const METHODS: &[(&str, Cause)] = &[
    ("canonicalize", Cause::File),
    ("elapsed", Cause::Clock),
    ("exists", Cause::File),
    ("is_dir", Cause::File),
    ("is_file", Cause::File),
    ("is_symlink", Cause::File),
    ("read_dir", Cause::File),
    ("read_link", Cause::File),
    ("symlink_metadata", Cause::File),
    ("to_socket_addrs", Cause::Network),
    ("try_exists", Cause::File),
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
    "HashMap",
    "HashSet",
    "all",
    "any",
    "count",
    "is_disjoint",
    "is_empty",
    "is_subset",
    "is_superset",
    "len",
    "max",
    "max_by",
    "max_by_key",
    "min",
    "min_by",
    "min_by_key",
    "product",
    "sorted",
    "sorted_by",
    "sorted_by_cached_key",
    "sorted_by_key",
    "sorted_unstable",
    "sorted_unstable_by",
    "sorted_unstable_by_key",
    "sum",
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

/// Whether a path is known to be different in a replay, and how surely.
pub(super) fn path(segments: &[String], is_call: bool) -> Option<(Cause, Certainty)> {
    let text = segments.join("::");
    if let [name] = segments {
        let function = FUNCTIONS
            .iter()
            .find(|(function, _)| is_call && name == function);
        let certainty = if name == "thread_rng" {
            Certainty::Certain
        } else {
            Certainty::Guess
        };
        return function.map(|(_, cause)| (*cause, certainty)).or_else(|| {
            let whole = PATHS
                .iter()
                .find(|(rule, _)| matches!(rule, End(end) if *end == text));
            whole.map(|(_, cause)| (*cause, Certainty::Certain))
        });
    }
    // An error is a value like any other, and a type that is only named does nothing.
    let is_named = segments
        .last()
        .is_some_and(|last| last.starts_with(char::is_uppercase));
    let is_value = text.contains("::error::") || text.ends_with("Error") || (is_named && !is_call);
    let is_harmless = is_value || HARMLESS.iter().any(|harmless| is_under(&text, harmless));
    let known = ["std", "core", "tokio", "async_std", "futures", "smol"];
    let is_known = segments
        .first()
        .is_some_and(|first| known.contains(&first.as_str()));
    PATHS.iter().find_map(|(rule, cause)| {
        let certainty = match rule {
            Under(start) if !is_harmless && is_under(&text, start) => Certainty::Certain,
            Prefix(start) if !is_harmless && text.starts_with(start) => Certainty::Certain,
            End(end) if is_end(&text, end) => Certainty::Certain,
            Perhaps(end) | Type(end) if is_known && is_end(&text, end) => Certainty::Certain,
            Perhaps(end) if is_end(&text, end) => Certainty::Guess,
            Type(end) if is_end(&text, end) => Certainty::AskType,
            Under(_) | Prefix(_) | End(_) | Perhaps(_) | Type(_) => return None,
        };
        Some((*cause, certainty))
    })
}

/// Whether a function of this name, called alone, is used as the one that everybody knows: awaited, given a future, or
/// asked for a type.
pub(super) fn is_used_so(name: &str, arguments: Option<&Group>, call: &[TokenTree]) -> bool {
    let first = arguments.and_then(|group| group.stream().into_iter().next());
    match name {
        "sleep" | "sleep_until" | "timeout" => match call {
            [
                TokenTree::Group(_),
                TokenTree::Punct(dot),
                TokenTree::Ident(awaited),
                ..,
            ] => dot.as_char() == '.' && awaited == "await",
            // A branch of `select!`.
            [TokenTree::Group(_), TokenTree::Punct(arrow), ..] => arrow.as_char() == '=',
            _ => false,
        },
        "spawn" | "spawn_blocking" | "spawn_local" | "block_on" => {
            first.is_some_and(|first| !matches!(first, TokenTree::Literal(_)))
        }
        "random" => first.is_none(),
        _ => true,
    }
}

/// Whether a method without arguments asks the machine, if it is the one that everybody knows.
pub(super) fn method(name: &str) -> Option<Cause> {
    METHODS
        .iter()
        .find(|(method, _)| *method == name)
        .map(|(_, cause)| *cause)
}

/// Whether a macro makes a text of what is in it.
pub(super) fn is_text(segments: &[String]) -> bool {
    TEXTS.contains(&segments.join("::").as_str())
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
