//! The little programs: what a workflow does, what its handlers do, and what clients do to it meanwhile.
//!
//! A program says the same to every interpreter. Its text is JSON; for people it is displayed as an indented
//! list. Everything that waits has a label, which names it in logs and histories.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a workflow does and what happens to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Program {
    /// What the run function does.
    pub(crate) steps: Vec<Step>,
    /// What the signal's handler does once it has noted the signal.
    pub(crate) on_signal: Vec<Step>,
    /// What the update's handler does once it has noted the update.
    pub(crate) on_update: Vec<Step>,
    /// What clients do before a worker runs: all of it is in the first workflow task.
    pub(crate) before: Vec<Move>,
    /// What clients do then, each once the workflow has come to rest.
    pub(crate) after: Vec<Move>,
}

/// The input of a run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Play {
    pub(crate) steps: Vec<Step>,
    pub(crate) on_signal: Vec<Step>,
    pub(crate) on_update: Vec<Step>,
    /// What the runs before this one noted.
    pub(crate) log: Vec<String>,
}

/// Something that a workflow does.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Notes something.
    Log(String),
    /// Runs an activity and notes how it ended.
    Activity(Act),
    /// Runs a local activity that keeps the workflow task open until a client lets it go: whatever
    /// arrives meanwhile is in the next workflow task.
    Gate(String),
    /// Waits.
    Sleep(Span),
    /// Waits until the run has had so many signals.
    WaitSignals(usize),
    /// Runs steps that no cancellation from above reaches.
    Shield(Vec<Self>),
    /// Runs steps that are cancelled after a time.
    Timeout(Span, Vec<Self>),
    /// Runs steps; what they end with is noted, and the error goes on or does not.
    Try {
        body: Vec<Self>,
        /// Runs in a shield if the body ended with an error.
        cleanup: Vec<Self>,
        /// Whether the error goes on.
        again: bool,
    },
    /// Runs steps until a request to cancel comes, which is taken: the steps are dropped, and what follows goes on.
    Listen(Vec<Self>),
    /// Accepts the cancellation of the scope it is in, if there is one: new operations start again.
    Accept,
    /// Runs all branches beside each other until all have ended.
    Join(Vec<Vec<Self>>),
    /// Runs all branches beside each other until one has ended; the others are dropped.
    Race(Vec<Vec<Self>>),
    /// Runs a child workflow.
    Child(Box<Kid>),
    /// Ends with an error of this type.
    Fail(String),
    /// Ends this run; the next one does this.
    ContinueAsNew(Vec<Self>),
}

/// How long something takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Span {
    /// So short that clients wait for its end.
    Short,
    /// So long that it never ends.
    Long,
}

/// An activity.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Act {
    pub(crate) label: String,
    pub(crate) what: What,
    pub(crate) local: bool,
    pub(crate) cancellation: Cancellation,
}

/// What an activity does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Succeeds.
    Succeeds,
    /// Fails, and is not tried again.
    Fails,
    /// Fails once and succeeds then.
    Recovers,
    /// Fails in both of its attempts.
    Exhausts,
    /// Takes longer than it may.
    TimesOut,
    /// Waits until a client lets it go, or ends in this way when it hears of its cancellation.
    Held(Hears),
}

/// How a held activity ends when it is cancelled.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hears {
    /// It does not listen.
    Nothing,
    /// As cancelled.
    AndStops,
    /// With a result.
    AndSucceeds,
    /// With a failure.
    AndFails,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cancellation {
    Try,
    Wait,
    Abandon,
}

/// A child workflow.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Kid {
    pub(crate) label: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) when_closed: WhenClosed,
    pub(crate) cancellation: Cancellation,
    /// Whether the parent waits for its end, or only for its start.
    pub(crate) awaited: bool,
}

/// What becomes of a child whose parent has closed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenClosed {
    Terminate,
    RequestCancel,
    Abandon,
}

/// Something that a client does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Move {
    Signal(u32),
    /// An update; the validator refuses those of number 0.
    Update(u32),
    Query,
    Cancel,
    /// Lets a held activity or a gate go, if it is held now.
    Release(String),
}

impl Program {
    /// The input of its first run.
    pub(crate) fn play(&self) -> Play {
        Play {
            steps: self.steps.clone(),
            on_signal: self.on_signal.clone(),
            on_update: self.on_update.clone(),
            log: Vec::new(),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run:")?;
        list(f, &self.steps, 1)?;
        for (handler, steps) in [("signal", &self.on_signal), ("update", &self.on_update)] {
            if !steps.is_empty() {
                writeln!(f, "on {handler}:")?;
                list(f, steps, 1)?;
            }
        }
        for (when, moves) in [
            ("while no worker runs", &self.before),
            ("then, each at rest", &self.after),
        ] {
            if !moves.is_empty() {
                let moves: Vec<_> = moves.iter().map(ToString::to_string).collect();
                writeln!(f, "{when}: {}", moves.join(", "))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Update(number) => write!(f, "update {number}"),
            Self::Query => f.write_str("query"),
            Self::Cancel => f.write_str("cancel"),
            Self::Release(label) => write!(f, "let {label} go"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, steps: &[Step], depth: usize) -> fmt::Result {
    steps.iter().try_for_each(|step| line(f, step, depth))
}

fn line(f: &mut fmt::Formatter<'_>, step: &Step, depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth);
    let inner = |f: &mut fmt::Formatter<'_>, head: &str, body: &[Step]| {
        writeln!(f, "{indent}{head}:")?;
        list(f, body, depth + 1)
    };
    let branches = |f: &mut fmt::Formatter<'_>, head: &str, branches: &[Vec<Step>]| {
        writeln!(f, "{indent}{head}:")?;
        for branch in branches {
            writeln!(f, "{indent}  -")?;
            list(f, branch, depth + 1)?;
        }
        Ok(())
    };
    match step {
        Step::Log(text) => writeln!(f, "{indent}log {text}"),
        Step::Activity(act) => {
            let local = if act.local { "local " } else { "" };
            let Act {
                label,
                what,
                cancellation,
                ..
            } = act;
            writeln!(
                f,
                "{indent}{local}activity {label} {what:?} (cancellation: {cancellation:?})"
            )
        }
        Step::Gate(label) => writeln!(f, "{indent}gate {label}"),
        Step::Sleep(span) => writeln!(f, "{indent}sleep {span:?}"),
        Step::WaitSignals(count) => writeln!(f, "{indent}wait for {count} signals in this run"),
        Step::Shield(body) => inner(f, "shield", body),
        Step::Timeout(span, body) => inner(f, &format!("timeout {span:?}"), body),
        Step::Try {
            body,
            cleanup,
            again,
        } => {
            inner(f, "try", body)?;
            let after = if *again { "raise again" } else { "go on" };
            inner(f, &format!("on error, then {after}"), cleanup)
        }
        Step::Listen(body) => inner(f, "listen for a request beside", body),
        Step::Accept => writeln!(f, "{indent}accept the cancellation"),
        Step::Join(all) => branches(f, "join", all),
        Step::Race(all) => branches(f, "race", all),
        Step::Child(kid) => {
            let Kid {
                label,
                when_closed,
                cancellation,
                awaited,
                ..
            } = &**kid;
            let head = format!(
                "child {label} (when the parent closes: {when_closed:?}, cancellation: {cancellation:?}, awaited: {awaited})"
            );
            inner(f, &head, &kid.steps)
        }
        Step::Fail(kind) => writeln!(f, "{indent}fail as {kind}"),
        Step::ContinueAsNew(next) => inner(f, "continue as new", next),
    }
}
