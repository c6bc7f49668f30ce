//! Reads the fields of a protobuf message in JSON.
//!
//! Every function names the field in its error. As in protobuf a field that is absent or null has
//! its default, and a name may be written in snake case; an id that must not be empty has no
//! default.

use std::time::Duration;

use serde_json::{Map, Value};
use steadfast_core::{
    ids::{EventId, InvalidId, MAX_ID_BYTES, WorkflowExecution},
    options::Priority,
    retry::{RetryPolicy, RetryState},
    time::Timestamp,
};

use super::error::{Problem, Read};
use crate::spelling::{
    enums::{Names, RETRY_STATES},
    time,
};

/// What old servers wrote for "no event".
const EMPTY_EVENT_ID: i64 = -23;

/// A message.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The fields of a value that is an object; `None` when there is no value.
    pub(super) fn of(value: Option<&'a Value>) -> Read<Option<Self>> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map))),
            Some(_) => Err(Problem::value("an object", value)),
        }
    }

    /// A field; `None` when it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.0.get(name).or_else(|| self.0.get(&snake(name)));
        value.filter(|value| !value.is_null())
    }

    /// Reads a field in a way that the caller knows.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Option<&'a Value>) -> Read<T>,
    ) -> Read<T> {
        read(self.get(name)).map_err(|problem| problem.within(name))
    }

    /// Reads a message; one that is absent has no fields.
    pub(super) fn message<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Read<T>,
    ) -> Read<T> {
        self.read(name, |value| {
            let none = Map::new();
            read(Fields::of(value)?.unwrap_or(Fields(&none)))
        })
    }

    /// Reads a message if it is there.
    pub(super) fn optional_message<T>(
        &self,
        name: &str,
        read: impl FnOnce(Self) -> Read<T>,
    ) -> Read<Option<T>> {
        self.read(name, |value| Fields::of(value)?.map(read).transpose())
    }

    pub(super) fn text(&self, name: &str) -> Read<String> {
        self.read(name, |value| Ok(text(value)?.to_owned()))
    }

    pub(super) fn flag(&self, name: &str) -> Read<bool> {
        self.read(name, |value| match value {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Problem::value("`true` or `false`", value)),
        })
    }

    /// An id or a name that must be there.
    pub(super) fn id<T>(&self, name: &str) -> Read<T>
    where
        T: for<'t> TryFrom<&'t str, Error = InvalidId>,
    {
        self.read(name, |value| id(text(value)?))
    }

    pub(super) fn optional_id<T>(&self, name: &str) -> Read<Option<T>>
    where
        T: for<'t> TryFrom<&'t str, Error = InvalidId>,
    {
        self.read(name, |value| match text(value)? {
            "" => Ok(None),
            text => id(text).map(Some),
        })
    }

    /// The name in a message of one field, such as a workflow type or a task queue.
    pub(super) fn named<T>(&self, name: &str) -> Read<T>
    where
        T: for<'t> TryFrom<&'t str, Error = InvalidId>,
    {
        self.message(name, |fields| fields.id("name"))
    }

    /// The id of an event; [`EventId::NONE`] when there is none.
    pub(super) fn event_id(&self, name: &str) -> Read<EventId> {
        self.read(name, |value| match integer(value)? {
            EMPTY_EVENT_ID => Ok(EventId::NONE),
            number => u64::try_from(number)
                .map(EventId)
                .map_err(|_| Problem::value("an event id", value)),
        })
    }

    /// A number that counts bytes.
    pub(super) fn size(&self, name: &str) -> Read<u64> {
        self.read(name, |value| {
            u64::try_from(integer(value)?)
                .map_err(|_| Problem::value("a number that is not negative", value))
        })
    }

    /// A small number.
    pub(super) fn count(&self, name: &str) -> Read<u32> {
        self.read(name, |value| {
            let number = i32::try_from(integer(value)?).ok();
            number
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| Problem::value("a number of 31 bits", value))
        })
    }

    /// The number of an attempt, counted from 1.
    pub(super) fn attempt(&self, name: &str) -> Read<u32> {
        Ok(self.count(name)?.max(1))
    }

    fn number(&self, name: &str) -> Read<Option<f64>> {
        self.read(name, |value| match value {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(Value::String(text)) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Problem::value("a number", value)),
            },
            Some(_) => Err(Problem::value("a number", value)),
        })
    }

    pub(super) fn optional_duration(&self, name: &str) -> Read<Option<Duration>> {
        self.read(name, |value| match text(value) {
            Ok("") => Ok(None),
            Ok(text) => time::parse_duration(text)
                .map(Some)
                .ok_or_else(|| Problem::value("a duration such as `\"1.500s\"`", value)),
            Err(_) => Err(Problem::value("a duration such as `\"1.500s\"`", value)),
        })
    }

    pub(super) fn duration(&self, name: &str) -> Read<Duration> {
        Ok(self.optional_duration(name)?.unwrap_or_default())
    }

    /// A time limit; one of no length means that there is none.
    pub(super) fn timeout(&self, name: &str) -> Read<Option<Duration>> {
        let duration = self.optional_duration(name)?;
        Ok(duration.filter(|duration| !duration.is_zero()))
    }

    /// A point in time. The zero time of Go, which lies before all that can be expressed, means
    /// that there is none.
    pub(super) fn optional_time(&self, name: &str) -> Read<Option<Timestamp>> {
        let expected = "a time such as `\"2026-11-20T15:08:35.5Z\"`";
        let time = self.read(name, |value| match text(value) {
            Ok("") => Ok(None),
            Ok(text) => time::parse_timestamp(text)
                .map(Some)
                .ok_or_else(|| Problem::value(expected, value)),
            Err(_) => Err(Problem::value(expected, value)),
        })?;
        Ok(time.filter(|time| time.unix_nanos() > i64::MIN))
    }

    /// A value of an enum; `None` when it is not set.
    pub(super) fn choice<T: Copy + PartialEq>(
        &self,
        name: &str,
        names: &Names<T>,
    ) -> Read<Option<T>> {
        self.read(name, |value| names.read(value))
    }

    /// Why there is no other attempt. SDKs leave it open where nothing is ever tried again.
    pub(super) fn retry_state(&self) -> Read<RetryState> {
        let state = self.choice("retryState", &RETRY_STATES)?;
        Ok(state.unwrap_or(RetryState::RetryPolicyNotSet))
    }

    pub(super) fn execution(&self, name: &str) -> Read<WorkflowExecution> {
        self.message(name, |fields| {
            Ok(WorkflowExecution {
                workflow_id: fields.id("workflowId")?,
                run_id: fields.id("runId")?,
            })
        })
    }

    /// An execution; one without ids means that there is none.
    pub(super) fn optional_execution(&self, name: &str) -> Read<Option<WorkflowExecution>> {
        let is_empty = self.message(name, |fields| {
            Ok(fields.text("workflowId")?.is_empty() && fields.text("runId")?.is_empty())
        })?;
        if is_empty {
            Ok(None)
        } else {
            self.execution(name).map(Some)
        }
    }

    pub(super) fn retry_policy(&self, name: &str) -> Read<Option<RetryPolicy>> {
        self.optional_message(name, |fields| {
            let default = RetryPolicy::default();
            Ok(RetryPolicy {
                initial_interval: fields
                    .optional_duration("initialInterval")?
                    .unwrap_or(default.initial_interval),
                backoff_coefficient: fields
                    .number("backoffCoefficient")?
                    .unwrap_or(default.backoff_coefficient),
                maximum_interval: fields.timeout("maximumInterval")?,
                maximum_attempts: fields.count("maximumAttempts")?,
                non_retryable_error_types: fields.texts("nonRetryableErrorTypes")?,
            })
        })
    }

    /// How urgent something is; a message that says nothing is none.
    pub(super) fn priority(&self) -> Read<Option<Box<Priority>>> {
        let priority = self.optional_message("priority", |fields| {
            Ok(Priority {
                priority_key: i32::try_from(fields.count("priorityKey")?).unwrap_or(i32::MAX),
                fairness_key: fields.text("fairnessKey")?,
                // What is written has the precision that it was read with.
                fairness_weight: fields.number("fairnessWeight")?.unwrap_or_default() as f32,
            })
        })?;
        Ok(priority.and_then(Priority::said))
    }

    fn texts(&self, name: &str) -> Read<Vec<String>> {
        self.list(name, |value| Ok(text(Some(value))?.to_owned()))
    }

    /// The items of an array; one that is absent has none.
    pub(super) fn list<T>(
        &self,
        name: &str,
        mut read: impl FnMut(&'a Value) -> Read<T>,
    ) -> Read<Vec<T>> {
        let items = self.read(name, |value| match value {
            None => Ok([].as_slice()),
            Some(Value::Array(items)) => Ok(items.as_slice()),
            Some(_) => Err(Problem::value("an array", value)),
        })?;
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| {
                read(item).map_err(|problem| problem.within(&index.to_string()).within(name))
            })
            .collect()
    }

    /// The entries of an object whose names are data; one that is absent has none.
    pub(super) fn entries<T, C: FromIterator<(String, T)>>(
        &self,
        name: &str,
        mut read: impl FnMut(&'a Value) -> Read<T>,
    ) -> Read<C> {
        let Some(Fields(map)) = self.read(name, Fields::of)? else {
            return Ok([].into_iter().collect());
        };
        map.iter()
            .map(|(key, value)| match read(value) {
                Ok(value) => Ok((key.clone(), value)),
                Err(problem) => Err(problem.within(key).within(name)),
            })
            .collect()
    }
}

/// A text; empty when it is not set.
pub(super) fn text(value: Option<&Value>) -> Read<&str> {
    match value {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Problem::value("a text", value)),
    }
}

fn id<T>(text: &str) -> Read<T>
where
    T: for<'t> TryFrom<&'t str, Error = InvalidId>,
{
    T::try_from(text).map_err(|invalid| match invalid {
        InvalidId::TooLong { what, bytes } => Problem::text(
            format!("the {what} in at most {MAX_ID_BYTES} bytes"),
            format!("{bytes} bytes"),
        ),
        InvalidId::Empty { what } => Problem::text(format!("the {what}"), "nothing"),
        other => Problem::text("a valid id", other.to_string()),
    })
}

/// A whole number, which protobuf writes as a text when it may have 64 bits; zero when it is not
/// set.
fn integer(value: Option<&Value>) -> Read<i64> {
    let number = match value {
        None => Some(0),
        Some(Value::Number(number)) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    number.ok_or_else(|| Problem::value("a whole number", value))
}

/// The whole number that a float such as `1e3` stands for.
fn whole(number: f64) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i64)
}

/// Turns `eventId` into `event_id`, the name of the field in protobuf.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
