//! The times of a spec: which one comes after a point in time.
//!
//! Local times are matched as the clock on the wall shows them. Between two changes of a time zone's offset local time
//! runs like any other; so a search goes from change to change, and what the clock skips or shows twice needs no rule.

use std::{fmt, time::Duration};

use jiff::{
    civil::{Date, DateTime},
    tz::{Offset, TimeZone, TimeZoneDatabase},
};
use steadfast_core::{ids::ScheduleId, time::Timestamp};

use super::{IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec, cron::YEARS};
use crate::error::EngineError;

/// One of the times of a schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScheduleTime {
    /// What the spec says.
    pub nominal: Timestamp,
    /// When the action is taken: with jitter.
    pub actual: Timestamp,
}

/// The times of a spec, made ready to be looked for.
///
/// ```
/// use steadfast::{core::time::Timestamp, engine::schedule::{ScheduleSpec, ScheduleTimes}};
///
/// let spec = ScheduleSpec {
///     cron_strings: vec!["CRON_TZ=Europe/Rome 30 9 * * mon-fri".to_owned()],
///     ..ScheduleSpec::default()
/// };
/// let times = ScheduleTimes::new(&spec)?;
/// let next = times.after(Timestamp::EPOCH).next().map(|time| time.nominal.to_string());
/// assert_eq!(next.as_deref(), Some("1970-01-01T08:30:00Z"));
/// # Ok::<(), steadfast::engine::EngineError>(())
/// ```
#[derive(Clone)]
pub struct ScheduleTimes {
    calendars: Vec<Calendar>,
    excluded: Vec<Calendar>,
    intervals: Vec<IntervalSpec>,
    zone: TimeZone,
    start: Option<i64>,
    end: Option<Timestamp>,
    jitter: Duration,
    seed: u64,
}

impl fmt::Debug for ScheduleTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleTimes").finish_non_exhaustive()
    }
}

/// How many times that are excluded are passed over in a row. More are taken for all.
const MOST_EXCLUDED: u32 = 1_000_000;

impl ScheduleTimes {
    /// Makes a spec ready.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] says what is wrong with it.
    pub fn new(spec: &ScheduleSpec) -> Result<Self, EngineError> {
        let spec = spec.canonical()?;
        let zone = time_zone(&spec)?;
        let calendars = |all: &[StructuredCalendarSpec]| all.iter().map(Calendar::new).collect();
        Ok(Self {
            calendars: calendars(&spec.structured_calendars),
            excluded: calendars(&spec.exclude_structured_calendars),
            intervals: spec.intervals,
            zone,
            // The first second that is not before it.
            start: spec.start_time.map(|time| {
                let nanos = time.unix_nanos();
                nanos.div_euclid(NANOS) + i64::from(nanos.rem_euclid(NANOS) > 0)
            }),
            end: spec.end_time,
            jitter: spec.jitter,
            seed: 0,
        })
    }

    /// Has jitter depend on the id of the schedule too, so that schedules of the same spec do not all act at once.
    #[must_use]
    pub fn of_schedule(mut self, schedule_id: &ScheduleId) -> Self {
        self.seed = hash(0, schedule_id.as_str().as_bytes());
        self
    }

    /// The times whose action is taken after a point in time, in order.
    pub fn after(&self, time: Timestamp) -> impl Iterator<Item = ScheduleTime> + use<'_> {
        let mut last = time;
        let mut zone = Zone::new(&self.zone);
        std::iter::from_fn(move || {
            let next = self.next(last, &mut zone)?;
            last = next.actual;
            Some(next)
        })
        .fuse()
    }

    /// The first time whose nominal time is after a point in time.
    ///
    /// Jitter never reaches the next nominal time, so it is the first that is taken after the one that is taken then.
    fn next(&self, after: Timestamp, zone: &mut Zone<'_>) -> Option<ScheduleTime> {
        let mut seconds = after.unix_nanos().div_euclid(NANOS);
        if let Some(start) = self.start {
            seconds = seconds.max(start - 1);
        }
        // A service begins with the epoch.
        seconds = seconds.max(-1);
        let mut passed_over = 0;
        let nominal = loop {
            let next = self.next_second(seconds, zone)?;
            let time = Timestamp::from_unix_nanos(next.checked_mul(NANOS)?);
            if self.end.is_some_and(|end| time > end) || next >= end_of_years() {
                return None;
            }
            match self.excluded_until(next, zone) {
                None => break next,
                // What follows at once is excluded as well.
                Some(until) => seconds = until - 1,
            }
            passed_over += 1;
            if passed_over > MOST_EXCLUDED {
                return None;
            }
        };
        let time = Timestamp::from_unix_nanos(nominal.checked_mul(NANOS)?);
        let jitter = match self.jitter {
            Duration::ZERO => Duration::ZERO,
            most => {
                let until_next = self
                    .next_second(nominal, zone)
                    .and_then(|next| u64::try_from(next - nominal).ok())
                    .map_or(Duration::MAX, Duration::from_secs);
                self.jitter_of(nominal, most.min(until_next))
            }
        };
        Some(ScheduleTime {
            nominal: time,
            actual: time.after(jitter),
        })
    }

    /// A whole number of milliseconds below the most.
    fn jitter_of(&self, nominal: i64, most: Duration) -> Duration {
        let chance = hash(self.seed, &nominal.to_be_bytes());
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let millis = (u128::from(chance) * u128::from(most)) >> 64;
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    fn next_second(&self, after: i64, zone: &mut Zone<'_>) -> Option<i64> {
        let mut first: Option<i64> = None;
        for calendar in &self.calendars {
            // What comes later than what was found need not be looked for.
            let until = first.unwrap_or(i64::MAX);
            first = calendar.next(after, until, zone).or(first);
        }
        let intervals = self
            .intervals
            .iter()
            .filter_map(|interval| next_of_interval(interval, after));
        first.into_iter().chain(intervals).min()
    }

    /// If a second is excluded, up to when at least all that follow are.
    fn excluded_until(&self, second: i64, zone: &mut Zone<'_>) -> Option<i64> {
        if self.excluded.is_empty() {
            return None;
        }
        let stretch = zone.at(second)?;
        let local = stretch.local(second)?;
        self.excluded
            .iter()
            .filter(|calendar| calendar.matches(local))
            .map(|calendar| (second + calendar.seconds_matched_from(local)).min(stretch.until))
            .max()
    }
}

