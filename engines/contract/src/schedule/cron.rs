//! Reads calendars and cron strings: makes of them what a schedule is kept as.
//!
//! What is refused, and in which words, is as on a Temporal Service; only where those are Go's does the text say more.

use std::time::Duration;

use super::{CalendarSpec, IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};
use crate::error::EngineError;

/// The first and the last year of calendars.
pub(super) const YEARS: [i32; 2] = [2000, 2100];

const LONGEST_COMMENT: usize = 200;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// What the values of a field are.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Values {
    Numbers,
    Years,
    Months,
    DaysOfWeek,
}

impl Values {
    /// The number of a name, whose first letters are enough.
    fn named(self, text: &str) -> Option<i32> {
        let (names, letters, first) = match self {
            Self::Numbers | Self::Years => return None,
            Self::Months => (&MONTHS[..], 3, 1),
            Self::DaysOfWeek => (&DAYS[..], 2, 0),
        };
        if text.len() < letters {
            return None;
        }
        let text = text.to_lowercase();
        (first..)
            .zip(names)
            .find_map(|(value, name)| name.starts_with(&text).then_some(value))
    }
}

/// A field of a calendar.
struct Field {
    name: &'static str,
    default: &'static str,
    first: i32,
    last: i32,
    values: Values,
}

impl Field {
    const fn new(
        name: &'static str,
        default: &'static str,
        [first, last]: [i32; 2],
        values: Values,
    ) -> Self {
        Self {
            name,
            default,
            first,
            last,
            values,
        }
    }

    /// Reads what is written in it.
    fn read(&self, text: &str) -> Result<Vec<Range>, String> {
        let text = match text.trim() {
            "" => self.default,
            text => text,
        };
        if text == "*" && self.values == Values::Years {
            return Ok(Vec::new());
        }
        let mut ranges = Vec::new();
        for part in text.split(',') {
            self.read_part(part, &mut ranges)?;
        }
        Ok(ranges)
    }

    fn read_part(&self, part: &str, ranges: &mut Vec<Range>) -> Result<(), String> {
        let Self {
            name, first, last, ..
        } = *self;
        let (part, step) = match part.split_once('/') {
            None => (part, None),
            Some((_, step)) if step.contains('/') => {
                return Err(format!("{name} has too many slashes"));
            }
            Some((_, "")) => return Err(format!("{name} missing step value")),
            Some((part, step)) => match step.parse() {
                Ok(step) if step >= 1 => (part, Some(step)),
                _ => return Err(format!("{name} has invalid Step")),
            },
        };
        let (start, mut end) = if part == "*" {
            (first, last)
        } else if let Some((start, end)) = part.split_once('-') {
            if end.contains('-') {
                return Err(format!("{name} has too many dashes"));
            }
            let start = self
                .value(start, first)
                .ok_or_else(|| format!("{name} Start is not in range [{first}-{last}]"))?;
            let end = self.value(end, start).ok_or_else(|| {
                format!("{name} End is before Start or not in range [{first}-{last}]")
            })?;
            (start, end)
        } else {
            let start = self
                .value(part, first)
                .ok_or_else(|| format!("{name} is not in range [{first}-{last}]"))?;
            // One number with a step is where the steps begin.
            (start, if step.is_some() { last } else { start })
        };
        let step = step.unwrap_or(1);
        if self.values == Values::DaysOfWeek && end == 7 {
            // Sunday is 0 there, for which it may take a range of its own.
            if (7 - start) % step == 0 && (step > 1 || start > 1) {
                ranges.push(Range::single(0));
                if start == 7 {
                    return Ok(());
                }
            }
            end = 6;
        }
        ranges.push(Range {
            start,
            end: if start == end { 0 } else { end },
            step: if step == 1 { 0 } else { step },
        });
        Ok(())
    }

    fn value(&self, text: &str, first: i32) -> Option<i32> {
        let value = self.values.named(text).or_else(|| text.parse().ok())?;
        (first..=self.last).contains(&value).then_some(value)
    }
}

