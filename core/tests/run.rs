//! What a run promises beyond its commands: time, and that it does not grow.

mod support;

use std::{cell::Cell, rc::Rc, time::Duration};

use steadfast_core::{
    activation::Job,
    command::Command,
    history::builder::{HistoryBuilder, id},
    ids::EventId,
    limit::PayloadLimit,
    payload::{Payload, UserMetadata},
    run::Run,
    scope::ScopeId,
    time::Timestamp,
};
use support::{Interpreter, Program, script};

#[test]
fn the_time_is_that_of_the_workflow_task_and_never_goes_back() {
    let mut builder = HistoryBuilder::new("order");
    let mut run = Run::new(builder.history().execution.clone(), id("order"));
    let mut times = Vec::new();
    for hours in [0, 1, 2] {
        builder.advance(Duration::from_secs(3_600 * hours));
        builder.task_scheduled();
        builder.task_started();
        let mut events = builder.events().to_vec();
        if hours == 2 {
            // The clock of another machine is behind.
            events.last_mut().unwrap().event_time = Timestamp::EPOCH;
        }
        run.handle_task(events, Vec::new()).unwrap();
        while run.poll_job().unwrap().is_some() {}
        times.push(run.now());
        run.take_commands();
        builder.task_completed();
    }
    let started = |event: usize| builder.events()[event].event_time;
    assert_eq!(times, [started(2), started(5), started(5)]);
}

#[test]
fn a_run_says_whether_it_replays() {
    let mut builder = HistoryBuilder::new("order");
    builder.task();
    let execution = builder.history().execution.clone();
    let mut run = Run::new(execution, id("order"));
    run.handle_task(builder.events().to_vec(), Vec::new())
        .unwrap();
    let mut replaying = Vec::new();
    while run.poll_job().unwrap().is_some() {
        replaying.push(run.is_replaying());
    }
    assert_eq!(replaying, [true, true]);
    assert_eq!(run.take_commands(), []);
    builder.signaled("hello", Vec::new());
    builder.task_scheduled();
    builder.task_started();
    run.handle_task(builder.events().to_vec(), Vec::new())
        .unwrap();
    assert!(run.poll_job().unwrap().is_some());
    assert!(!run.is_replaying());
    assert_eq!(run.history_length(), 7);
}

#[test]
fn a_run_that_saw_nothing_has_nothing_to_do() {
    let mut run = Run::new(HistoryBuilder::new("order").build().execution, id("order"));
    run.handle_task(Vec::new(), Vec::new()).unwrap();
    assert!(run.poll_job().unwrap().is_none());
    assert_eq!(run.take_commands(), []);
    assert!(run.poll_local_activity().is_none());
}

/// A run that comes to the first workflow task of a history and starts a timer with a summary.
fn with_timer(builder: &HistoryBuilder, limit: PayloadLimit, summary: &str) -> Run {
    let run = Run::new(builder.history().execution.clone(), id("order"));
    let mut run = run.with_payload_limit(limit);
    run.handle_task(builder.events().to_vec(), Vec::new())
        .expect("the history is one");
    while let Some(job) = run.poll_job().expect("the code fits the history") {
        if matches!(job, Job::StartWorkflow) {
            let words = UserMetadata::of(Some(Payload::json(summary.as_bytes())), None);
            run.start_timer(ScopeId::ROOT, Duration::from_secs(60), words);
        }
    }
    run
}

fn summary_of(command: &Command) -> Option<&[u8]> {
    let summary = command.user_metadata()?.summary.as_ref()?;
    Some(summary.data.as_slice())
}

#[test]
fn what_is_said_for_people_does_not_take_part_in_a_replay() {
    let mut builder = HistoryBuilder::new("order");
    builder.task_scheduled();
    builder.task_started();
    let mut commands = with_timer(&builder, PayloadLimit::default(), "\"tea\"").take_commands();
    assert_eq!(summary_of(&commands[0]), Some(&b"\"tea\""[..]));
    builder.task_completed();
    builder.record(commands.remove(0));
    builder.task_scheduled();
    builder.task_started();
    let mut run = with_timer(&builder, PayloadLimit::default(), "\"coffee\"");
    assert_eq!(run.take_commands(), []);
}

