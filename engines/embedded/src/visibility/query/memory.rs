//! What is in memory beside a query: whether it holds, as it would in the file.

use std::cmp::Ordering;

use rusqlite::types::Value;

use super::check::{Attribute, Comparison, Is, Meaning};

/// Whether a condition holds of what has these values.
pub(super) fn holds(meaning: &Meaning, values: &impl Fn(&Attribute) -> Vec<Value>) -> bool {
    match meaning {
        Meaning::All(parts) => parts.iter().all(|part| holds(part, values)),
        Meaning::Any(parts) => parts.iter().any(|part| holds(part, values)),
        Meaning::Is(attribute, is) => {
            let found = values(attribute);
            match attribute {
                Attribute::Set(_) => holds_of_set(is, &found),
                Attribute::System(_) | Attribute::Single(_) => match found.first() {
                    Some(value) => holds_of_value(is, value),
                    None => matches!(is, Is::Null { negated: false }),
                },
            }
        }
    }
}

fn holds_of_value(is: &Is, value: &Value) -> bool {
    let compared = |other: &Value| compare(value, other);
    match is {
        Is::Compared(comparison, other) => compared(other).is_some_and(|order| match comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }),
        Is::In { negated, values } => {
            values
                .iter()
                .any(|other| compared(other) == Some(Ordering::Equal))
                != *negated
        }
        Is::Between { negated, low, high } => {
            let within = compared(low).is_some_and(Ordering::is_ge)
                && compared(high).is_some_and(Ordering::is_le);
            within != *negated
        }
        Is::StartingWith { negated, prefix } => match (value, prefix) {
            (Value::Text(text), Value::Text(prefix)) => {
                text.starts_with(prefix.as_str()) != *negated
            }
            _ => false,
        },
        Is::Null { negated } => *negated,
    }
}

/// A set has what it is compared with, or it has not.
fn holds_of_set(is: &Is, found: &[Value]) -> bool {
    match is {
        Is::Compared(Comparison::NotEqual, value) => !found.contains(value),
        Is::Compared(_, value) => found.contains(value),
        Is::In { negated, values } => values.iter().any(|value| found.contains(value)) != *negated,
        Is::Null { negated } => found.is_empty() != *negated,
        // What a set is not asked.
        Is::Between { .. } | Is::StartingWith { .. } => false,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (left, right) => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "it is compared with a fraction")]
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    }
}