const NANOS: i64 = 1_000_000_000;

fn end_of_years() -> i64 {
    // 2101-01-01T00:00:00Z.
    4_133_980_800
}

fn time_zone(spec: &ScheduleSpec) -> Result<TimeZone, EngineError> {
    let name = spec.time_zone_name.as_str();
    if !spec.time_zone_data.is_empty() {
        return TimeZone::tzif(name, spec.time_zone_data.as_slice()).map_err(|error| {
            EngineError::invalid(format!(
                "the data of the time zone is no TZif file: {error}"
            ))
        });
    }
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| EngineError::invalid(format!("unknown time zone {name}"))),
    }
}

fn next_of_interval(spec: &IntervalSpec, after: i64) -> Option<i64> {
    let interval = i64::try_from(spec.interval.as_secs()).ok()?.max(1);
    let phase = i64::try_from(spec.phase.as_secs()).ok()?;
    (after.checked_sub(phase)?.div_euclid(interval) + 1)
        .checked_mul(interval)?
        .checked_add(phase)
}

fn instant(second: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(second).ok()
}

/// Seconds through which the offset of a time zone stays the same.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    /// The first second that is no longer of it.
    until: i64,
    offset: Offset,
}

impl Stretch {
    fn local(&self, second: i64) -> Option<DateTime> {
        Some(self.offset.to_datetime(instant(second)?))
    }
}

/// A time zone with the stretch that was looked at last: times are mostly looked for in order.
struct Zone<'a> {
    zone: &'a TimeZone,
    last: Option<Stretch>,
}

impl<'a> Zone<'a> {
    fn new(zone: &'a TimeZone) -> Self {
        Self { zone, last: None }
    }

    /// The part of a stretch that begins at a second or before it.
    fn at(&mut self, second: i64) -> Option<Stretch> {
        if let Some(last) = self.last
            && (last.from..last.until).contains(&second)
        {
            return Some(last);
        }
        let at = instant(second)?;
        let change = self.zone.following(at).next();
        let stretch = Stretch {
            from: second,
            until: change.map_or(i64::MAX, |change| change.timestamp().as_second()),
            offset: self.zone.to_offset(at),
        };
        self.last = Some(stretch);
        Some(stretch)
    }
}

/// Numbers below 64.
#[derive(Clone, Copy, Debug, Default)]
struct Bits(u64);

impl Bits {
    fn new(ranges: &[Range]) -> Self {
        let mut bits = 0;
        for value in ranges.iter().flat_map(values) {
            if let Ok(value) = u32::try_from(value)
                && value < 64
            {
                bits |= 1 << value;
            }
        }
        Self(bits)
    }

    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.0 & (1 << value) != 0)
    }

    /// The first number that is not below another.
    fn from(self, value: i8) -> Option<i8> {
        let value = u32::try_from(value).ok().filter(|value| *value < 64)?;
        let rest = self.0 & (u64::MAX << value);
        (rest != 0).then(|| i8::try_from(rest.trailing_zeros()).unwrap_or(i8::MAX))
    }

    fn has_all_below(self, end: u32) -> bool {
        let all = (1 << end) - 1;
        self.0 & all == all
    }
}