/// F8: words for people are not worth what they go with.
#[test]
fn what_is_said_for_people_is_left_out_where_it_is_too_large() {
    let mut builder = HistoryBuilder::new("order");
    builder.task_scheduled();
    builder.task_started();
    let commands = with_timer(&builder, PayloadLimit::new(100), &"x".repeat(200)).take_commands();
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].user_metadata(), None);
}

/// One of everything that starts and ends, cancelled or not.
const ROUND: &[&str] = &[
    "scope inner {",
    "a = activity charge",
    "b = activity refund",
    "t = timer 60s",
    "u = timer 60s",
    "i = internal",
    "l = local note",
    "m = local note wait",
    "c = child ship",
    "d = child bill try",
    "s = signal other ping",
    "x = cancel-external other",
    "await l",
    "await c",
    "cancel b",
    "cancel t",
    "cancel i",
    "cancel d",
    "patched fees {",
    "side-effect",
    "}",
    "}",
    "disconnected cleanup {",
    "e = activity tidy abandon",
    "wait-signal next",
    "cancel e",
    "}",
    "upsert key",
    "await a",
];

/// Plays the rounds of a program, and gives its history and what its run still holds.
fn play(rounds: usize) -> (Program, HistoryBuilder, String) {
    let mut lines: Vec<&str> = ROUND.repeat(rounds);
    lines.push("wait-signal end");
    let program = script::program(&lines);
    let mut builder = HistoryBuilder::new("order");
    let execution = builder.history().execution.clone();
    let mut interpreter = Interpreter::new(&program, &execution, Rc::new(Cell::new(0)));
    let mut delivered = 0;
    let mut asked: Vec<(EventId, Command)> = Vec::new();
    for task in 0.. {
        builder.task_scheduled();
        builder.task_started();
        interpreter
            .handle_task(&builder.events()[delivered..], Vec::new())
            .expect("the round is valid");
        delivered = builder.events().len();
        loop {
            let running = interpreter.poll_local_activities();
            if running.is_empty() {
                break;
            }
            for (operation, _) in running {
                interpreter
                    .local_ended(operation, Ok(None))
                    .expect("the round is valid");
            }
        }
        let commands = interpreter.take_commands();
        builder.task_completed();
        let quiet = commands.is_empty() && asked.is_empty();
        for command in commands {
            let event_id = builder.record(command.clone()).expect("the round is valid");
            if let Command::CancelTimer { timer_id } = &command {
                asked.retain(|(_, asked)| {
                    !matches!(asked, Command::StartTimer { timer_id: id, .. } if id == timer_id)
                });
            }
            asked.push((event_id, command));
        }
        if quiet && task > 4 * rounds {
            break;
        }
        for (event_id, command) in std::mem::take(&mut asked) {
            match &command {
                Command::ScheduleActivityTask(_) => {
                    builder.activity_completed(event_id, None);
                }
                Command::StartTimer { .. } => {
                    builder.timer_fired(event_id);
                }
                Command::StartChildWorkflowExecution(_) => {
                    builder.child_started(event_id);
                    builder.child_completed(event_id, None);
                }
                Command::SignalExternalWorkflowExecution(_)
                | Command::RequestCancelExternalWorkflowExecution(_) => {
                    builder.external_delivered(event_id);
                }
                _ => {}
            }
        }
        builder.signaled("next", Vec::new());
    }
    interpreter.take_stopped();
    let held = interpreter.look(|run| format!("{run:#?}"));
    (program, builder, held)
}

#[test]
fn a_run_does_not_grow_with_what_it_has_done() {
    let (program, builder, _) = play(60);
    let lines = |text: &str| text.lines().count();
    let (_, _, few) = play(5);
    let (_, many_events, many) = play(60);
    assert!(
        many_events.events().len() > 1_500,
        "{}",
        many_events.events().len()
    );
    assert_eq!(lines(&few), lines(&many), "in life\n{many}");

    let execution = &builder.history().execution;
    let mut second = Interpreter::new(&program, execution, Rc::new(Cell::new(0)));
    second.handle_task(builder.events(), Vec::new()).unwrap();
    second.take_stopped();
    assert_eq!(second.look(Run::open_operations), 0);
    assert_eq!(second.look(|run| run.scopes().len()), 1);
    let replayed = second.look(|run| format!("{run:#?}"));
    // The live run has answered and waits to see its answer in history; otherwise they are alike.
    assert!(
        lines(&replayed) <= lines(&many) + 2,
        "in replay\n{replayed}"
    );
}
