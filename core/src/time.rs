//! Points in time. Nothing here reads a clock: time comes in as data.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A point in time with nanosecond precision, between the years 1677 and 2262.
///
/// Arithmetic saturates at those bounds instead of failing: a timer for a thousand years is a
/// timer that does not fire.
#[derive(Clone, Copy, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The latest point in time that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// Makes a timestamp from nanoseconds since the epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// The time that passed since an earlier timestamp; zero when that one is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// The timestamp a duration later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// The timestamp a duration earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// Writes RFC 3339 in UTC with as many digits as needed, such as `2026-11-20T15:08:35.210916322Z`, or with as many as a
/// precision says: `{time:.3}`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_err(|_| fmt::Error)?;
        fmt::Display::fmt(&time, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_as_rfc_3339() {
        let text = |nanos| Timestamp::from_unix_nanos(nanos).to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_709_164_800_000_000_000), "2024-02-29T00:00:00Z");
        assert_eq!(
            text(1_795_187_315_210_916_322),
            "2026-11-20T15:08:35.210916322Z"
        );
        assert_eq!(text(-1_500_000_000), "1969-12-31T23:59:58.5Z");
        assert_eq!(text(i64::MIN), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(text(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(
            format!("{:.3}", Timestamp::from_unix_nanos(1_500_000_000)),
            "1970-01-01T00:00:01.500Z"
        );
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::EPOCH.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::MAX), Duration::ZERO);
    }
}
