//! Reads programs as text, and writes what happened as text.

use std::time::Duration;

use steadfast_core::{
    activation::Resolution,
    command::Command,
    options::{ActivityCancellationType, ChildWorkflowCancellationType},
    payload::Payload,
    scope::ScopeKind,
};

use super::{Ending, Program, Start, Statement};

/// Splits a line into words; a text in double quotes is one word.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a quote is closed"),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// Reads the lines of a workflow's code.
pub(crate) fn program(lines: &[&str]) -> Program {
    let mut lines = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .peekable();
    let mut program = Program::default();
    while let Some(line) = lines.peek() {
        let words = words(line);
        match words
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["on", "signal", name, "{"] => {
                lines.next();
                program
                    .signals
                    .insert((*name).to_owned(), block(&mut lines).0);
            }
            ["on", "update", name, "{"] => {
                lines.next();
                program
                    .updates
                    .insert((*name).to_owned(), block(&mut lines).0);
            }
            _ => {
                let line = lines.next().expect("it was there");
                program.main.push(statement(line, &mut lines));
            }
        }
    }
    program
}

/// The statements up to the closing brace, and whether `else` follows.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> (Vec<Statement>, bool) {
    let mut body = Vec::new();
    loop {
        match lines.next().expect("a block is closed") {
            "}" => return (body, false),
            "} else {" => return (body, true),
            line => {
                let statement = statement(line, lines);
                body.push(statement);
            }
        }
    }
}

fn statement<'a>(line: &str, lines: &mut impl Iterator<Item = &'a str>) -> Statement {
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = |word: &str| word.to_owned();
    match words.as_slice() {
        [name, "=", what @ ..] => Statement::Start(text(name), start(what)),
        ["await", name] => Statement::Await(text(name)),
        ["cancel", name] => Statement::Cancel(text(name)),
        ["detach", name] => Statement::Detach(text(name)),
        ["cancelled"] => Statement::Cancelled,
        ["is-cancelled"] => Statement::IsCancelled,
        ["select", names @ ..] => Statement::Select(names.iter().copied().map(text).collect()),
        ["scope", name, "{"] => Statement::Scope(text(name), ScopeKind::Connected, block(lines).0),
        ["disconnected", name, "{"] => {
            Statement::Scope(text(name), ScopeKind::Disconnected, block(lines).0)
        }
        ["cancel-scope", name, reason] => Statement::CancelScope(text(name), text(reason)),
        ["spawn", "{"] => Statement::Spawn(block(lines).0),
        ["wait-signal", name] => Statement::WaitSignal(text(name)),
        ["patched", name, "{"] => {
            let (new, has_old) = block(lines);
            let old = if has_old { block(lines).0 } else { Vec::new() };
            Statement::Patched(text(name), new, old)
        }
        ["deprecate", name] => Statement::Deprecate(text(name)),
        ["side-effect"] => Statement::SideEffect,
        ["random"] => Statement::Random,
        ["upsert", key] => Statement::Upsert(text(key)),
        ["memo", key] => Statement::Memo(text(key)),
        ["reject"] => Statement::Reject,
        ["log", message] => Statement::Log(text(message)),
        ["complete"] => Statement::End(Ending::Complete),
        ["fail"] => Statement::End(Ending::Fail),
        ["end-cancelled"] => Statement::End(Ending::Cancel),
        ["continue-as-new", next] => Statement::End(Ending::ContinueAsNew(text(next))),
        ["return"] => Statement::End(Ending::Return),
        _ => panic!("no statement: `{line}`"),
    }
}

fn start(what: &[&str]) -> Start {
    match what {
        ["activity", name, rest @ ..] => Start::Activity((*name).to_owned(), activity_type(rest)),
        ["local", name, rest @ ..] => Start::Local((*name).to_owned(), activity_type(rest)),
        ["timer", duration] => Start::Timer(duration_of(duration)),
        ["child", name, rest @ ..] => Start::Child(
            (*name).to_owned(),
            match rest {
                [] | ["completed"] => ChildWorkflowCancellationType::WaitCancellationCompleted,
                ["requested"] => ChildWorkflowCancellationType::WaitCancellationRequested,
                ["try"] => ChildWorkflowCancellationType::TryCancel,
                ["abandon"] => ChildWorkflowCancellationType::Abandon,
                _ => panic!("no cancellation type: {rest:?}"),
            },
        ),
        ["signal", target, name] => Start::Signal((*target).to_owned(), (*name).to_owned()),
        ["cancel-external", target] => Start::CancelExternal((*target).to_owned()),
        ["internal"] => Start::Internal,
        _ => panic!("no operation: {what:?}"),
    }
}

fn activity_type(rest: &[&str]) -> ActivityCancellationType {
    match rest {
        [] | ["try"] => ActivityCancellationType::TryCancel,
        ["wait"] => ActivityCancellationType::WaitCancellationCompleted,
        ["abandon"] => ActivityCancellationType::Abandon,
        _ => panic!("no cancellation type: {rest:?}"),
    }
}

pub(crate) fn duration_of(text: &str) -> Duration {
    let seconds = text
        .strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or_else(|| panic!("no duration: `{text}`")))
}

pub(crate) fn show_payload(payload: &Payload) -> String {
    String::from_utf8_lossy(payload.data.as_slice()).into_owned()
}

pub(crate) fn show_resolution(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Completed(None) => "completed".to_owned(),
        Resolution::Completed(Some(payload)) => format!("completed {}", show_payload(payload)),
        Resolution::Failed {
            failure,
            reason: None,
            ..
        } => format!("failed ({failure})"),
        Resolution::Failed {
            failure,
            reason: Some(reason),
            ..
        } => {
            format!("failed ({failure}), reason `{reason}`")
        }
        Resolution::Cancelled { reason } => format!("cancelled, reason `{reason}`"),
        Resolution::ChildStarted(run_id) => format!("started {run_id}"),
    }
}

pub(crate) fn show_command(command: &Command) -> String {
    let text = command.to_string();
    match command {
        Command::RecordMarker(marker) => {
            let details: Vec<String> = marker
                .details
                .iter()
                // The id is in the command's own text.
                .filter(|(key, _)| *key != "id")
                .map(|(key, values)| {
                    let values: Vec<String> = values.iter().map(show_payload).collect();
                    format!("{key}={}", values.join(","))
                })
                .collect();
            let failure = marker
                .failure
                .as_ref()
                .map_or(String::new(), |failure| format!("  {failure}"));
            format!("{text}  {}{failure}", details.join("  "))
        }
        Command::RequestCancelExternalWorkflowExecution(cancel) => {
            format!("{text}  reason `{}`", cancel.reason)
        }
        Command::FailWorkflowExecution { failure } => format!("{text}  ({failure})"),
        Command::CompleteUpdate {
            outcome: Ok(result),
            ..
        } => {
            format!("{text}  {}", show_payload(result))
        }
        Command::CompleteUpdate {
            outcome: Err(failure),
            ..
        }
        | Command::RejectUpdate { failure, .. } => format!("{text}  ({failure})"),
        _ => text,
    }
}
