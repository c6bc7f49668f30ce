//! A timer.
//!
//! ```text
//!  Unsent ──started──▶ Started ──fired──▶ (done)
//!    │ cancel             │ cancel ──▶ Cancelling ──recorded──▶ (done)
//!    ▼                                    └ fired in the same task ─▶ (done, withdrawn)
//!  (done, no trace)
//! ```

use super::{Effects, Impossible, Outcome};

/// Decides what happens to one timer.
#[derive(Clone, Debug)]
pub struct TimerMachine {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The command has not been matched with its event.
    Unsent,
    /// History says that it runs.
    Started,
    /// It is cancelled, and history does not say so yet.
    Cancelling,
    /// Fired or cancelled.
    Done,
}

/// What a timer hears.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum TimerInput {
    /// `TimerStarted` is in history.
    Started,
    /// Workflow code or its scope cancels it.
    Cancel,
    /// `TimerFired` is in history.
    Fired,
    /// `TimerCanceled` is in history.
    CancelRecorded,
}

impl Default for TimerMachine {
    fn default() -> Self {
        Self {
            state: State::Unsent,
        }
    }
}

impl TimerMachine {
    /// Takes an input.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(&mut self, input: TimerInput) -> Result<Effects, Impossible> {
        use TimerInput::{Cancel, CancelRecorded, Fired, Started};
        let (state, effects) = match (self.state, input) {
            (State::Unsent, Started) => (State::Started, Effects::none()),
            (State::Unsent, Cancel) => (State::Done, Effects::never_started()),
            (State::Unsent, Fired) => return Err(self.impossible("TimerFired")),
            (State::Unsent, CancelRecorded) => return Err(self.impossible("TimerCanceled")),

            (State::Started, Fired) => (State::Done, Effects::finish(Outcome::Completed(None))),
            (State::Started, Cancel) => (
                State::Cancelling,
                Effects {
                    request_cancel: true,
                    ..Effects::resolve(Outcome::Cancelled)
                },
            ),
            (State::Started, Started) => return Err(self.impossible("TimerStarted")),
            (State::Started, CancelRecorded) => return Err(self.impossible("TimerCanceled")),

            (State::Cancelling, CancelRecorded) => (State::Done, Effects::done()),
            (State::Cancelling, Fired) => (State::Done, Effects::done().and_withdraw(true)),
            (State::Cancelling, Cancel) => (State::Cancelling, Effects::none()),
            (State::Cancelling, Started) => return Err(self.impossible("TimerStarted")),

            (State::Done, Cancel) => (State::Done, Effects::none()),
            (State::Done, Started | Fired | CancelRecorded) => {
                return Err(self.impossible("any event"));
            }
        };
        self.state = state;
        Ok(effects)
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.state {
            State::Unsent => "not yet started",
            State::Started => "started",
            State::Cancelling => "cancelling",
            State::Done => "closed",
        };
        Impossible { state, input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_a_timer_cancelled_before_sending_leaves_no_trace() {
        assert_eq!(
            TimerMachine::default().handle(TimerInput::Cancel),
            Ok(Effects::never_started())
        );
    }

    /// Scenario 41: the service drops the cancel's rival, but both may be in one workflow task.
    #[test]
    fn a_timer_that_fires_in_the_task_that_cancels_it_withdraws_the_cancel() {
        let mut machine = TimerMachine::default();
        machine.handle(TimerInput::Started).unwrap();
        machine.handle(TimerInput::Cancel).unwrap();
        assert!(machine.handle(TimerInput::Fired).unwrap().withdraw);
    }

    #[test]
    fn every_sequence_of_inputs_resolves_at_most_once() {
        use TimerInput::{Cancel, CancelRecorded, Fired, Started};
        for sequence in 0..4_usize.pow(6) {
            let mut machine = TimerMachine::default();
            let mut resolved = 0;
            let mut rest = sequence;
            for _ in 0..6 {
                let input = [Started, Cancel, Fired, CancelRecorded][rest % 4];
                rest /= 4;
                match machine.handle(input) {
                    Ok(effects) => resolved += usize::from(effects.resolve.is_some()),
                    Err(_) => break,
                }
            }
            assert!(resolved <= 1, "{sequence}");
        }
    }
}
