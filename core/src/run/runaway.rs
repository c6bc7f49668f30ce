//! Notices code that goes round for ever without coming to rest (D11).

use std::{fmt, sync::Arc};

use crate::{machine::Reason, text::OneLine};

/// How many operations may be refused, or requests taken, in one turn: more than a workflow can
/// have open, and little enough to be reached in milliseconds by code that never rests.
const MAX_IN_A_TURN: u32 = 10_000;

/// What code does that goes round for ever without resting (D11). Displays as what its author is told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each kind has a text of its own")]
pub enum Runaway {
    /// It starts operations again and again that are refused, because their scope is cancelled, for this reason.
    Refused(Reason),
    /// It waits again and again for a cancellation that was accepted, or looks whether one is requested, for this reason.
    Taken(Reason),
}

impl fmt::Display for Runaway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(
                f,
                "workflow code starts operations again and again in a scope that is cancelled{}, where each is refused; \
                 leave the loop when `error.is_cancelled()`, or run what has to go on in `ctx.disconnected(..)`",
                Because(reason)
            ),
            Self::Taken(reason) => write!(
                f,
                "workflow code awaits `ctx.cancelled()` or `ctx.cancellation_requested()` again and again, which resolves \
                 at once in a scope whose cancellation was accepted, or is requested{}; leave the loop after it, or do not \
                 look again",
                Because(reason)
            ),
        }
    }
}

/// The reason of a cancellation, if there is one.
struct Because<'a>(&'a str);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " (`{}`)", OneLine(self.0))
    }
}

/// What happened since the code last rested.
#[derive(Debug, Default)]
pub(super) struct Turn {
    refused: u32,
    taken: u32,
    /// Of the last one that was refused or taken.
    reason: Option<Reason>,
}

impl Turn {
    pub(super) fn refuses(&mut self, reason: &Reason) {
        self.refused += 1;
        self.reason = Some(Arc::clone(reason));
    }

    pub(super) fn takes(&mut self, reason: &Reason) {
        self.taken += 1;
        self.reason = Some(Arc::clone(reason));
    }

    pub(super) fn runaway(&self) -> Option<Runaway> {
        let reason = || self.reason.clone().unwrap_or_default();
        if self.refused > MAX_IN_A_TURN {
            Some(Runaway::Refused(reason()))
        } else if self.taken > MAX_IN_A_TURN {
            Some(Runaway::Taken(reason()))
        } else {
            None
        }
    }
}
