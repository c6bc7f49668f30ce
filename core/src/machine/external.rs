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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of a state and an input, with what comes of it.
    #[test]
    fn every_pair_of_state_and_input_is_decided() {
        let states = [State::Unsent, State::Initiated, State::Done];
        let inputs = [
            ExternalInput::Initiated,
            ExternalInput::Cancel,
            ExternalInput::Acknowledged(Outcome::Completed(None)),
        ];
        let mut decided = Vec::new();
        for state in states {
            for input in &inputs {
                let mut machine = ExternalMachine { state };
                let result = machine.handle(input.clone());
                let after = machine.state;
                decided.push(match result {
                    Ok(effects) => format!("{state:?} {input:?} -> {after:?} {effects:?}"),
                    Err(impossible) => format!("{state:?} {input:?} -> {impossible}"),
                });
            }
        }
        let none = Effects::none();
        let never = Effects::never_started();
        let done = Effects::finish(Outcome::Completed(None));
        assert_eq!(
            decided,
            [
                format!("Unsent Initiated -> Initiated {none:?}"),
                format!("Unsent Cancel -> Done {never:?}"),
                "Unsent Acknowledged(Completed(None)) -> `the answer` cannot follow in state \
                 `not yet initiated`"
                    .to_owned(),
                "Initiated Initiated -> `a second initiation` cannot follow in state `initiated`"
                    .to_owned(),
                format!("Initiated Cancel -> Initiated {none:?}"),
                format!("Initiated Acknowledged(Completed(None)) -> Done {done:?}"),
                "Done Initiated -> `any event` cannot follow in state `closed`".to_owned(),
                format!("Done Cancel -> Done {none:?}"),
                "Done Acknowledged(Completed(None)) -> `any event` cannot follow in state `closed`"
                    .to_owned(),
            ]
        );
    }

    /// F6: what was asked of others is outstanding until it is answered or taken back.
    #[test]
    fn it_is_outstanding_until_it_is_answered() {
        for (state, outstanding) in [
            (State::Unsent, true),
            (State::Initiated, true),
            (State::Done, false),
        ] {
            assert_eq!(
                ExternalMachine { state }.is_outstanding(),
                outstanding,
                "{state:?}"
            );
        }
    }
}
