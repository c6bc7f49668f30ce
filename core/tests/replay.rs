//! Replay cases as data: `replay/*.txt`. `UPDATE_EXPECT=1 cargo test` writes what is expected anew.
//!
//! A file has cases, each with a title (`=== ..`) and three parts:
//!
//! * `code` is the workflow, in the language of `support/script.rs`.
//! * `history` is what the engine recorded, event by event. `task` is a workflow task that was
//!   answered. An activity or child is then known by its type, a timer as `timer-1`, anything by the
//!   label before a colon. `live` gives all events to the run and shows the commands of its answer;
//!   `answer` records that answer, so that the run goes on, and a second run has to replay it all to
//!   the same end. What happens outside history (`local-ended ..`, `update ..`) is a line too.
//! * `expect` is what workflow code saw, what the run asks for, and errors.

mod support;

use std::{cell::Cell, collections::BTreeMap, path::Path, rc::Rc};

use expect_test::expect_file;
use steadfast_core::{
    activation::OperationId,
    command::{Command, ContinueAsNewWorkflowExecution, RecordMarker},
    error::RunError,
    event::{EventKind, ExternalFailedCause, HistoryEvent, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    history::builder::{
        HistoryBuilder, cancel_external, id, schedule_activity, signal_external, start_child,
        start_timer,
    },
    ids::EventId,
    payload::{Payload, PayloadMap},
    run::{MARKER_LOCAL_ACTIVITY, MARKER_PATCH, MARKER_SIDE_EFFECT},
    task::Update,
};
use support::{Interpreter, Program, script};

#[test]
fn replay_cases_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has cases", folder.display());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        expect_file![&path].assert_eq(&bless(&text));
    }
}

/// The same file with what its cases really do.
fn bless(text: &str) -> String {
    let mut parts = text.split("=== ");
    let mut blessed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let input = match part.split_once("\nexpect\n") {
            Some((input, _)) => input,
            None => part.trim_end(),
        };
        let (title, body) = input.split_once('\n').unwrap_or((input, ""));
        let outcome = Case::new(title, body).run();
        blessed += &format!("=== {input}\nexpect\n{outcome}\n");
    }
    format!("{}\n", blessed.trim_end())
}

struct Case<'a> {
    title: &'a str,
    lines: Vec<&'a str>,
    program: Program,
    builder: HistoryBuilder,
    labels: BTreeMap<String, EventId>,
    counts: BTreeMap<&'static str, u64>,
    made: Rc<Cell<u64>>,
    interpreter: Interpreter,
    /// How many events the run was given.
    delivered: usize,
    updates: Vec<Update>,
    local: BTreeMap<String, OperationId>,
    /// The live task's commands, once they were taken.
    commands: Option<Vec<Command>>,
    live: bool,
    seen: Vec<String>,
    output: String,
}

impl<'a> Case<'a> {
    fn new(title: &'a str, body: &'a str) -> Self {
        let lines: Vec<&str> = body
            .lines()
            .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
            .collect();
        let code = lines
            .iter()
            .position(|line| *line == "code")
            .expect("a case has code");
        let history = lines
            .iter()
            .position(|line| *line == "history")
            .expect("and a history");
        let program = script::program(&lines[code + 1..history]);
        let builder = HistoryBuilder::new("order");
        let made = Rc::new(Cell::new(0));
        let interpreter =
            Interpreter::new(&program, &builder.history().execution, Rc::clone(&made));
        Self {
            title,
            lines: lines[history + 1..].to_vec(),
            program,
            builder,
            labels: BTreeMap::new(),
            counts: BTreeMap::new(),
            made,
            interpreter,
            delivered: 0,
            updates: Vec::new(),
            local: BTreeMap::new(),
            commands: None,
            live: false,
            seen: Vec::new(),
            output: String::new(),
        }
    }

    fn run(mut self) -> String {
        for line in std::mem::take(&mut self.lines) {
            self.step(line.trim());
        }
        if self.live {
            self.show_commands();
        } else if self.delivered < self.builder.events().len() {
            self.deliver();
        }
        self.output
    }