const SECOND: Field = Field::new("Second", "0", [0, 59], Values::Numbers);
const MINUTE: Field = Field::new("Minute", "0", [0, 59], Values::Numbers);
const HOUR: Field = Field::new("Hour", "0", [0, 23], Values::Numbers);
const DAY_OF_WEEK: Field = Field::new("DayOfWeek", "*", [0, 7], Values::DaysOfWeek);
const DAY_OF_MONTH: Field = Field::new("DayOfMonth", "*", [1, 31], Values::Numbers);
const MONTH: Field = Field::new("Month", "*", [1, 12], Values::Months);
const YEAR: Field = Field::new("Year", "*", YEARS, Values::Years);

impl CalendarSpec {
    /// Reads the texts.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] says which fields are wrong, and how.
    pub fn to_structured(&self) -> Result<StructuredCalendarSpec, EngineError> {
        let mut wrong = Vec::new();
        let mut read = |field: &Field, text: &str| {
            field.read(text).unwrap_or_else(|message| {
                wrong.push(message);
                Vec::new()
            })
        };
        let structured = StructuredCalendarSpec {
            second: read(&SECOND, &self.second),
            minute: read(&MINUTE, &self.minute),
            hour: read(&HOUR, &self.hour),
            day_of_week: read(&DAY_OF_WEEK, &self.day_of_week),
            day_of_month: read(&DAY_OF_MONTH, &self.day_of_month),
            month: read(&MONTH, &self.month),
            year: read(&YEAR, &self.year),
            comment: self.comment.clone(),
        };
        if wrong.is_empty() {
            Ok(structured)
        } else {
            Err(EngineError::invalid(wrong.join(", ")))
        }
    }
}

/// What a cron string says.
#[derive(Debug)]
enum Cron {
    Calendar {
        calendar: StructuredCalendarSpec,
        time_zone: String,
    },
    Interval(IntervalSpec),
}

/// The fields that a name such as `@daily` stands for; any other text as it is.
pub(super) fn fields_of(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        text => text,
    }
}

fn read_cron(text: &str) -> Result<Cron, EngineError> {
    let mut text = text.trim();
    let mut time_zone = "";
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        let (zone, rest) = text
            .split_once(' ')
            .ok_or_else(|| EngineError::invalid("CronString has time zone but missing fields"))?;
        text = rest;
        time_zone = zone.split_once('=').map_or("", |(_, name)| name);
    }
    let (text, comment) = text.split_once('#').unwrap_or((text, ""));
    let text = text.trim();
    if text.starts_with("@every") {
        return read_every(text).map(Cron::Interval);
    }
    let fields: Vec<&str> = fields_of(text).split_whitespace().take(8).collect();
    let [second, minute, hour, day_of_month, month, day_of_week, year] = match fields[..] {
        [minute, hour, day, month, week] => ["", minute, hour, day, month, week, ""],
        [minute, hour, day, month, week, year] => ["", minute, hour, day, month, week, year],
        [second, minute, hour, day, month, week, year] => {
            [second, minute, hour, day, month, week, year]
        }
        _ => {
            return Err(EngineError::invalid("CronString does not have 5-7 fields"));
        }
    };
    let calendar = CalendarSpec {
        second: second.to_owned(),
        minute: minute.to_owned(),
        hour: hour.to_owned(),
        day_of_month: day_of_month.to_owned(),
        month: month.to_owned(),
        year: year.to_owned(),
        day_of_week: day_of_week.to_owned(),
        comment: comment.trim().to_owned(),
    };
    Ok(Cron::Calendar {
        calendar: calendar.to_structured()?,
        time_zone: time_zone.to_owned(),
    })
}

fn read_every(text: &str) -> Result<IntervalSpec, EngineError> {
    let (_, text) = text
        .split_once(' ')
        .ok_or_else(|| EngineError::invalid("CronString does not have interval after @every"))?;
    let (interval, phase) = text.split_once('/').unwrap_or((text, ""));
    Ok(IntervalSpec {
        interval: read_duration(interval)?,
        phase: if phase.is_empty() {
            Duration::ZERO
        } else {
            read_duration(phase)?
        },
    })
}

/// Reads a duration such as `1d2h`, `90s` or `1.5h`.
pub(super) fn read_duration(text: &str) -> Result<Duration, EngineError> {
    let invalid = || {
        EngineError::invalid(format!(
            "invalid duration `{text}` after @every; write numbers with the units s, m, h or d, such as `90m`"
        ))
    };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or_else(invalid)?;
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(invalid()),
        };
        total += number * seconds;
        rest = after;
    }
    Duration::try_from_secs_f64(total).map_err(|_| invalid())
}

