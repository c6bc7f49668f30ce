//! Sixty ways in which workflow code can differ from its replay, or look as if it did.
//!
//! Above each stands what finds it: the macro, and what happens at run time without the macro. The
//! macros' own tests read this file as text; here it is compiled and run, outside of any
//! `#[workflow_methods]` block. Each sample makes a value, and the value decides what it asks for.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    hash::BuildHasher as _,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use steadfast::prelude::*;

use super::{
    changing_file, decide,
    elsewhere::{self, Clock as _},
    hashed, local, nanos, since_epoch,
};
use crate::harness::{Ctx, Stage, options};

static COUNTER: AtomicU64 = AtomicU64::new(0);
static LIST: Mutex<Vec<()>> = Mutex::new(Vec::new());
static FIRST: OnceLock<u128> = OnceLock::new();

/// compile time | later
pub(super) async fn instant_now(ctx: &mut Ctx) -> WorkflowResult<String> {
    let started = Instant::now();
    let value = nanos(started);
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn system_time_now(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = since_epoch(SystemTime::now());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn clock_by_its_whole_path(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = since_epoch(std::time::SystemTime::now());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn renamed_clock(ctx: &mut Ctx) -> WorkflowResult<String> {
    use std::time::SystemTime as Calendar;
    let value = since_epoch(Calendar::now());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn clock_as_a_function(ctx: &mut Ctx) -> WorkflowResult<String> {
    let now: fn() -> SystemTime = SystemTime::now;
    let value = since_epoch(now());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn elapsed_since_the_task(ctx: &mut Ctx) -> WorkflowResult<String> {
    let elapsed = ctx.now().elapsed();
    let value = elapsed.unwrap_or_else(|error| error.duration()).as_nanos();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn clock_in_a_format(ctx: &mut Ctx) -> WorkflowResult<String> {
    let text = format!("{:?}", Instant::now());
    let value = hashed(&text);
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn clock_in_a_closure(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = ctx.scope(async |_| since_epoch(SystemTime::now())).await;
    decide(ctx, value).await
}

/// - | later
pub(super) async fn clock_in_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = elsewhere::clock();
    decide(ctx, value).await
}

/// - | later
pub(super) async fn clock_behind_a_trait(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = elsewhere::Wall.nanos();
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_sleep(ctx: &mut Ctx) -> WorkflowResult<String> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_sleep_until(ctx: &mut Ctx) -> WorkflowResult<String> {
    tokio::time::sleep_until(tokio::time::Instant::now()).await;
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_timeout(ctx: &mut Ctx) -> WorkflowResult<String> {
    let waited = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
    let value = u128::from(waited.is_ok());
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_interval(ctx: &mut Ctx) -> WorkflowResult<String> {
    tokio::time::interval(Duration::from_millis(1)).tick().await;
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_sleep_in_select(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = select! {
        _ = ctx.sleep(Duration::from_secs(1)) => 0,
        () = tokio::time::sleep(Duration::from_millis(1)) => 1,
    };
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn thread_sleep(ctx: &mut Ctx) -> WorkflowResult<String> {
    std::thread::sleep(Duration::from_millis(1));
    let value = 0;
    decide(ctx, value).await
}

/// - | same task
pub(super) async fn sleep_in_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    elsewhere::sleep().await;
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_spawn_awaited(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = tokio::spawn(async { 1 }).await?;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_spawn_left_alone(ctx: &mut Ctx) -> WorkflowResult<String> {
    drop(tokio::spawn(async {}));
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_spawn_blocking(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = tokio::task::spawn_blocking(|| 1).await?;
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn tokio_yield_now(ctx: &mut Ctx) -> WorkflowResult<String> {
    tokio::task::yield_now().await;
    let value = 0;
    decide(ctx, value).await
}

/// compile time | same task
pub(super) async fn tokio_join_set(ctx: &mut Ctx) -> WorkflowResult<String> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async { 1 });
    let value = tasks.join_all().await.iter().sum();
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn thread_joined(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = std::thread::spawn(|| 1).join().unwrap_or_default();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn name_of_the_thread(ctx: &mut Ctx) -> WorkflowResult<String> {
    let name = std::thread::current().name().map(str::to_owned);
    let value = u128::from(name.is_some_and(|name| name.starts_with("steadfast")));
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn race_of_threads(ctx: &mut Ctx) -> WorkflowResult<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..64_u128 {
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(number));
    }
    drop(sender);
    let value = hashed(&receiver.iter().collect::<Vec<_>>());
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn available_parallelism(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = hashed(&std::thread::available_parallelism().ok());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn tokio_select_of_two_that_are_ready(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = tokio::select! {
        value = std::future::ready(0) => value,
        value = std::future::ready(1) => value,
    };
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn tokio_select_of_operations(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = tokio::select! {
        done = ctx.start_local_activity(Stage::quick, "a".to_owned(), local()) => done.map_or(2, |_| 0),
        done = ctx.start_activity(Stage::quick, "b".to_owned(), options()) => done.map_or(2, |_| 1),
    };
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn oneshot_from_a_thread(ctx: &mut Ctx) -> WorkflowResult<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        sender.send(1)
    });
    let value = receiver.await?;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn oneshot_within_the_workflow(ctx: &mut Ctx) -> WorkflowResult<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = ctx.spawn(async move |_| sender.send(1).is_ok());
    let value = receiver.await?;
    task.await;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn mpsc_that_blocks_until_a_thread_sends(ctx: &mut Ctx) -> WorkflowResult<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(1));
    let value = receiver.recv()?;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn notify_that_nobody_notifies(ctx: &mut Ctx) -> WorkflowResult<String> {
    tokio::sync::Notify::new().notified().await;
    let value = 0;
    decide(ctx, value).await
}

/// - | later
pub(super) async fn mailbox_of_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    elsewhere::SHARED.send(1);
    let value = elsewhere::SHARED.received();
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn tokio_mutex_of_its_own(ctx: &mut Ctx) -> WorkflowResult<String> {
    let lock = tokio::sync::Mutex::new(1);
    let value = *lock.lock().await;
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn static_counter(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = COUNTER.fetch_add(1, Ordering::Relaxed).into();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn static_list(ctx: &mut Ctx) -> WorkflowResult<String> {
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    list.push(());
    let value = list.len() as u128;
    drop(list);
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn static_inside_the_function(ctx: &mut Ctx) -> WorkflowResult<String> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let value = CALLS.fetch_add(1, Ordering::Relaxed).into();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn thread_local_counter(ctx: &mut Ctx) -> WorkflowResult<String> {
    thread_local! {
        static CALLS: Cell<u64> = const { Cell::new(0) };
    }
    let value = CALLS.replace(CALLS.get() + 1).into();
    decide(ctx, value).await
}

/// - | later
pub(super) async fn counter_in_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = elsewhere::count();
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn once_lock(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = *FIRST.get_or_init(|| 1);
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn random_state(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = std::hash::RandomState::new().hash_one(5).into();
    decide(ctx, value).await
}

/// - | later
pub(super) async fn random_in_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = elsewhere::random();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn address_of_a_box(ctx: &mut Ctx) -> WorkflowResult<String> {
    let kept: &'static [u8; 40] = Box::leak(Box::new([0; 40]));
    let value = (kept.as_ptr().addr() / 16) as u128;
    decide(ctx, value).await
}

/// - | never
pub(super) async fn side_effect_that_is_recorded(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = ctx
        .side_effect(|| std::hash::RandomState::new().hash_one(5))?
        .into();
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn environment_variable(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = hashed(&std::env::var("STEADFAST_SAMPLE").ok());
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn arguments(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = std::env::args().count() as u128;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn current_folder(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = hashed(&std::env::current_dir().ok());
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn process_id(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = std::process::id().into();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn file_that_changes(ctx: &mut Ctx) -> WorkflowResult<String> {
    let path = changing_file();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, format!("{text}."))?;
    let value = text.len() as u128;
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn age_of_a_file(ctx: &mut Ctx) -> WorkflowResult<String> {
    let path = std::env::temp_dir();
    let modified = std::fs::metadata(path)?.accessed()?;
    let value = modified.elapsed().unwrap_or_default().as_nanos();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn port_from_the_system(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port()
        .into();
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn refused_connection(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = u128::from(std::net::TcpStream::connect("127.0.0.1:1").is_ok());
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn command(ctx: &mut Ctx) -> WorkflowResult<String> {
    let output = std::process::Command::new("date").arg("+%N").output()?;
    let value = hashed(&output.stdout);
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn map_in_a_for_loop(ctx: &mut Ctx) -> WorkflowResult<String> {
    let rates: HashMap<u32, u128> = (0..8).map(|rate| (rate, rate.into())).collect();
    let mut value = 0;
    for (_, rate) in &rates {
        value = value * 3 + rate;
    }
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn first_key_of_a_map(ctx: &mut Ctx) -> WorkflowResult<String> {
    let rates = HashMap::from([(1, ()), (2, ()), (3, ()), (4, ())]);
    let value = rates.keys().next().copied().unwrap_or_default();
    decide(ctx, value).await
}

/// compile time | later
pub(super) async fn set_collected_into_a_list(ctx: &mut Ctx) -> WorkflowResult<String> {
    let seen: HashSet<u128> = (0..8).collect();
    let value = hashed(&seen.iter().collect::<Vec<_>>());
    decide(ctx, value).await
}

/// - | later
pub(super) async fn map_printed_as_a_text(ctx: &mut Ctx) -> WorkflowResult<String> {
    let rates: HashMap<u32, u32> = (0..8).map(|rate| (rate, rate)).collect();
    let value = hashed(&format!("{rates:?}"));
    decide(ctx, value).await
}

/// - | later
pub(super) async fn map_from_another_module(ctx: &mut Ctx) -> WorkflowResult<String> {
    let value = elsewhere::rates()
        .into_values()
        .fold(0, |all, rate| all * 3 + rate);
    decide(ctx, value).await
}

/// - | never
pub(super) async fn map_that_is_only_looked_up(ctx: &mut Ctx) -> WorkflowResult<String> {
    let rates = HashMap::from([(1, 1_u128), (2, 2)]);
    let value = rates[&2] + rates.len() as u128;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn println(ctx: &mut Ctx) -> WorkflowResult<String> {
    println!("started");
    let value = 0;
    decide(ctx, value).await
}

/// compile time | never
pub(super) async fn eprintln(ctx: &mut Ctx) -> WorkflowResult<String> {
    eprintln!("started");
    let value = 0;
    decide(ctx, value).await
}

/// - | never
pub(super) async fn log_that_knows_replay(ctx: &mut Ctx) -> WorkflowResult<String> {
    if !ctx.is_replaying() {
        tracing::info!("started");
    }
    let value = 0;
    decide(ctx, value).await
}
