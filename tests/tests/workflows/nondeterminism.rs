//! How far nondeterminism gets: of sixty samples, which the macro finds, and what happens to each
//! when nothing looks at the code.
//!
//! "Same task" is a workflow task that fails when the code first runs; "later" is one that fails when
//! the next signal comes, or a replay of the recorded history that disagrees with it, within
//! [`REPLAYS`] tries; "never" is neither.

mod elsewhere;
#[expect(
    clippy::await_holding_lock,
    clippy::for_kv_map,
    clippy::iter_over_hash_type,
    clippy::print_stderr,
    clippy::print_stdout,
    unused_qualifications,
    reason = "the samples show what not to write"
)]
mod samples;

use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher as _},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use steadfast::{
    core::event::{EventKind, ExecutionStatus},
    prelude::*,
    testing::Replayer,
};
use tokio::test;

use crate::harness::{Ctx, Script, Stage, World, define, many, once, options};

/// What a replay that takes one of three ways by chance passes by chance once in ten million times.
const REPLAYS: usize = 40;

/// How often a workflow is looked at before it counts as one that waits for ever.
const PAUSES: usize = 200;

/// How many samples there are.
const SAMPLES: usize = 62;

/// What a sample does with its value: one of three things that histories tell apart.
async fn decide(ctx: &Ctx, value: u128) -> WorkflowResult<String> {
    match value % 3 {
        0 => {
            ctx.start_activity(Stage::quick, "one".to_owned(), options())
                .await?;
        }
        1 => {
            ctx.start_local_activity(Stage::quick, "two".to_owned(), local())
                .await?;
        }
        _ => {
            ctx.upsert_memo("three", &3)?;
        }
    }
    Ok(String::new())
}

fn local() -> LocalActivityOptions {
    LocalActivityOptions::start_to_close_timeout(Duration::from_secs(10))
}

fn hashed(value: &impl Hash) -> u128 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish().into()
}

fn nanos(since: Instant) -> u128 {
    hashed(&since)
}

fn since_epoch(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() / 100)
}

/// A file that every call of a sample changes.
fn changing_file() -> PathBuf {
    std::env::temp_dir().join(format!("steadfast-sample-{}", std::process::id()))
}

/// What happens to code that nobody looks at.
async fn outcome(
    world: &World,
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) -> &'static str {
    let flow = world.start_named(&define(body)).await;
    // Of what waits for something outside nothing is seen before the next task.
    for pause in 0..PAUSES {
        if pause == PAUSES / 2 {
            flow.say("wake").await;
        }
        let history = flow.handle.history().await.unwrap();
        let has_failed = history
            .events
            .iter()
            .any(|event| matches!(event.kind, EventKind::WorkflowTaskFailed { .. }));
        if has_failed {
            flow.handle
                .terminate(WorkflowTerminateOptions::default())
                .await
                .unwrap();
            return if pause < PAUSES / 2 {
                "same task"
            } else {
                "later"
            };
        }
        if flow.status().await != ExecutionStatus::Running {
            let history = flow.handle.history().await.unwrap();
            let replayer = Replayer::new().register_workflow::<Script>();
            let differs = (0..REPLAYS).any(|_| replayer.replay(&history).is_err());
            return if differs { "later" } else { "never" };
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    flow.handle
        .terminate(WorkflowTerminateOptions::default())
        .await
        .unwrap();
    "never"
}

macro_rules! outcomes {
    ($world:expr; $($sample:ident)*) => {
        vec![$((stringify!($sample), outcome($world, samples::$sample).await)),*]
    };
}

/// The samples with what the file says about them: `(name, by the macro, at run time)`.
fn expected() -> Vec<(&'static str, &'static str, &'static str)> {
    let text = include_str!("nondeterminism/samples.rs");
    let mut expected = Vec::new();
    for (at, _) in text.match_indices("\n/// ") {
        let mut lines = text[at..].trim_start().lines();
        let found = lines.next().and_then(|line| line[4..].split_once(" | "));
        let name = lines
            .next()
            .and_then(|line| line.strip_prefix("pub(super) async fn "))
            .and_then(|rest| rest.split_once('('));
        if let (Some((by_macro, at_run_time)), Some((name, _))) = (found, name) {
            expected.push((name, by_macro, at_run_time));
        }
    }
    expected
}

#[test]
async fn what_nobody_looks_at_is_found_in_the_task_or_later_or_never() {
    once(many(), &async |world: &World| {
        world.work();
        let measured = outcomes! { world;
            instant_now
            system_time_now
            clock_by_its_whole_path
            renamed_clock
            clock_as_a_function
            elapsed_since_the_task
            clock_in_a_format
            clock_in_a_closure
            clock_in_another_module
            clock_behind_a_trait
            tokio_sleep
            tokio_sleep_until
            tokio_timeout
            tokio_interval
            tokio_sleep_in_select
            thread_sleep
            sleep_in_another_module
            tokio_spawn_awaited
            tokio_spawn_left_alone
            tokio_spawn_blocking
            tokio_yield_now
            tokio_join_set
            thread_joined
            name_of_the_thread
            race_of_threads
            available_parallelism
            tokio_select_of_two_that_are_ready
            tokio_select_of_operations
            oneshot_from_a_thread
            oneshot_within_the_workflow
            mpsc_that_blocks_until_a_thread_sends
            notify_that_nobody_notifies
            mailbox_of_another_module
            tokio_mutex_of_its_own
            static_counter
            static_list
            static_inside_the_function
            thread_local_counter
            counter_in_another_module
            once_lock
            random_state
            random_in_another_module
            address_of_a_box
            side_effect_that_is_recorded
            environment_variable
            arguments
            current_folder
            process_id
            file_that_changes
            age_of_a_file
            port_from_the_system
            refused_connection
            command
            map_in_a_for_loop
            first_key_of_a_map
            set_collected_into_a_list
            map_printed_as_a_text
            map_from_another_module
            map_that_is_only_looked_up
            println
            eprintln
            log_that_knows_replay
        };
        let said: Vec<(&str, &str)> = expected()
            .into_iter()
            .map(|(name, _, at_run_time)| (name, at_run_time))
            .collect();
        assert_eq!(measured, said);
    })
    .await;
    std::fs::remove_file(changing_file()).unwrap();
}

/// The table in the guide is that of the samples.
#[test]
async fn the_guide_tells_the_same() {
    let samples = expected();
    assert_eq!(samples.len(), SAMPLES);
    let guide = include_str!("../../../sdk/docs/determinism.md");
    let mut table = String::from(
        "| at run time, without the macro | samples | the macro finds |\n| --- | ---: | ---: |\n",
    );
    let mut row = |name: &str, counts: &dyn Fn(&str) -> bool| {
        let of_row = samples.iter().filter(|(.., run)| counts(run));
        let all = of_row.clone().count();
        let found = of_row.filter(|(_, by, _)| *by == "compile time").count();
        writeln!(table, "| {name} | {all} | {found} |").unwrap();
    };
    for outcome in ["same task", "later", "never"] {
        row(outcome, &|run| run == outcome);
    }
    row("all", &|_| true);
    assert!(guide.contains(&table), "the guide needs\n{table}");
}

/// The guide shows the file that it ships.
#[test]
async fn the_guide_shows_the_clippy_file() {
    let guide = include_str!("../../../sdk/docs/determinism.md");
    let file = include_str!("../../../sdk/docs/clippy.toml");
    assert!(guide.contains(&format!("```toml\n{file}```")));
}
