//! What an event says that a history has no field for: found beside what the history says of it, and put back.
//!
//! Both work on the JSON of Temporal's protocol, whose objects are the messages. A field of an event, or of its
//! attributes, is kept whole or not at all.

use serde_json::{Map, Value};
use steadfast_core::unmodelled::Unmodelled;

use crate::spelling::time;

/// What the names of attributes end in.
const ATTRIBUTES: &str = "EventAttributes";

/// Fields of an event that every history has in a way of its own.
const OF_EVERY_EVENT: [&str; 6] = [
    "eventId",
    "eventTime",
    "eventType",
    "taskId",
    "userMetadata",
    "workerMayIgnore",
];

/// What the JSON of an event says and the JSON of the same event, as a history tells it, does not.
#[must_use]
pub fn rest(original: &Value, told: &Value) -> Option<Box<Unmodelled>> {
    let mut rest = Map::new();
    for (name, value) in fields(original) {
        let name = lower_camel(name);
        let here = told.get(&name);
        if OF_EVERY_EVENT.contains(&name.as_str()) {
            continue;
        }
        if name.ends_with(ATTRIBUTES) {
            let inner: Map<String, Value> = fields(value)
                .map(|(name, value)| (lower_camel(name), value))
                .filter(|(name, value)| !says(here.and_then(|here| here.get(name)), value))
                .map(|(name, value)| (name, spelt(value)))
                .collect();
            if !inner.is_empty() {
                rest.insert(name, inner.into());
            }
        } else if !says(here, value) {
            rest.insert(name, spelt(value));
        }
    }
    (!rest.is_empty()).then(|| Box::new(Unmodelled::new(Value::Object(rest).to_string())))
}

/// Puts back what an event said besides.
pub fn put_back(event: &mut Value, unmodelled: &Unmodelled) {
    let (Some(event), Ok(Value::Object(rest))) = (
        event.as_object_mut(),
        serde_json::from_str(unmodelled.json()),
    ) else {
        return;
    };
    for (name, value) in rest {
        match (event.get_mut(&name), value) {
            (Some(Value::Object(attributes)), Value::Object(more))
                if name.ends_with(ATTRIBUTES) =>
            {
                attributes.extend(more);
            }
            (_, value) => {
                event.insert(name, value);
            }
        }
    }
}

/// The fields of messages whose own fields are keys that somebody chose.
const MAPS: [&str; 3] = ["fields", "indexedFields", "metadata"];

/// A value in which the fields of messages are spelt as JSON has them.
fn spelt(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let name = lower_camel(name);
                let is_map = MAPS.contains(&name.as_str());
                let value = if is_map { value.clone() } else { spelt(value) };
                (name, value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(spelt).collect(),
        value => value.clone(),
    }
}

fn fields(message: &Value) -> impl Iterator<Item = (&String, &Value)> {
    message.as_object().into_iter().flatten()
}

/// Whether what is told says what the original says: it may say more.
fn says(told: Option<&Value>, original: &Value) -> bool {
    is_nothing(original) || told.is_some_and(|told| is_told(told, original))
}

fn is_told(told: &Value, original: &Value) -> bool {
    match (told, original) {
        (Value::Object(told), Value::Object(original)) => original.iter().all(|(name, value)| {
            let here = told.get(name).or_else(|| told.get(&lower_camel(name)));
            says(here, value)
        }),
        (Value::Array(told), Value::Array(original)) => {
            let mut pairs = told.iter().zip(original);
            told.len() == original.len() && pairs.all(|(told, original)| is_told(told, original))
        }
        (Value::Number(told), Value::Number(original)) => told.as_f64() == original.as_f64(),
        (told, original) => is_same(&text(told), &text(original)),
    }
}

/// Whether two texts are the same number, text, time, length of time, or name of a choice, which old servers shorten.
fn is_same(told: &str, original: &str) -> bool {
    let durations = || Some(time::parse_duration(told)? == time::parse_duration(original)?);
    let times = || Some(time::parse_timestamp(told)? == time::parse_timestamp(original)?);
    let is_choice = || {
        let letters = |name: &str| name.replace('_', "").to_ascii_lowercase();
        told.chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '_')
            && letters(told).ends_with(&letters(original))
    };
    told == original
        || durations() == Some(true)
        || times() == Some(true)
        || (!original.is_empty() && is_choice())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Whether a field says nothing, as one that is not there.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => {
            ["", "0", "0s"].contains(&text.as_str()) || text.ends_with("_UNSPECIFIED")
        }
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// The name of a field in JSON, which may be written as in protobuf.
fn lower_camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut raise = false;
    for letter in name.chars() {
        if letter == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            camel.push(letter.to_ascii_uppercase());
        } else {
            camel.push(letter);
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_history_has_no_field_for_is_kept_and_put_back() {
        let original = json!({
            "eventId": "4", "taskId": "77", "version": "3",
            "workflow_task_completed_event_attributes": {
                "scheduledEventId": "2", "sdkMetadata": {"langUsedFlags": [1]}, "meteringMetadata": {},
                "identity": "w", "workerVersion": {"buildId": "b"}
            }
        });
        let told = json!({
            "eventId": "4", "taskId": "4",
            "workflowTaskCompletedEventAttributes": {"scheduledEventId": 2, "identity": "w"}
        });
        let rest = rest(&original, &told).unwrap();
        let mut again = told;
        put_back(&mut again, &rest);
        let expected = json!({
            "eventId": "4", "taskId": "4", "version": "3",
            "workflowTaskCompletedEventAttributes": {
                "scheduledEventId": 2, "identity": "w", "sdkMetadata": {"langUsedFlags": [1]},
                "workerVersion": {"buildId": "b"}
            }
        });
        assert_eq!(again, expected);
    }

    #[test]
    fn other_spellings_of_what_is_told_are_not_kept() {
        let original = json!({"timerStartedEventAttributes": {
            "timerId": "1", "startToFireTimeout": "1.000s", "taskQueue": {"kind": "Normal"}, "zero": "0s",
            "choice": "CHOICE_UNSPECIFIED", "at": "2026-01-01T00:00:00.000Z"
        }});
        let told = json!({"timerStartedEventAttributes": {
            "timerId": "1", "startToFireTimeout": "1s", "at": "2026-01-01T00:00:00Z",
            "taskQueue": {"kind": "TASK_QUEUE_KIND_NORMAL", "name": "q"}
        }});
        assert_eq!(rest(&original, &told), None);
    }

    #[test]
    fn a_list_of_which_the_first_is_told_is_kept_whole() {
        let original = json!({"attributes": 1, "xEventAttributes": {"result": {"payloads": [{"data": "MQ=="}, {"data": "Mg=="}]}}});
        let told = json!({"attributes": 1, "xEventAttributes": {"result": {"payloads": [{"data": "MQ=="}]}}});
        let rest = rest(&original, &told).unwrap();
        let mut again = told;
        put_back(&mut again, &rest);
        assert_eq!(again, original);
    }
}
