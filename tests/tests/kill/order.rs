//! What the client asks for: the n-th workflow of a seed, the same in every process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// What a workflow does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Kind {
    /// Activities one after the other; some fail at first.
    Steps,
    /// Timers, alone and side by side.
    Timers,
    /// Waits for signals.
    Signals,
    /// Waits for children.
    Family,
    /// Is cancelled while an activity runs, and cleans up.
    Hold,
    /// Is cancelled while a child runs that is a [`Hold`](Self::Hold).
    Clan,
    /// A saga that completes.
    Saga,
    /// A saga that fails after its last step.
    FailedSaga,
    /// A saga that is cancelled at any time.
    CancelledSaga,
    /// Continues as new.
    Continued,
    /// Activities that may be tried once only.
    Once,
    /// Waits for updates, and is queried after each.
    Updates,
    /// Is terminated while an activity runs.
    Terminated,
    /// Is reset to its beginning, and waits for a signal.
    Reset,
}

const KINDS: [Kind; 14] = [
    Kind::Steps,
    Kind::Timers,
    Kind::Signals,
    Kind::Family,
    Kind::Hold,
    Kind::Clan,
    Kind::Saga,
    Kind::FailedSaga,
    Kind::CancelledSaga,
    Kind::Continued,
    Kind::Once,
    Kind::Updates,
    Kind::Terminated,
    Kind::Reset,
];

/// A workflow's input.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// How many steps, timers, signals, children or runs.
    pub(crate) size: u64,
    /// How many runs came before.
    pub(crate) runs: u64,
    /// How long an activity takes.
    pub(crate) millis: u64,
}

/// What the client does with one workflow.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) plan: Plan,
    pub(crate) signals: Vec<String>,
    pub(crate) updates: Vec<String>,
    pub(crate) cancels: bool,
    pub(crate) terminates: bool,
    pub(crate) resets: bool,
    /// How long it waits before it cancels or terminates.
    pub(crate) patience: Duration,
}

impl Order {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed ^ number.wrapping_mul(0xA24B_AED4_963E_E407));
        let index = usize::try_from(dice.below(KINDS.len() as u64)).unwrap();
        let kind = KINDS[index];
        let plan = Plan {
            kind,
            size: 2 + dice.below(4),
            runs: 0,
            millis: dice.below(8),
        };
        let values: Vec<String> = (1..=plan.size).map(|n| format!("{number}:{n}")).collect();
        let (signals, updates) = match kind {
            Kind::Signals => (values, Vec::new()),
            Kind::Reset => (values[..1].to_vec(), Vec::new()),
            Kind::Updates => (Vec::new(), values),
            _ => (Vec::new(), Vec::new()),
        };
        Self {
            id: format!("{number}-{kind:?}"),
            plan,
            signals,
            updates,
            terminates: kind == Kind::Terminated,
            resets: kind == Kind::Reset,
            cancels: matches!(kind, Kind::Hold | Kind::Clan | Kind::CancelledSaga),
            patience: Duration::from_millis(dice.below(40)),
        }
    }

    /// The order that a workflow id belongs to; `None` for that of a child.
    pub(crate) fn of(seed: u64, id: &str) -> Option<Self> {
        let number = id.split('-').next()?.parse().ok()?;
        Some(Self::new(seed, number)).filter(|order| order.id == id)
    }

    /// Why it cancels, terminates or resets.
    pub(crate) fn reason(&self) -> String {
        format!("stop-{}", self.id)
    }
}
