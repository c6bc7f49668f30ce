//! Times as users have them.

use std::time::{Duration, SystemTime};

use steadfast_core::time::Timestamp;

pub(crate) fn to_system_time(time: Timestamp) -> SystemTime {
    let nanos = time.unix_nanos();
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 {
        SystemTime::UNIX_EPOCH - distance
    } else {
        SystemTime::UNIX_EPOCH + distance
    }
}

/// A time that is too early or too late is the earliest or the latest.
pub(crate) fn to_timestamp(time: SystemTime) -> Timestamp {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Timestamp::EPOCH.after(since),
        Err(before) => Timestamp::EPOCH.before(before.duration()),
    }
}
