//! Why a history could not be read from its JSON form or written in it.

use std::{borrow::Cow, fmt};

use serde_json::Value;
use steadfast_core::ids::EventId;
use thiserror::Error;

/// The longest text of a file that an error quotes, in characters.
const MAX_QUOTED: usize = 60;

/// Why a history could not be read from its JSON form or written in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryJsonError {
    /// The text is not JSON, or nested too deeply.
    #[error("the text cannot be read as JSON at line {line}, column {column}")]
    Json {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The text is JSON, but not that of a history.
    #[error("expected an object with `events` or an array of events, found {found}")]
    NotAHistory {
        /// What is there instead.
        found: String,
    },
    /// A field of an event is not as expected.
    #[error("event {event_id}{}: expected {expected}, found {found}", Place(field))]
    Field {
        /// The event; its position, counted from 1, if its id is what cannot be read.
        event_id: EventId,
        /// The path to the field from the event; empty if it is the event itself.
        field: String,
        /// What it should be.
        expected: Cow<'static, str>,
        /// What it is.
        found: String,
    },
    /// The file lacks the event that says whose history it is.
    #[error("there is no `WorkflowExecutionStarted` event; give the ids with a `HistoryReader`")]
    NoFirstEvent,
}

/// A field as an error names it.
struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            field => write!(f, ", field `{field}`"),
        }
    }
}

impl From<serde_json::Error> for HistoryJsonError {
    fn from(source: serde_json::Error) -> Self {
        Self::Json {
            line: source.line(),
            column: source.column(),
            source,
        }
    }
}

/// What is wrong with a value of an event; which event it is comes later.
#[derive(Debug)]
pub(super) struct Problem {
    /// The names that lead to the value, innermost first.
    path: Vec<String>,
    expected: Cow<'static, str>,
    found: String,
}

impl Problem {
    /// Another value than the expected one, or none.
    pub(super) fn value(expected: impl Into<Cow<'static, str>>, found: Option<&Value>) -> Self {
        Self::text(expected, describe(found))
    }

    /// Something else than expected, in words.
    pub(super) fn text(expected: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The same problem, seen from the object that has the value under a name.
    pub(super) fn within(mut self, name: &str) -> Self {
        self.path.push(quote(name));
        self
    }

    /// The error about an event.
    pub(super) fn of_event(self, event_id: EventId) -> HistoryJsonError {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        HistoryJsonError::Field {
            event_id,
            field: path.join("."),
            expected: self.expected,
            found: self.found,
        }
    }
}

/// What a reading function returns.
pub(super) type Read<T> = Result<T, Problem>;

/// A value in a few words on one line.
pub(super) fn describe(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::Bool(flag)) => format!("`{flag}`"),
        Some(Value::Number(number)) => format!("`{number}`"),
        Some(Value::String(text)) => format!("`\"{}\"`", quote(text)),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}

/// A text of the file that can neither start a new line nor steer a terminal.
fn quote(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}
