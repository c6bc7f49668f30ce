//! The cron schedules of workflows: when the next run of a chain begins.
//!
//! They are older than schedules, and a Temporal Service reads them otherwise: five fields, a day that is restricted in both of its fields
//! has to fit one of them, `?` is `*`, names have three letters, and Sunday is only 0.

use std::time::Duration;

use steadfast_core::time::Timestamp;

use super::{
    CalendarSpec, ScheduleSpec, ScheduleTimes,
    cron::{fields_of, read_duration},
};
use crate::error::EngineError;

/// When the runs of a workflow begin that is started with a cron schedule.
///
/// ```
/// use steadfast::{core::time::Timestamp, engine::schedule::CronSchedule};
///
/// let schedule = CronSchedule::new("CRON_TZ=Europe/Rome 0 9 * * mon-fri")?;
/// let wait = schedule.backoff(Timestamp::EPOCH, Timestamp::EPOCH).unwrap();
/// // The epoch is a Thursday, and one o'clock in Rome.
/// assert_eq!(wait.as_secs(), 8 * 3_600);
/// # Ok::<(), steadfast::engine::EngineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CronSchedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Calendar(Box<ScheduleTimes>),
    Every(Duration),
}

impl CronSchedule {
    /// Reads a cron schedule.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] if it is none, or has no time at all.
    pub fn new(text: &str) -> Result<Self, EngineError> {
        let kind =
            read(text.trim()).ok_or_else(|| EngineError::invalid("invalid CronSchedule."))?;
        let schedule = Self(kind);
        if schedule.next(Timestamp::EPOCH).is_none() {
            return Err(EngineError::invalid(
                "invalid CronSchedule, no time can be found to satisfy the schedule",
            ));
        }
        Ok(schedule)
    }

    /// How long a run waits that follows one which was to begin at a time; `None` if there is no time any more. Times that have passed
    /// are left out, and it is whole seconds, rounded up.
    #[must_use]
    pub fn backoff(&self, scheduled: Timestamp, now: Timestamp) -> Option<Duration> {
        let next = if now < scheduled {
            scheduled
        } else {
            self.not_before(scheduled, now)?
        };
        let wait = next.since(now);
        let part = u64::from(wait.subsec_nanos() > 0);
        Some(Duration::from_secs(wait.as_secs() + part))
    }

    /// The first time after one that is not before another.
    fn not_before(&self, scheduled: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Calendar(_) => self.next(scheduled.max(now.before(Duration::from_nanos(1)))),
            Kind::Every(delay) => {
                // Whole seconds, and the first time is not the beginning itself.
                let begin =
                    Duration::from_nanos(scheduled.unix_nanos().rem_euclid(NANOS).unsigned_abs());
                let begin = scheduled.before(begin);
                let passed = now.since(begin).as_nanos();
                let times = passed.div_ceil(delay.as_nanos()).max(1);
                Some(begin.after(delay.checked_mul(u32::try_from(times).ok()?)?))
            }
        }
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Calendar(times) => Some(times.after(after).next()?.nominal),
            Kind::Every(delay) => Some(after.after(*delay)),
        }
    }
}

const NANOS: i64 = 1_000_000_000;

