//! Durations as a query writes them.

const SECOND: i128 = 1_000_000_000;
const UNITS: [(&str, i128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];

/// Nanoseconds of a text: a whole number of them, `1h30m`, `-1.5s`, `1d`, or `01:30:00`.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanos = if text.contains(':') {
        of_clock(text)?
    } else {
        of_units(text)?
    };
    i64::try_from(sign * nanos).ok()
}

/// Hours of any number, minutes and seconds.
fn of_clock(text: &str) -> Option<i128> {
    let mut parts = text.split(':');
    let mut next = |limit: i128| {
        let part = parts.next()?;
        let is_number = part.len() <= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: i128 = is_number.then(|| part.parse().ok()).flatten()?;
        (number < limit).then_some(number)
    };
    let (hours, minutes, seconds) = (next(i128::MAX)?, next(60)?, next(60)?);
    let nanos = (hours * 3_600 + minutes * 60 + seconds) * SECOND;
    parts.next().is_none().then_some(nanos)
}

/// Numbers with their units, one after the other.
fn of_units(text: &str) -> Option<i128> {
    let mut rest = text;
    let mut nanos: i128 = 0;
    while !rest.is_empty() || rest.len() == text.len() {
        let length = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(length)?;
        let unit = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let (_, unit) = UNITS.iter().find(|entry| entry.0 == unit)?;
        nanos = nanos.checked_add(times(number, *unit)?)?;
        rest = after;
    }
    Some(nanos)
}

/// A number with a point or without one, times a unit; what is less than a nanosecond is cut.
fn times(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    // More digits than that are less than a nanosecond of a day.
    let fraction = fraction.get(..fraction.len().min(15))?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    whole
        .checked_mul(unit)?
        .checked_add(fraction * unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server of version 1.32 takes and refuses.
    #[test]
    fn durations_are_read_as_a_service_reads_them() {
        const HOUR: i64 = 3_600_000_000_000;
        for (text, nanos) in [
            ("5", Some(5)),
            ("1000000000", Some(1_000_000_000)),
            ("1s", Some(1_000_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("5µs", Some(5_000)),
            ("1h30m", Some(HOUR + HOUR / 2)),
            ("1m0.5s", Some(60_500_000_000)),
            ("1d", Some(24 * HOUR)),
            ("1d2h", Some(26 * HOUR)),
            ("00:00:01", Some(1_000_000_000)),
            ("0:0:1", Some(1_000_000_000)),
            ("100:00:00", Some(100 * HOUR)),
            ("", None),
            ("abc", None),
            ("1w", None),
            ("1 h", None),
            ("1:2", None),
            ("00:00:60", None),
            ("1:2:3:4", None),
            ("99999999h", None),
            ("1.2.3s", None),
            (".s", None),
            ("s", None),
            ("-", None),
            ("1h1", None),
        ] {
            assert_eq!(parse_duration(text), nanos, "{text}");
        }
    }
}