fn values(range: &Range) -> impl Iterator<Item = i32> + use<> {
    let step = usize::try_from(range.step.max(1)).unwrap_or(1);
    (range.start..=range.end.max(range.start)).step_by(step)
}

/// A calendar in which times are looked for.
#[derive(Clone, Debug)]
struct Calendar {
    second: Bits,
    minute: Bits,
    hour: Bits,
    day_of_month: Bits,
    day_of_week: Bits,
    month: Bits,
    /// All, if there are none.
    years: Vec<i32>,
}

impl Calendar {
    fn new(spec: &StructuredCalendarSpec) -> Self {
        Self {
            second: Bits::new(&spec.second),
            minute: Bits::new(&spec.minute),
            hour: Bits::new(&spec.hour),
            day_of_month: Bits::new(&spec.day_of_month),
            day_of_week: Bits::new(&spec.day_of_week),
            month: Bits::new(&spec.month),
            years: spec.year.iter().flat_map(values).collect(),
        }
    }

    fn has_year(&self, year: i16) -> bool {
        self.years.is_empty() || self.years.contains(&i32::from(year))
    }

    fn has_day(&self, date: Date) -> bool {
        self.has_year(date.year())
            && self.month.has(date.month())
            && self.day_of_month.has(date.day())
            && self.day_of_week.has(date.weekday().to_sunday_zero_offset())
    }

    fn matches(&self, local: DateTime) -> bool {
        self.has_day(local.date())
            && self.hour.has(local.hour())
            && self.minute.has(local.minute())
            && self.second.has(local.second())
    }

    /// For how many seconds from one that matches, itself included, local time goes on matching at least.
    fn seconds_matched_from(&self, local: DateTime) -> i64 {
        if !self.second.has_all_below(60) {
            return 1;
        }
        let left_of_minute = 60 - i64::from(local.second());
        if !self.minute.has_all_below(60) {
            return left_of_minute;
        }
        let left_of_hour = (59 - i64::from(local.minute())) * 60 + left_of_minute;
        if !self.hour.has_all_below(24) {
            return left_of_hour;
        }
        (23 - i64::from(local.hour())) * 3_600 + left_of_hour
    }

    /// The first second after another, and before a last one.
    fn next(&self, after: i64, until: i64, zone: &mut Zone<'_>) -> Option<i64> {
        let mut from = after.checked_add(1)?;
        while from < until {
            let stretch = zone.at(from)?;
            let local = stretch.local(from)?;
            if i32::from(local.year()) > YEARS[1] {
                return None;
            }
            let last = stretch.until.min(until);
            let last_day = match stretch.local(last) {
                Some(local) => local.date(),
                None => Date::MAX,
            };
            if let Some(found) = self.next_local(local, last_day) {
                let second = stretch.offset.to_timestamp(found).ok()?.as_second();
                if second < last {
                    return Some(second);
                }
            }
            from = stretch.until;
        }
        None
    }

    /// The first local time that is not before another, on a day up to the last.
    fn next_local(&self, from: DateTime, until: Date) -> Option<DateTime> {
        let mut date = from.date();
        if date == from.date()
            && self.has_day(date)
            && let Some(found) = self.next_of_day(from)
        {
            return Some(found);
        }
        loop {
            date = self.next_day(date, until)?;
            if let Some(found) = self.next_of_day(date.at(0, 0, 0, 0)) {
                return Some(found);
            }
        }
    }

    /// The first day that fits after another, up to the last.
    fn next_day(&self, after: Date, until: Date) -> Option<Date> {
        let mut date = after.tomorrow().ok()?;
        loop {
            if date > until || i32::from(date.year()) > YEARS[1] {
                return None;
            }
            if !self.has_year(date.year()) {
                date = Date::new(date.year() + 1, 1, 1).ok()?;
            } else if !self.month.has(date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
            } else if self.has_day(date) {
                return Some(date);
            } else {
                date = date.tomorrow().ok()?;
            }
        }
    }

    /// The first time of a day that is not before another.
    fn next_of_day(&self, from: DateTime) -> Option<DateTime> {
        let first_minute = self.minute.from(0)?;
        let first_second = self.second.from(0)?;
        let at = |hour, minute, second| from.date().at(hour, minute, second, 0);
        if self.hour.has(from.hour()) {
            if self.minute.has(from.minute())
                && let Some(second) = self.second.from(from.second())
            {
                return Some(at(from.hour(), from.minute(), second));
            }
            if let Some(minute) = self.minute.from(from.minute() + 1) {
                return Some(at(from.hour(), minute, first_second));
            }
        }
        let hour = self.hour.from(from.hour() + 1)?;
        Some(at(hour, first_minute, first_second))
    }
}

/// Chance that depends on nothing but this: bits that look like any others.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The last bytes have to reach the first bits too.
    for _ in 0..2 {
        hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
    hash ^ (hash >> 32)
}