fn read(text: &str) -> Option<Kind> {
    let (zone, text) = match text
        .strip_prefix("CRON_TZ=")
        .or_else(|| text.strip_prefix("TZ="))
    {
        None => ("", text),
        Some(rest) => rest.split_once(' ')?,
    };
    let text = text.trim();
    if let Some(delay) = text.strip_prefix("@every ") {
        // Less than a second is one.
        let delay = Duration::from_secs(read_duration(delay.trim()).ok()?.as_secs());
        return Some(Kind::Every(delay.max(Duration::from_secs(1))));
    }
    let fields: Vec<&str> = fields_of(text).split_whitespace().collect();
    let [minute, hour, day, month, week] = fields[..] else {
        return None;
    };
    let names = [minute, hour, day, month, week].iter().all(|field| {
        let names = field.split(|letter: char| !letter.is_ascii_alphabetic());
        names.map(str::len).all(|length| length == 0 || length == 3)
    });
    let no_seven = |part: &str| !part.split(['-', '/']).take(2).any(|number| number == "7");
    let is_week = week.split(',').all(|part| {
        let (range, _) = part.split_once('/').unwrap_or((part, ""));
        no_seven(range)
    });
    if !names || !is_week {
        return None;
    }
    // Steps from a day on end with Saturday.
    let week: Vec<String> = week
        .split(',')
        .map(|part| match part.split_once('/') {
            Some((from, step)) if from != "*" && from != "?" && !from.contains('-') => {
                format!("{from}-6/{step}")
            }
            Some(("*" | "?", step)) => format!("0-6/{step}"),
            _ => part.to_owned(),
        })
        .collect();
    let (day, week) = (day.replace('?', "*"), week.join(",").replace('?', "*"));
    let calendar = |day: &str, week: &str| CalendarSpec {
        minute: minute.replace('?', "*"),
        hour: hour.replace('?', "*"),
        day_of_month: day.to_owned(),
        month: month.replace('?', "*"),
        day_of_week: week.to_owned(),
        ..CalendarSpec::default()
    };
    let is_open = |field: &str| field.split(',').any(|part| part == "*" || part == "*/1");
    let calendars = if is_open(&day) || is_open(&week) {
        vec![calendar(&day, &week)]
    } else {
        vec![calendar(&day, "*"), calendar("*", &week)]
    };
    let spec = ScheduleSpec {
        calendars,
        time_zone_name: zone.to_owned(),
        ..ScheduleSpec::default()
    };
    Some(Kind::Calendar(Box::new(ScheduleTimes::new(&spec).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        crate::spelling::time::parse_timestamp(text).unwrap()
    }

    fn next(cron: &str, scheduled: &str, now: &str) -> String {
        let now = at(now);
        let wait = CronSchedule::new(cron).unwrap().backoff(at(scheduled), now);
        now.after(wait.unwrap()).to_string()
    }

    /// As a Temporal Service has it (`GetBackoffForNextSchedule`).
    #[test]
    fn the_next_run_begins_at_the_first_time_that_has_not_passed() {
        let begin = "2018-12-17T08:00:00Z";
        assert_eq!(next("0 10 * * *", begin, begin), "2018-12-17T10:00:00Z");
        let late = "2018-12-20T00:00:00Z";
        assert_eq!(next("0 10 * * *", begin, late), "2018-12-20T10:00:00Z");
        assert_eq!(
            next("@hourly", begin, "2018-12-17T08:08:30.5Z"),
            "2018-12-17T09:00:00.5Z"
        );
        assert_eq!(next("@every 5h", begin, begin), "2018-12-17T13:00:00Z");
        // Distances count from when the last one was to begin, and what has passed is left out.
        assert_eq!(
            next("@every 5h", begin, "2018-12-18T00:00:00Z"),
            "2018-12-18T04:00:00Z"
        );
        // One that was started early waits for its time.
        assert_eq!(next("@every 5h", late, begin), late);
        assert_eq!(next("0 3 * * 0-6", begin, begin), "2018-12-18T03:00:00Z");
    }

    #[test]
    fn a_day_that_is_restricted_twice_has_to_fit_once() {
        // The 13th, and Fridays.
        let schedule = CronSchedule::new("0 0 13 * fri").unwrap();
        let mut time = at("2026-11-01T00:00:00Z");
        let mut days = Vec::new();
        for _ in 0..3 {
            time = schedule.next(time).unwrap();
            days.push(time.to_string());
        }
        assert_eq!(
            days,
            [
                "2026-11-06T00:00:00Z",
                "2026-11-13T00:00:00Z",
                "2026-11-20T00:00:00Z"
            ]
        );
        // Who asks for any day of the week means the days of the month.
        assert_eq!(
            next("0 0 13 * ?", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            "2026-11-13T00:00:00Z"
        );
    }

    #[test]
    fn what_is_no_cron_schedule_is_refused() {
        for text in [
            "",
            "invalid-cron-spec",
            "* * * *",
            "0 0 * * * *",
            "0 0 * * 7",
            "0 0 31 febr *",
            "60 * * * *",
            "@every",
            "@every x",
        ] {
            let refused = CronSchedule::new(text).unwrap_err().to_string();
            assert_eq!(refused, "invalid CronSchedule.", "{text}");
        }
        let refused = CronSchedule::new("0 0 31 2 *").unwrap_err().to_string();
        assert!(refused.contains("no time can be found"), "{refused}");
    }
}
