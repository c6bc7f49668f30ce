//! A signal to, or a cancellation of, another execution.
//!
//! ```text
//!  Unsent ──initiated──▶ Initiated ──acknowledged or failed──▶ (done)
//!    │ cancel               │ cancel: nothing, it is on its way (O7)
//!    ▼
//!  (done, no trace)
//! ```

use super::{Effects, Impossible, Outcome};

/// Decides what happens to one external signal or cancel.
#[derive(Clone, Debug)]
pub struct ExternalMachine {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The command has not been matched with its event.
    Unsent,
    /// On its way.
    Initiated,
    /// Delivered or failed.
    Done,
}

/// What an external signal or cancel hears.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum ExternalInput {
    /// The initiated event is in history.
    Initiated,
    /// Workflow code or its scope cancels it.
    Cancel,
    /// It was delivered, or could not be.
    Acknowledged(Outcome),
}

impl Default for ExternalMachine {
    fn default() -> Self {
        Self {
            state: State::Unsent,
        }
    }
}

impl ExternalMachine {
    /// Takes an input.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(&mut self, input: ExternalInput) -> Result<Effects, Impossible> {
        use ExternalInput::{Acknowledged, Cancel, Initiated};
        let (state, effects) = match (self.state, input) {
            (State::Unsent, Initiated) => (State::Initiated, Effects::none()),
            (State::Unsent, Cancel) => (State::Done, Effects::never_started()),
            (State::Unsent, Acknowledged(_)) => return Err(self.impossible("the answer")),
            (State::Initiated, Cancel) => (State::Initiated, Effects::none()),
            (State::Initiated, Acknowledged(outcome)) => (State::Done, Effects::finish(outcome)),
            (State::Initiated, Initiated) => return Err(self.impossible("a second initiation")),
            (State::Done, Cancel) => (State::Done, Effects::none()),
            (State::Done, Initiated | Acknowledged(_)) => return Err(self.impossible("any event")),
        };
        self.state = state;
        Ok(effects)
    }

    /// Whether it is on its way: the run must not end before it is acknowledged (F6).
    #[must_use]
    pub fn is_outstanding(&self) -> bool {
        matches!(self.state, State::Unsent | State::Initiated)
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.state {
            State::Unsent => "not yet initiated",
            State::Initiated => "initiated",
            State::Done => "closed",
        };
        Impossible { state, input }
    }
}