impl StructuredCalendarSpec {
    fn check(&self) -> Result<(), EngineError> {
        let mut wrong = Vec::new();
        let fields = [
            (&self.second, "Second", [0, 59]),
            (&self.minute, "Minute", [0, 59]),
            (&self.hour, "Hour", [0, 23]),
            (&self.day_of_month, "DayOfMonth", [1, 31]),
            (&self.month, "Month", [1, 12]),
            (&self.year, "Year", YEARS),
            (&self.day_of_week, "DayOfWeek", [0, 6]),
        ];
        for (ranges, name, [first, last]) in fields {
            for range in ranges {
                if range.start < first || range.start > last {
                    wrong.push(format!("{name} Start is not in range [{first}-{last}]"));
                }
                if range.end != 0 && (range.end < range.start || range.end > last) {
                    wrong.push(format!(
                        "{name} End is before Start or not in range [{first}-{last}]"
                    ));
                }
                if range.step < 0 {
                    wrong.push(format!("{name} has invalid Step"));
                }
            }
        }
        if self.comment.len() > LONGEST_COMMENT {
            wrong.push("comment is too long".to_owned());
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let wrong = wrong.join(", ");
        Err(EngineError::invalid(format!(
            "invalid calendar spec: {wrong}"
        )))
    }
}

impl IntervalSpec {
    fn check(&self) -> Result<(), EngineError> {
        if self.interval < Duration::from_secs(1) {
            return Err(EngineError::invalid("interval is too small"));
        }
        if self.phase >= self.interval {
            return Err(EngineError::invalid(
                "phase cannot be greater than Interval",
            ));
        }
        Ok(())
    }
}

impl ScheduleSpec {
    /// The same times without texts: calendars and cron strings are structured calendars, intervals and a time zone.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] says what is wrong with a calendar, a cron string or an interval, or that time zones
    /// contradict each other. Whether there is such a time zone [`ScheduleTimes`](super::ScheduleTimes) says.
    pub fn canonical(&self) -> Result<Self, EngineError> {
        let mut spec = self.clone();
        for calendar in std::mem::take(&mut spec.calendars) {
            spec.structured_calendars.push(calendar.to_structured()?);
        }
        let mut zones: Vec<String> = Vec::new();
        for text in std::mem::take(&mut spec.cron_strings) {
            let zone = match read_cron(&text)? {
                Cron::Calendar {
                    calendar,
                    time_zone,
                } => {
                    spec.structured_calendars.push(calendar);
                    time_zone
                }
                Cron::Interval(interval) => {
                    spec.intervals.push(interval);
                    String::new()
                }
            };
            zones.push(zone);
        }
        let conflict = || EngineError::invalid("conflicting timezone names");
        if let Some(zone) = zones.pop() {
            if zones.iter().any(|other| *other != zone) {
                return Err(conflict());
            }
            if !zone.is_empty() {
                let named = &spec.time_zone_name;
                if (!named.is_empty() && *named != zone) || !spec.time_zone_data.is_empty() {
                    return Err(conflict());
                }
                spec.time_zone_name = zone;
            }
        }
        for calendar in &spec.structured_calendars {
            calendar.check()?;
        }
        for calendar in &spec.exclude_structured_calendars {
            // A service takes whatever is excluded. It cannot mean what it says, so it is refused here.
            calendar.check()?;
        }
        for interval in &spec.intervals {
            interval.check()?;
        }
        Ok(spec)
    }

    /// The same spec with what its ranges leave to defaults, as an engine tells it.
    #[must_use]
    pub fn with_whole_ranges(mut self) -> Self {
        let calendars = self
            .structured_calendars
            .iter_mut()
            .chain(&mut self.exclude_structured_calendars);
        for calendar in calendars {
            let fields = [
                &mut calendar.second,
                &mut calendar.minute,
                &mut calendar.hour,
                &mut calendar.day_of_month,
                &mut calendar.month,
                &mut calendar.year,
                &mut calendar.day_of_week,
            ];
            for range in fields.into_iter().flatten() {
                range.end = range.end.max(range.start);
                if range.step == 0 {
                    range.step = 1;
                }
            }
        }
        self
    }
}
