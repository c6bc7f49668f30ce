//! When a schedule takes its action.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_core::{payload::Bytes, time::Timestamp};

/// A set of points in time: all that any of its calendars, cron strings or intervals has, without those that an exclusion has.
///
/// What is excluded is matched by the nominal time, before jitter.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct ScheduleSpec {
    /// Times by the calendar.
    pub structured_calendars: Vec<StructuredCalendarSpec>,
    /// Times by the calendar, as texts. An engine keeps them as structured calendars.
    pub calendars: Vec<CalendarSpec>,
    /// Times as cron has them. An engine keeps them as structured calendars, intervals and a time zone.
    ///
    /// * Five fields are minute, hour, day of the month, month and day of the week; a sixth is the year; with seven, the first
    ///   is the second. Each is as in a [`CalendarSpec`], `?` is not known, and a day has to fit both of its fields.
    /// * `@yearly` (`@annually`), `@monthly`, `@weekly`, `@daily` (`@midnight`) and `@hourly` stand for five fields.
    /// * `@every 90m` is an [interval](IntervalSpec), and `@every 90m/5m` one with a phase; units are `s`, `m`, `h` and `d`.
    /// * `TZ=Europe/Rome` or `CRON_TZ=Europe/Rome` may come first, and has to be the same everywhere.
    /// * `# words` at the end are a comment.
    pub cron_strings: Vec<String>,
    /// Times at a distance from each other.
    pub intervals: Vec<IntervalSpec>,
    /// Times that are left out.
    pub exclude_structured_calendars: Vec<StructuredCalendarSpec>,
    /// The first point in time there can be.
    pub start_time: Option<Timestamp>,
    /// The last point in time there can be.
    pub end_time: Option<Timestamp>,
    /// Puts each time off by zero up to this, by chance that depends on nothing but the nominal time and the schedule's id: so it is
    /// always the same. Never past the next nominal time.
    pub jitter: Duration,
    /// The name of the time zone that calendars are read in, such as `Europe/Rome`; UTC when empty.
    pub time_zone_name: String,
    /// The time zone itself, as a `TZif` file; that of the name when empty.
    pub time_zone_data: Bytes,
}

/// Times by the calendar: those whose fields each fit one of the ranges.
///
/// Seconds, minutes, hours, days and months without a range fit nothing, years without one fit all. A local time that the clock
/// skips is not there; one that comes twice is there twice. Years are 2000 to 2100.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct StructuredCalendarSpec {
    /// Seconds, 0 to 59.
    pub second: Vec<Range>,
    /// Minutes, 0 to 59.
    pub minute: Vec<Range>,
    /// Hours, 0 to 23.
    pub hour: Vec<Range>,
    /// Days of the month, 1 to 31.
    pub day_of_month: Vec<Range>,
    /// Months, 1 to 12.
    pub month: Vec<Range>,
    /// Years, 2000 to 2100.
    pub year: Vec<Range>,
    /// Days of the week, 0 (Sunday) to 6.
    pub day_of_week: Vec<Range>,
    /// Words for people, at most 200 bytes.
    pub comment: String,
}

/// Whole numbers, from the first to the last in steps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Range {
    /// The first.
    pub start: i32,
    /// The last, if the steps reach it. Less than the first, it is the first.
    pub end: i32,
    /// The step; 0 is 1.
    pub step: i32,
}

impl Range {
    /// One number.
    #[must_use]
    pub const fn single(value: i32) -> Self {
        Self {
            start: value,
            end: 0,
            step: 0,
        }
    }

    /// All numbers from the first to the last.
    #[must_use]
    pub const fn all(start: i32, end: i32) -> Self {
        Self {
            start,
            end,
            step: 0,
        }
    }
}

/// Times by the calendar, as texts.
///
/// Each field is a list of numbers (`0,30`), ranges (`9-17`), all (`*`), or steps of them (`9-17/2`, `*/15`; `5/15` goes on to the
/// end). Months have names of three letters or more (`jan`), days of the week of two or more (`mo`, `Sunday`), and 7 is Sunday
/// too. An empty field is `0` for seconds, minutes and hours, and `*` otherwise.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct CalendarSpec {
    /// Seconds.
    pub second: String,
    /// Minutes.
    pub minute: String,
    /// Hours.
    pub hour: String,
    /// Days of the month.
    pub day_of_month: String,
    /// Months.
    pub month: String,
    /// Years.
    pub year: String,
    /// Days of the week.
    pub day_of_week: String,
    /// Words for people.
    pub comment: String,
}

/// Times at a distance from each other: the beginning of 1970 in UTC, plus the phase, plus any number of intervals.
///
/// Both are cut to whole seconds. The interval is one second at least, and the phase less than the interval.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct IntervalSpec {
    /// The distance.
    pub interval: Duration,
    /// Where it begins.
    pub phase: Duration,
}