    fn step(&mut self, line: &str) {
        let (label, line) = match line.split_once(": ") {
            Some((label, rest)) if !label.contains(['"', ' ']) => (Some(label), rest),
            _ => (None, line),
        };
        let words = script::words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["live"] => {
                self.builder.task_scheduled();
                self.builder.task_started();
                self.live = true;
                self.commands = None;
                self.deliver();
            }
            ["give"] => self.deliver(),
            ["answer"] => self.answer(),
            ["take"] => self.show_commands(),
            ["update", update_id, name] => self.updates.push(Update {
                update_id: id(update_id),
                name: id(name),
                input: Vec::new(),
                header: PayloadMap::new(),
                identity: None,
            }),
            ["local-ended", name, outcome @ ..] => {
                let operation = self.local.remove(*name).expect("it runs");
                let outcome = match outcome {
                    ["failed", message] => Err(Failure::application(*message, "Local")),
                    ["cancelled"] => Err(Failure::cancelled("cancelled")),
                    outcome => Ok(payload(outcome)),
                };
                let result = self.interpreter.local_ended(operation, outcome);
                self.show(&format!("local activity {name} ended"), result);
            }
            ["skip", count] => {
                // Events that nobody gives to the run.
                self.delivered += count.parse::<usize>().expect("a number of events");
            }
            _ => {
                let event_id = self.event(&words).unwrap_or_else(|| {
                    panic!("{}: no line of a history: `{line}`", self.title);
                });
                if let Some(label) = label {
                    self.labels.insert(label.to_owned(), event_id);
                }
            }
        }
    }

    fn count(&mut self, kind: &'static str) -> u64 {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        *count
    }

    fn label(&self, name: &str) -> EventId {
        if let Some(number) = name.strip_prefix('@') {
            return EventId(number.parse().expect("an event id"));
        }
        *self
            .labels
            .get(name)
            .unwrap_or_else(|| panic!("{}: no label `{name}`", self.title))
    }

    /// Records an event, and under which label it is known.
    fn event(&mut self, words: &[&str]) -> Option<EventId> {
        let not_found = ExternalFailedCause::ExternalWorkflowExecutionNotFound;
        if let Some(command) = self.command(words) {
            return Some(self.record(command));
        }
        if let [verb, name, rest @ ..] = words {
            if let Some(what) = verb.strip_prefix("activity-") {
                let of = self.label(name);
                return Some(match what {
                    "started" => self.builder.activity_started(of),
                    "completed" => self.builder.activity_completed(of, payload(rest)),
                    "failed" => self.builder.activity_failed(of, application(rest)),
                    "timed-out" => self.builder.activity_timed_out(of, TimeoutType::Heartbeat),
                    "canceled" => self.builder.activity_canceled(of),
                    _ => return None,
                });
            }
            if let Some(what) = verb.strip_prefix("child-") {
                let of = self.label(name);
                return Some(match what {
                    "started" => self.builder.child_started(of),
                    "start-failed" => self
                        .builder
                        .child_start_failed(of, ExternalFailedCause::WorkflowAlreadyExists),
                    "completed" => self.builder.child_completed(of, payload(rest)),
                    "failed" => self.builder.child_failed(of, application(rest)),
                    "canceled" => self.builder.child_canceled(of),
                    "timed-out" => self.builder.child_timed_out(of),
                    "terminated" => self.builder.child_terminated(of),
                    _ => return None,
                });
            }
        }
        let builder = &mut self.builder;
        Some(match words {
            ["task"] => builder.task(),
            ["task-scheduled"] => builder.task_scheduled(),
            ["task-started"] => builder.task_started(),
            ["task-completed"] => builder.task_completed(),
            ["task-failed"] => {
                builder.task_failed(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure)
            }
            ["task-failed", "unhandled-command"] => {
                builder.task_failed(WorkflowTaskFailedCause::UnhandledCommand)
            }
            ["task-timed-out"] => builder.task_timed_out(),
            ["reset", run_id] => builder.reset(run_id),
            ["signaled", name] => builder.signaled(name, Vec::new()),
            ["cancel-requested", reason] => builder.cancel_requested(reason),
            ["terminated", reason] => builder.terminated(reason),
            ["update-admitted", update_id, name] => builder.update_admitted(update_id, name),
            ["timer-fired", name] => {
                let of = self.label(name);
                self.builder.timer_fired(of)
            }
            ["delivered", name] => {
                let of = self.label(name);
                self.builder.external_delivered(of)
            }
            ["undelivered", name] => {
                let of = self.label(name);
                self.builder.external_failed(of, not_found)
            }
            ["started-again"] => {
                let started = builder.events()[0].kind.clone();
                builder.push(started)
            }
            ["unknown", event_type] => builder.push(EventKind::Unknown {
                event_type: unescape(event_type),
                may_ignore: false,
            }),
            ["unknown", event_type, "may-ignore"] => builder.push(EventKind::Unknown {
                event_type: (*event_type).to_owned(),
                may_ignore: true,
            }),
            _ => return None,
        })
    }

    /// The command that an event of history answers.
    fn command(&mut self, words: &[&str]) -> Option<Command> {
        Some(match words {
            ["activity", name] => {
                schedule_activity(&self.count("activity").to_string(), &unescape(name))
            }
            ["activity", name, activity_id] => schedule_activity(activity_id, name),
            ["activity-cancel-requested", name] => Command::RequestCancelActivityTask {
                scheduled_event_id: self.label(name),
            },
            ["timer", duration] => start_timer(
                &self.count("timer").to_string(),
                script::duration_of(duration),
            ),
            ["timer", duration, timer_id] => start_timer(timer_id, script::duration_of(duration)),
            ["timer-canceled", timer_id] => Command::CancelTimer {
                timer_id: id(timer_id),
            },
            ["child", name] => {
                let workflow_id = format!("run-1_{}", self.count("child"));
                Command::StartChildWorkflowExecution(Box::new(start_child(&workflow_id, name)))
            }
            ["child", name, workflow_id] => {
                Command::StartChildWorkflowExecution(Box::new(start_child(workflow_id, name)))
            }
            ["signal", target, name] => {
                Command::SignalExternalWorkflowExecution(Box::new(signal_external(target, name)))
            }
            ["cancel-external", target] => Command::RequestCancelExternalWorkflowExecution(
                Box::new(cancel_external(target, "code")),
            ),
            ["local-marker", name, activity_id, outcome @ ..] => {
                let mut marker = marker(
                    MARKER_LOCAL_ACTIVITY,
                    &[("id", activity_id), ("type", name)],
                );
                match outcome {
                    ["failed", message] => {
                        marker.failure = Some(Failure::application(*message, "Local"));
                    }
                    ["cancelled"] => marker.failure = Some(Failure::cancelled("cancelled")),
                    outcome => {
                        if let Some(result) = payload(outcome) {
                            marker.details.insert("result".to_owned(), vec![result]);
                        }
                    }
                }
                // It shares its numbers with the other activities.
                self.count("activity");
                Command::RecordMarker(Box::new(marker))
            }
            ["patch-marker", name] => {
                Command::RecordMarker(Box::new(marker(MARKER_PATCH, &[("id", name)])))
            }
            ["patch-marker", name, "deprecated"] => Command::RecordMarker(Box::new(marker(
                MARKER_PATCH,
                &[("id", name), ("deprecated", "true")],
            ))),
            ["side-effect-marker", value] => {
                let mut marker = marker(MARKER_SIDE_EFFECT, &[]);
                marker
                    .details
                    .insert("value".to_owned(), payload(&[value]).into_iter().collect());
                Command::RecordMarker(Box::new(marker))
            }
            ["upsert", key] => Command::UpsertWorkflowSearchAttributes {
                search_attributes: PayloadMap::from([((*key).to_owned(), Payload::null())]),
            },
            ["memo", key] => Command::ModifyWorkflowProperties {
                upserted_memo: PayloadMap::from([((*key).to_owned(), Payload::null())]),
            },
            ["update-accepted", update_id, name] => Command::AcceptUpdate {
                update_id: id(update_id),
                name: id(name),
                input: Vec::new(),
            },
            ["update-completed", update_id] => Command::CompleteUpdate {
                update_id: id(update_id),
                outcome: Ok(Payload::json(&b"\"updated\""[..])),
            },
            ["completed"] => Command::CompleteWorkflowExecution { result: None },
            ["failed"] => Command::FailWorkflowExecution {
                failure: Box::new(application(&["failed"])),
            },
            ["canceled"] => Command::CancelWorkflowExecution {
                details: Vec::new(),
            },
            ["continued-as-new", next] => {
                Command::ContinueAsNewWorkflowExecution(Box::new(ContinueAsNewWorkflowExecution {
                    workflow_type: id(next),
                    task_queue: id("main"),
                    input: Vec::new(),
                    header: PayloadMap::new(),
                    timeouts: Default::default(),
                    retry_policy: None,
                    memo: None,
                    search_attributes: None,
                }))
            }
            _ => return None,
        })
    }

    fn record(&mut self, command: Command) -> EventId {
        let label = match &command {
            Command::ScheduleActivityTask(activity) => activity.activity_type.to_string(),
            Command::StartTimer { timer_id, .. } => format!("timer-{timer_id}"),
            Command::StartChildWorkflowExecution(child) => child.workflow_type.to_string(),
            Command::SignalExternalWorkflowExecution(signal) => signal.signal_name.to_string(),
            Command::RequestCancelExternalWorkflowExecution(cancel) => {
                format!("cancel-{}", cancel.workflow_id)
            }
            _ => String::new(),
        };
        let event_id = self.builder.record(command).unwrap_or_default();
        self.labels.insert(label, event_id);
        event_id
    }

    /// Gives the run what it has not seen.
    fn deliver(&mut self) {
        let first = self.delivered;
        let events: Vec<HistoryEvent> = self.builder.events()[first..].to_vec();
        self.delivered = self.builder.events().len();
        let updates = std::mem::take(&mut self.updates);
        let title = match events.len() {
            0 => "no events".to_owned(),
            _ => format!("events {}-{}", first + 1, self.delivered),
        };
        let result = self.interpreter.handle_task(&events, updates);
        self.show(&title, result);
    }

    fn show(&mut self, title: &str, result: Result<(), RunError>) {
        self.print(&format!("  {title}"));
        for line in self.interpreter.take_trace() {
            self.print(&format!("    {line}"));
            self.seen.push(line);
        }
        for name in self.interpreter.take_stopped() {
            self.print(&format!("    (stop local activity {name})"));
        }
        for (operation, name) in self.interpreter.poll_local_activities() {
            self.print(&format!("    (run local activity {name})"));
            self.local.insert(name, operation);
        }
        if let Err(error) = result {
            for line in error.to_string().lines() {
                self.print(&format!("    ! {line}"));
            }
        }
    }

    fn print(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }

    fn show_commands(&mut self) {
        let commands = self.interpreter.take_commands();
        for command in &commands {
            self.print(&format!("    > {}", script::show_command(command)));
        }
        if commands.is_empty() {
            self.print("    > nothing");
        }
        self.commands = Some(commands);
        self.live = false;
    }

    /// Records the answer to the live task, and checks that a second run gets there by replay.
    fn answer(&mut self) {
        if self.commands.is_none() {
            self.show_commands();
        }
        let commands = self.commands.take().unwrap_or_default();
        self.builder.task_completed();
        for command in commands {
            match &command {
                Command::ScheduleActivityTask(_) => {
                    self.count("activity");
                }
                Command::StartTimer { .. } => {
                    self.count("timer");
                }
                Command::StartChildWorkflowExecution(_) => {
                    self.count("child");
                }
                _ => {}
            }
            self.record(command);
        }
        self.live = false;
        let mut second = Interpreter::new(
            &self.program,
            &self.builder.history().execution,
            Rc::clone(&self.made),
        );
        let result = second.handle_task(self.builder.events(), Vec::new());
        let visible = |lines: &[String]| -> Vec<String> {
            lines
                .iter()
                .filter(|line| !line.starts_with("update "))
                .cloned()
                .collect()
        };
        let again = visible(&second.take_trace());
        assert!(
            result.is_ok() && again == visible(&self.seen),
            "{}: the replay differs: {result:?}\n{again:#?}\n{:#?}\n{}",
            self.title,
            self.seen,
            self.builder
        );
    }
}

fn marker(name: &str, details: &[(&str, &str)]) -> RecordMarker {
    RecordMarker {
        marker_name: name.to_owned(),
        details: details
            .iter()
            .map(|(key, value)| ((*key).to_owned(), vec![Payload::binary(value.as_bytes())]))
            .collect(),
        failure: None,
        user_metadata: None,
    }
}

fn payload(words: &[&str]) -> Option<Payload> {
    match words {
        [] => None,
        [text] => Some(Payload::json(text.as_bytes())),
        _ => panic!("one value at most: {words:?}"),
    }
}

fn application(words: &[&str]) -> Failure {
    Failure::application(words.first().copied().unwrap_or("it failed"), "Test")
}

/// `\n` in a name is a real line break, as a forger would have it.
fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}
