//! Points in time and durations as protobuf writes them in JSON.

use std::{borrow::Cow, time::Duration};

use jiff::{civil::DateTime, fmt::temporal::DateTimeParser};
use steadfast_core::time::Timestamp;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The longest duration of protobuf: about ten thousand years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// Reads RFC 3339 with any precision and offset. What cannot be expressed becomes the first or the
/// last point in time; digits after the nanoseconds are cut.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    if !has_all_parts(text) {
        return None;
    }
    // In pieces: what `jiff` takes for a point in time ends before the last day of the year 9999, which is "never" to some.
    let text = cut_fraction(text);
    let pieces = PARSER.parse_pieces(text.as_ref()).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let local = pieces.date().to_datetime(pieces.time()?);
    let since_epoch = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let offset = i128::from(pieces.to_numeric_offset()?.seconds()) * NANOS_PER_SECOND;
    let nanos = since_epoch.as_nanos() - offset;
    let nanos = nanos.clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(nanos).ok().map(Timestamp::from_unix_nanos)
}

/// Whether a text has a date with dashes and a time of day with seconds: ISO 8601, which `jiff` reads, has shorter forms.
fn has_all_parts(text: &str) -> bool {
    let separators = [4, 7, 10, 13, 16].map(|index| text.as_bytes().get(index).copied());
    let [dash, second_dash, time, colon, second_colon] = separators;
    (dash, second_dash) == (Some(b'-'), Some(b'-'))
        && matches!(time, Some(b'T' | b't' | b' '))
        && (colon, second_colon) == (Some(b':'), Some(b':'))
}

/// The text with at most nine digits after the point.
fn cut_fraction(text: &str) -> Cow<'_, str> {
    let Some((seconds, rest)) = text.split_once('.') else {
        return Cow::Borrowed(text);
    };
    let digits = rest.find(|letter: char| !letter.is_ascii_digit());
    match digits.and_then(|digits| Some((rest.get(..9)?, rest.get(digits..)?))) {
        Some((fraction, zone)) if digits > Some(9) => {
            Cow::Owned(format!("{seconds}.{fraction}{zone}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Writes RFC 3339 in UTC with 0, 3, 6 or 9 digits after the point.
pub(crate) fn write_timestamp(time: Timestamp) -> String {
    let digits = match time.unix_nanos() {
        nanos if nanos % 1_000_000_000 == 0 => 0,
        nanos if nanos % 1_000_000 == 0 => 3,
        nanos if nanos % 1_000 == 0 => 6,
        _ => 9,
    };
    format!("{time:.digits$}")
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

/// The nanoseconds of the digits after the point.
fn parse_fraction(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
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
        // A leap second counts as the last one before it.
        assert_eq!(nanos("1969-12-31T23:59:60Z"), Some(-1_000_000_000));
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
            "20261120T150835Z",
            "2026-11-20T15:08:35Z[UTC]",
            "2026-11-20T15:08:35[UTC]",
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
