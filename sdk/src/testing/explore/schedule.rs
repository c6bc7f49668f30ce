//! What is done to an execution that is explored, and where.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Where a cancellation or a crash happens: the number of a point, counted in the order in which
/// the execution passes them.
pub type PointNumber = usize;

/// What is done to an execution: nothing, a cancellation, a crash of the worker, or both.
///
/// Written and read as text, such as `cancel@3,crash@5`, so that a failing one can be run again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Schedule {
    /// Where the cancellation of the execution is requested.
    pub cancel: Option<PointNumber>,
    /// Where the worker crashes, to come back at once with nothing in memory.
    pub crash: Option<PointNumber>,
}

impl Schedule {
    /// How much is done: of two failing schedules the one that does less says more.
    pub(super) fn weight(self) -> (usize, PointNumber, PointNumber) {
        let count = usize::from(self.cancel.is_some()) + usize::from(self.crash.is_some());
        (count, self.cancel.unwrap_or(0), self.crash.unwrap_or(0))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cancel, self.crash) {
            (None, None) => f.write_str("undisturbed"),
            (Some(cancel), None) => write!(f, "cancel@{cancel}"),
            (None, Some(crash)) => write!(f, "crash@{crash}"),
            (Some(cancel), Some(crash)) => write!(f, "cancel@{cancel},crash@{crash}"),
        }
    }
}

/// A text is not a schedule.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
#[error(
    "`{text}` is not a schedule; write `undisturbed`, `cancel@3`, `crash@5` or `cancel@3,crash@5`"
)]
pub struct InvalidSchedule {
    text: String,
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let invalid = || InvalidSchedule {
            text: text.to_owned(),
        };
        let mut schedule = Self::default();
        if text == "undisturbed" {
            return Ok(schedule);
        }
        for part in text.split(',') {
            let (what, number) = part.split_once('@').ok_or_else(invalid)?;
            let number = number.trim().parse().map_err(|_| invalid())?;
            let place = match what.trim() {
                "cancel" => &mut schedule.cancel,
                "crash" => &mut schedule.crash,
                _ => return Err(invalid()),
            };
            if place.replace(number).is_some() {
                return Err(invalid());
            }
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        for text in ["undisturbed", "cancel@3", "crash@5", "cancel@3,crash@5"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in ["", "cancel", "cancel@x", "cancel@1,cancel@2", "stop@1"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
