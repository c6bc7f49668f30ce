//! How long somebody waits.

use std::time::Duration;

use steadfast_core::time::Timestamp;

/// How long a caller waits for somebody to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(super) allowed: Duration,
    until: Timestamp,
}

impl Wait {
    pub(crate) fn new(allowed: Duration, now: Timestamp) -> Self {
        Self {
            allowed,
            until: now.after(allowed),
        }
    }

    /// When it is over; never for one that is as long as can be.
    pub(super) fn end(self) -> Option<Timestamp> {
        Some(self.until).filter(|until| *until < Timestamp::MAX)
    }

    pub(super) fn is_over(self, now: Timestamp) -> bool {
        self.end().is_some_and(|end| end <= now)
    }
}
