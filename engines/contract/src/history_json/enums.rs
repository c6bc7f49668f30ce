//! Reads the enums of a history.
//!
//! A value is read as a number, as `TIMEOUT_TYPE_START_TO_CLOSE`, and as older servers wrote it,
//! `StartToClose`. It is written as the second.

use serde_json::Value;

use super::error::{Problem, Read};
use crate::spelling::enums::{Names, same_name};

impl<T: Copy + PartialEq> Names<T> {
    /// Reads a value; `None` when it is not set.
    pub(super) fn read(&self, value: Option<&Value>) -> Read<Option<T>> {
        let (matching, unspecified) = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => {
                let number = number.as_i64();
                let is = |entry: &&(i64, &str, T)| Some(entry.0) == number;
                (self.values.iter().find(is), number == Some(0))
            }
            Some(Value::String(text)) => {
                let name = text.strip_prefix(self.prefix).unwrap_or(text);
                let is = |entry: &&(i64, &str, T)| same_name(entry.1, name);
                let unspecified = name.is_empty() || same_name("UNSPECIFIED", name);
                (self.values.iter().find(is), unspecified)
            }
            _ => return Err(self.problem(value)),
        };
        match (matching, self.other) {
            (Some((_, _, found)), _) => Ok(Some(*found)),
            (None, _) if unspecified => Ok(None),
            (None, Some(other)) => Ok(Some(other)),
            (None, None) => Err(self.problem(value)),
        }
    }

    fn problem(&self, value: Option<&Value>) -> Problem {
        let names: Vec<String> = self
            .values
            .iter()
            .map(|(_, name, _)| format!("`{}{name}`", self.prefix))
            .collect();
        Problem::value(format!("one of {}", names.join(", ")), value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steadfast_core::{event::WorkflowTaskFailedCause, failure::TimeoutType};

    use crate::spelling::enums::{TASK_FAILED_CAUSES, TIMEOUT_TYPES};

    #[test]
    fn a_value_is_read_in_every_spelling() {
        for value in [
            json!("TIMEOUT_TYPE_HEARTBEAT"),
            json!("Heartbeat"),
            json!(4),
        ] {
            let read = TIMEOUT_TYPES.read(Some(&value)).unwrap();
            assert_eq!(read, Some(TimeoutType::Heartbeat));
        }
        let value = json!("ScheduleToStart");
        let read = TIMEOUT_TYPES.read(Some(&value)).unwrap();
        assert_eq!(read, Some(TimeoutType::ScheduleToStart));
    }

    #[test]
    fn what_is_not_set_is_no_value() {
        for value in [
            json!("TIMEOUT_TYPE_UNSPECIFIED"),
            json!("Unspecified"),
            json!(0),
            json!(""),
        ] {
            assert_eq!(TIMEOUT_TYPES.read(Some(&value)).unwrap(), None);
        }
    }

    #[test]
    fn an_unknown_value_is_refused_unless_there_is_one_for_it() {
        let value = json!("WORKFLOW_TASK_FAILED_CAUSE_FUTURE");
        assert!(TIMEOUT_TYPES.read(Some(&value)).is_err());
        let read = TASK_FAILED_CAUSES.read(Some(&value)).unwrap();
        assert_eq!(read, Some(WorkflowTaskFailedCause::Unspecified));
    }
}
