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
    refused: Repeated,
    taken: Repeated,
}

/// How often something happened, and why the last time.
#[derive(Debug, Default)]
struct Repeated(u32, Option<Reason>);

impl Repeated {
    fn again(&mut self, reason: &Reason) {
        self.0 += 1;
        self.1 = Some(Arc::clone(reason));
    }

    /// The last reason, if it happens for ever.
    fn for_ever(&self) -> Option<Reason> {
        (self.0 > MAX_IN_A_TURN).then(|| self.1.clone().unwrap_or_default())
    }
}

impl Turn {
    pub(super) fn refuses(&mut self, reason: &Reason) {
        self.refused.again(reason);
    }

    pub(super) fn takes(&mut self, reason: &Reason) {
        self.taken.again(reason);
    }

    pub(super) fn runaway(&self) -> Option<Runaway> {
        let refused = self.refused.for_ever().map(Runaway::Refused);
        refused.or_else(|| self.taken.for_ever().map(Runaway::Taken))
    }
}
