//! Points in time and durations as protobuf writes them in JSON.

use std::time::Duration;

use steadfast_core::time::Timestamp;

/// The longest duration of protobuf: about ten thousand years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// Reads RFC 3339 with any precision and offset. What cannot be expressed becomes the first or the
/// last point in time; digits after the nanoseconds are cut.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, offset) = split_offset(time)?;
    let (clock, nanos) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, parse_fraction(fraction)?),
        None => (clock, 0),
    };
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    // Second 60 is a leap second; it counts as the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let bounds = (i128::from(i64::MIN), i128::from(i64::MAX));
    let nanos = i64::try_from(nanos.clamp(bounds.0, bounds.1)).ok()?;
    Some(Timestamp::from_unix_nanos(nanos))
}

/// Writes RFC 3339 in UTC with 0, 3, 6 or 9 digits after the point.
pub(crate) fn write_timestamp(time: Timestamp) -> String {
    let text = time.to_string();
    match text.trim_end_matches('Z').split_once('.') {
        Some((seconds, fraction)) => {
            let width = fraction.len().next_multiple_of(3);
            format!("{seconds}.{fraction:0<width$}Z")
        }
        None => text,
    }
}

/// Reads seconds such as `5s` or `0.500s`. There are no negative durations in a history.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.strip_suffix('s')?;
    let (seconds, nanos) = match text.split_once('.') {
        Some((seconds, fraction)) => (seconds, parse_fraction(fraction)?),
        None => (text, 0),
    };
    let seconds = u64::try_from(digits(seconds)?).ok()?;
    (seconds <= MAX_SECONDS).then(|| Duration::new(seconds, nanos))
}

/// Writes seconds with 0, 3, 6 or 9 digits after the point. What is longer than protobuf's longest
/// duration is written as that.
pub(crate) fn write_duration(duration: Duration) -> String {
    let duration = duration.min(Duration::from_secs(MAX_SECONDS));
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 {
        format!("{seconds}s")
    } else if nanos.is_multiple_of(1_000_000) {
        format!("{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!("{seconds}.{:06}s", nanos / 1_000)
    } else {
        format!("{seconds}.{nanos:09}s")
    }
}

/// A number of digits and nothing else.
fn digits(text: &str) -> Option<i64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// Three numbers of known lengths.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |length| parts.next().filter(|part| part.len() == length);
    let [first, second, third] = lengths;
    let numbers = [
        digits(next(first)?)?,
        digits(next(second)?)?,
        digits(next(third)?)?,
    ];
    parts.next().is_none().then_some(numbers)
}

/// The nanoseconds of the digits after the point.
fn parse_fraction(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
}

/// The time of day without its offset, and the offset from UTC in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let (clock, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let sign = match offset.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let valid = hours <= 23 && minutes <= 59;
    valid.then_some((clock, sign * (hours * 3_600 + minutes * 60)))
}

/// Turns a date of the proleptic Gregorian calendar into days since the epoch, by counting years
/// from March so that the leap day is the last of its year (H. Hinnant, "chrono-compatible
/// low-level date algorithms"). The year has four digits, so nothing overflows.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i64> {
        parse_timestamp(text).map(Timestamp::unix_nanos)
    }

    #[test]
    fn timestamps_of_any_precision_and_offset_are_read() {
        let whole = 1_795_187_315_000_000_000;
        assert_eq!(nanos("2026-11-20T15:08:35Z"), Some(whole));
        assert_eq!(nanos("2026-11-20t16:08:35.0+01:00"), Some(whole));
        assert_eq!(nanos("2026-11-20 05:38:35-09:30"), Some(whole));
        assert_eq!(nanos("2026-11-20T15:08:35.21Z"), Some(whole + 210_000_000));
        assert_eq!(
            nanos("2026-11-20T15:08:35.2109163229Z"),
            Some(whole + 210_916_322)
        );
        assert_eq!(
            nanos("2026-11-20T15:08:34.5+00:00"),
            Some(whole - 500_000_000)
        );
        assert_eq!(nanos("1969-12-31T23:59:60Z"), Some(0));
        assert_eq!(nanos("0001-01-01T00:00:00Z"), Some(i64::MIN));
        assert_eq!(nanos("9999-12-31T23:59:59Z"), Some(i64::MAX));
    }

    #[test]
    fn every_day_is_read_as_it_is_written() {
        for day in -100_000..100_000 {
            let time = Timestamp::from_unix_nanos(day * 86_400_000_000_000 + day);
            assert_eq!(parse_timestamp(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn timestamps_are_written_with_the_digits_they_need() {
        for text in [
            "2026-11-20T15:08:35Z",
            "2026-11-20T15:08:35.500Z",
            "2026-11-20T15:08:35.000250Z",
            "2026-11-20T15:08:35.469181280Z",
        ] {
            assert_eq!(
                parse_timestamp(text).map(write_timestamp).as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn what_is_not_a_timestamp_is_refused() {
        for text in [
            "",
            "T",
            "Z",
            "2026-11-20",
            "2026-11-20T15:08Z",
            "2026-11-20T15:08:35",
            "2026-11-20T15:08:35.Z",
            "2026-11-20T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "+026-11-20T15:08:35Z",
            "2026-11-20T15:08:35+1:00",
            "2026-11-20T15:08:35é01:00",
            "2026-11-20T15:08:35Z é",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_read_and_write_with_the_digits_they_need() {
        for (text, duration) in [
            ("0s", Duration::ZERO),
            ("3600s", Duration::from_secs(3_600)),
            ("0.500s", Duration::from_millis(500)),
            ("1.000250s", Duration::from_micros(1_000_250)),
            ("2.000000001s", Duration::from_nanos(2_000_000_001)),
        ] {
            assert_eq!(parse_duration(text), Some(duration));
            assert_eq!(write_duration(duration), text);
        }
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(write_duration(Duration::MAX), "315576000000s");
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "+5s",
            ".5s",
            "1.s",
            "1m",
            "315576000001s",
            "1e3s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
