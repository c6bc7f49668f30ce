//! Event types: `EVENT_TYPE_TIMER_STARTED`, `TimerStarted` or a number in a file, `TimerStarted` in
//! a history.

use serde_json::Value;

use super::{
    error::{Problem, Read},
    fields::text,
};
use crate::spelling::event_types::of_number;

const PREFIX: &str = "EVENT_TYPE_";

/// The event type as `TimerStarted`, whatever way it is written.
pub(super) fn read(value: Option<&Value>) -> Read<String> {
    match value {
        Some(Value::Number(number)) => Ok(named(number.to_string())),
        _ => match text(value) {
            Ok("") | Err(_) => Err(Problem::value(
                "an event type such as `EVENT_TYPE_TIMER_STARTED`",
                value,
            )),
            Ok(text) => Ok(match text.strip_prefix(PREFIX) {
                // A name of the future that does not turn back stays as it is.
                Some(name) if screaming(&camel(name)) == name && as_number(name).is_none() => {
                    camel(name)
                }
                _ => named(text.to_owned()),
            }),
        },
    }
}

/// The number that a text is, if it is spelt as one is.
fn as_number(text: &str) -> Option<u64> {
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The event type whose number a text is; otherwise the text.
fn named(text: String) -> String {
    as_number(&text)
        .and_then(of_number)
        .map_or(text, str::to_owned)
}

/// The event type as Temporal writes it. One that is not known is written as it was read.
pub(super) fn write(event_type: &str) -> Value {
    if let Some(number) = as_number(event_type) {
        return Value::from(number);
    }
    let screaming = screaming(event_type);
    if camel(&screaming) == event_type {
        Value::from(format!("{PREFIX}{screaming}"))
    } else {
        Value::from(event_type)
    }
}

/// Turns `TimerStarted` into `TIMER_STARTED`.
fn screaming(name: &str) -> String {
    let mut screaming = String::with_capacity(name.len() + 8);
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            screaming.push('_');
        }
        screaming.push(letter.to_ascii_uppercase());
    }
    screaming
}

/// Turns `TIMER_STARTED` into `TimerStarted`.
fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            [first.to_ascii_uppercase(), rest.to_ascii_lowercase()]
        })
        .collect()
}

/// The field with the attributes of an event type.
pub(super) fn attributes_name(event_type: &str) -> String {
    let (first, rest) = event_type.split_at_checked(1).unwrap_or((event_type, ""));
    format!("{}{rest}EventAttributes", first.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spelling::event_types::EVENT_TYPES;

    #[test]
    fn event_types_turn_from_one_spelling_into_the_other() {
        for name in EVENT_TYPES {
            assert_eq!(camel(&screaming(name)), name);
        }
        assert_eq!(
            screaming("WorkflowExecutionContinuedAsNew"),
            "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
        );
    }

    #[test]
    fn a_type_of_the_future_is_written_as_it_was_read() {
        for value in [
            json!("EVENT_TYPE_FUTURE_THING"),
            json!("EVENT_TYPE_2ND_THING"),
            json!("EVENT_TYPE_05"),
            json!("EVENT_TYPE_5"),
            json!(99),
        ] {
            assert_eq!(write(&read(Some(&value)).unwrap()), value);
        }
        assert_eq!(
            read(Some(&json!("EVENT_TYPE_FUTURE_THING"))).unwrap(),
            "FutureThing"
        );
        assert_eq!(read(Some(&json!(17))).unwrap(), "TimerStarted");
        assert_eq!(read(Some(&json!("17"))).unwrap(), "TimerStarted");
    }
}
