//! One state machine for each kind of command whose outcome comes later.
//!
//! A machine decides what a cancellation, an event of history or an answer does to one operation
//! in each of its states. It knows no ids but its own, emits no command itself and resolves
//! nothing itself: it returns [`Effects`], which the run carries out.
//!
//! Invariants: a machine resolves exactly once; what history may legally contain after that is
//! accepted and ignored (an abandoned activity that fails later must not wedge a run); what it can
//! not contain is an error with state and input in it. Every `match` names every state and every
//! input, so the compiler has seen each pair.

mod activity;
mod child_workflow;
mod external;
mod local_activity;
mod local_execution;
mod timer;

use std::{fmt, sync::Arc};

pub use self::{
    activity::{ActivityInput, ActivityMachine},
    child_workflow::{ChildInput, ChildMachine},
    external::{ExternalInput, ExternalMachine},
    local_activity::{LocalActivityInput, LocalActivityMachine},
    local_execution::{
        AttemptEnd, LocalEffects, LocalExecutionInput, LocalExecutionMachine, Next, StopReason,
        Told,
    },
    timer::{TimerInput, TimerMachine},
};

use crate::{failure::Failure, payload::Payload};

/// What a machine wants done after an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Take back the operation's command that has not been sent yet.
    pub withdraw: bool,
    /// Ask the other side for the operation's cancellation.
    pub request_cancel: bool,
    /// Record a marker (local activities).
    pub record_marker: bool,
    /// Stop the local execution (local activities).
    pub stop: bool,
    /// Record a marker and start the timer for the wait before the next attempt (local activities).
    pub back_off: bool,
    /// Cancel that timer (local activities).
    pub stop_backing_off: bool,
    /// Run the next attempt (local activities).
    pub run_again: bool,
    /// Tell workflow code how the operation ended.
    pub resolve: Option<Outcome>,
    /// The machine will hear no more and can be forgotten.
    pub done: bool,
}

/// How an operation ended, before the run adds what only it knows.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the run decides every outcome by name"
)]
pub enum Outcome {
    /// With a result.
    Completed(Option<Payload>),
    /// Without one.
    Failed(Box<Failure>),
    /// Cancelled by the run itself, without waiting for the other side.
    Cancelled,
    /// Cancelled before anything was sent: it leaves no trace (O2).
    NeverStarted,
}

/// An input that history or the engine cannot legally give in this state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Impossible {
    /// The machine's state.
    pub state: &'static str,
    /// The input.
    pub input: &'static str,
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` cannot follow in state `{}`",
            self.input, self.state
        )
    }
}

impl Effects {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Resolves and does nothing else.
    pub(crate) fn resolve(outcome: Outcome) -> Self {
        Self {
            resolve: Some(outcome),
            ..Self::default()
        }
    }

    /// Resolves, and nothing more will come.
    pub(crate) fn finish(outcome: Outcome) -> Self {
        Self {
            resolve: Some(outcome),
            done: true,
            ..Self::default()
        }
    }

    /// Nothing more will come.
    pub(crate) fn done() -> Self {
        Self {
            done: true,
            ..Self::default()
        }
    }

    /// Takes back what was not sent, and nothing more will come.
    pub(crate) fn never_started() -> Self {
        Self {
            withdraw: true,
            resolve: Some(Outcome::NeverStarted),
            done: true,
            ..Self::default()
        }
    }

    /// Takes back what was not sent, in addition.
    pub(crate) fn and_withdraw(mut self, withdraw: bool) -> Self {
        self.withdraw = withdraw;
        self
    }
}

/// Why something is cancelled; cheap to clone, and the same for all that one request reaches.
pub type Reason = Arc<str>;
