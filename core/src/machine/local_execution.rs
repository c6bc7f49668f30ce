//! What the worker does with one local activity: when it is called, what it is told, and how it ends.
//!
//! ```text
//!  Queued ──admitted──▶ Attempting ──ended, limit──▶ (done)
//!    │                    │   ▲  └──failed, to be tried again too late for the task──▶ (done, backs off)
//!    │                    └───┴─ failed ─▶ Waiting ─ wait over ─▶ Attempting
//!    └──cancel, gone, worker stops, limit──▶ (done), also from Waiting
//! ```
//!
//! An attempt is never stopped by force but at a time limit: it is told, once, and each attempt for itself. What
//! it ends with after it was told decides as the table says.

use std::time::Duration;

use super::Impossible;
use crate::{
    failure::{Failure, FailureKind, TimeoutType},
    payload::Payload,
    retry::RetryPolicy,
    task::LocalActivityTask,
    time::Timestamp,
};

/// What the workflow task of a local activity without a limit fails with.
const NO_LIMIT: &str = "a local activity needs a time limit above zero: `start_to_close_timeout` or `schedule_to_close_timeout`";

/// Decides about one local activity in the worker.
#[derive(Clone, Debug)]
pub struct LocalExecutionMachine {
    policy: RetryPolicy,
    /// Why it cannot run at all.
    nonsense: Option<String>,
    attempt: u32,
    limit: Option<Duration>,
    longest_wait: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Waits for its turn.
    Queued,
    /// An attempt runs, and may have been asked to stop.
    Attempting(Option<StopReason>),
    /// Between two attempts.
    Waiting,
    /// Over.
    Done,
}

/// Why a local activity is to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the worker tells every reason by name"
)]
pub enum StopReason {
    /// The workflow asked for it.
    Cancelled,
    /// Its run was terminated, has left memory or is lost: nobody waits for it.
    Gone,
    /// The worker stops.
    WorkerStops,
}

/// How the function of an attempt ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every end by name"
)]
pub enum AttemptEnd {
    /// With a value.
    Completed(Option<Payload>),
    /// With a failure.
    Failed(Box<Failure>),
    /// As cancelled, with values for whoever asked.
    Cancelled(Vec<Payload>),
    /// It was not called, because its arguments could not be read.
    Unreadable(Box<Failure>),
    /// It wants to be completed from elsewhere, which a local activity cannot.
    CompleteAsync,
}

/// What a local activity in the worker hears.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every input by name"
)]
pub enum LocalExecutionInput {
    /// Its turn has come, and the worker knows its type.
    Admitted,
    /// Its turn has come, and the worker does not know its type.
    Unknown(Box<Failure>),
    /// The attempt has ended.
    Ended(AttemptEnd),
    /// The limit of the attempt or of all attempts has passed.
    TimedOut(TimeoutType),
    /// The wait between two attempts is over.
    WaitOver,
    /// It is to stop.
    Stop(StopReason),
}

/// What is to be done about a local activity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalEffects {
    /// Tell the attempt that runs.
    pub tell: Option<Told>,
    /// What comes next; nothing new when absent.
    pub next: Option<Next>,
}

/// What an attempt is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the worker tells every reason by name"
)]
pub enum Told {
    /// To stop.
    Stop(StopReason),
    /// That its time is over.
    TimedOut,
}

/// What comes next for a local activity.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the worker does every step by name"
)]
pub enum Next {
    /// Call the function for this attempt.
    Attempt(u32),
    /// Wait for the next attempt.
    Wait(Duration),
    /// Tell the run how it ended.
    End(Result<Option<Payload>, Box<Failure>>),
    /// Tell the run that the next attempt is so far away, after this one failed.
    BackOff {
        /// The attempt that failed.
        attempt: u32,
        /// How.
        failure: Box<Failure>,
        /// The wait.
        wait: Duration,
    },
    /// Fail the workflow task: this worker cannot run it, and another may.
    FailTask(Box<Failure>),
    /// Nobody waits for it any more, or the worker does not run it to its end. Another worker runs it anew.
    GiveUp,
}

impl LocalExecutionMachine {
    /// A machine for a task that just came.
    #[must_use]
    pub fn new(task: &LocalActivityTask) -> Self {
        let policy = task.retry_policy.clone().unwrap_or_default();
        let mut nonsense = policy.clone().validated().err().map(|why| why.to_string());
        let timeouts = &task.timeouts;
        if timeouts.start_to_close_timeout.is_none() && timeouts.schedule_to_close_timeout.is_none()
        {
            nonsense = Some(NO_LIMIT.to_owned());
        }
        Self {
            policy,
            nonsense,
            attempt: task.attempt,
            limit: task.timeouts.schedule_to_close_timeout,
            longest_wait: task.longest_wait,
            state: State::Queued,
        }
    }

    /// Takes an input, at a time that is counted from when the local activity was scheduled.
    ///
    /// # Errors
    ///
    /// When the input cannot follow.
    pub fn handle(
        &mut self,
        input: LocalExecutionInput,
        now: Duration,
    ) -> Result<LocalEffects, Impossible> {
        use LocalExecutionInput::{Admitted, Ended, Stop, TimedOut, Unknown, WaitOver};
        use StopReason::{Cancelled, Gone, WorkerStops};
        let nothing = LocalEffects::default();
        let (state, effects) = match (self.state, input) {
            (State::Queued, Admitted) => match &self.nonsense {
                Some(text) => {
                    let failure = Failure::application(text.as_str(), "InvalidArgument");
                    (
                        State::Done,
                        LocalEffects::next(Next::FailTask(Box::new(failure))),
                    )
                }
                None => (
                    State::Attempting(None),
                    LocalEffects::next(Next::Attempt(self.attempt)),
                ),
            },
            (State::Queued, Unknown(failure)) => {
                (State::Done, LocalEffects::next(Next::FailTask(failure)))
            }
            (State::Waiting, WaitOver) => {
                self.attempt = self.attempt.saturating_add(1);
                (
                    State::Attempting(None),
                    LocalEffects::next(Next::Attempt(self.attempt)),
                )
            }

            // Nothing runs: it ends here.
            (State::Queued, Stop(Cancelled)) => (
                State::Done,
                LocalEffects::cancelled("cancelled before the worker ran it"),
            ),
            (State::Waiting, Stop(Cancelled)) => (
                State::Done,
                LocalEffects::cancelled("cancelled between two attempts"),
            ),
            (State::Queued | State::Waiting, Stop(Gone | WorkerStops)) => {
                (State::Done, LocalEffects::next(Next::GiveUp))
            }
            (State::Queued | State::Waiting, TimedOut(limit)) => (
                State::Done,
                LocalEffects::next(Next::End(Err(timed_out(limit)))),
            ),

            // It is told once. What follows a cancellation is for nobody when the run has gone.
            (State::Attempting(None), Stop(reason)) => (
                State::Attempting(Some(reason)),
                LocalEffects {
                    tell: Some(Told::Stop(reason)),
                    ..nothing
                },
            ),
            (State::Attempting(Some(Cancelled)), Stop(Gone)) => {
                (State::Attempting(Some(Gone)), nothing)
            }
            (State::Attempting(Some(WorkerStops)), Stop(Gone)) => {
                (State::Attempting(Some(Gone)), nothing)
            }
            (state @ State::Attempting(Some(_)), Stop(_)) => (state, nothing),

            (State::Attempting(Some(Gone)), Ended(_)) => {
                (State::Done, LocalEffects::next(Next::GiveUp))
            }
            (State::Attempting(_), Ended(AttemptEnd::Completed(result))) => {
                (State::Done, LocalEffects::next(Next::End(Ok(result))))
            }
            (State::Attempting(Some(WorkerStops)), Ended(_)) => {
                (State::Done, LocalEffects::next(Next::GiveUp))
            }
            (State::Attempting(None | Some(Cancelled)), Ended(AttemptEnd::Unreadable(failure))) => {
                (State::Done, LocalEffects::next(Next::FailTask(failure)))
            }
            (State::Attempting(None | Some(Cancelled)), Ended(AttemptEnd::CompleteAsync)) => {
                let failure = Failure::application(
                    "a local activity cannot complete asynchronously",
                    "Unsupported",
                );
                (
                    State::Done,
                    LocalEffects::next(Next::End(Err(Box::new(failure)))),
                )
            }
            (State::Attempting(Some(Cancelled)), Ended(AttemptEnd::Cancelled(details))) => {
                let kind = FailureKind::Cancelled {
                    details,
                    identity: None,
                };
                let failure = Failure::new("cancelled", kind);
                (
                    State::Done,
                    LocalEffects::next(Next::End(Err(Box::new(failure)))),
                )
            }
            // A cancelled one is not tried again.
            (State::Attempting(Some(Cancelled)), Ended(AttemptEnd::Failed(failure))) => {
                (State::Done, LocalEffects::next(Next::End(Err(failure))))
            }
            (State::Attempting(None), Ended(AttemptEnd::Cancelled(_))) => {
                let failure = Failure::application(
                    "the local activity ended as cancelled, but nobody asked it to stop",
                    "UnexpectedCancel",
                );
                self.after_failure(Box::new(failure), now)
            }
            (State::Attempting(None), Ended(AttemptEnd::Failed(failure))) => {
                self.after_failure(failure, now)
            }

            (State::Attempting(None), TimedOut(limit)) => {
                let (state, effects) = self.after_failure(timed_out(limit), now);
                let tell = Some(Told::TimedOut);
                (state, LocalEffects { tell, ..effects })
            }
            (State::Attempting(Some(Cancelled)), TimedOut(limit)) => (
                State::Done,
                LocalEffects::next(Next::End(Err(timed_out(limit)))),
            ),
            (State::Attempting(Some(Gone | WorkerStops)), TimedOut(_)) => {
                (State::Done, LocalEffects::next(Next::GiveUp))
            }

            (State::Done, Stop(_)) => (State::Done, nothing),
            (State::Queued | State::Waiting, Ended(_)) => {
                return Err(self.impossible("the end of an attempt"));
            }
            (State::Attempting(_) | State::Waiting | State::Done, Admitted | Unknown(_)) => {
                return Err(self.impossible("its turn"));
            }
            (State::Queued | State::Attempting(_) | State::Done, WaitOver) => {
                return Err(self.impossible("the end of its wait"));
            }
            (State::Done, Ended(_) | TimedOut(_)) => {
                return Err(self.impossible("the end of an attempt"));
            }
        };
        self.state = state;
        Ok(effects)
    }

    /// What follows an attempt that failed and that nobody asked to stop.
    fn after_failure(&self, failure: Box<Failure>, now: Duration) -> (State, LocalEffects) {
        let at = |time: Duration| Timestamp::EPOCH.after(time);
        let due = self
            .policy
            .next_attempt(&failure, self.attempt, at(now), self.limit.map(at));
        match due {
            Err(_) => (State::Done, LocalEffects::next(Next::End(Err(failure)))),
            Ok(due) => match due.since(at(now)) {
                wait if wait > self.longest_wait => {
                    let attempt = self.attempt;
                    let next = Next::BackOff {
                        attempt,
                        failure,
                        wait,
                    };
                    (State::Done, LocalEffects::next(next))
                }
                wait => (State::Waiting, LocalEffects::next(Next::Wait(wait))),
            },
        }
    }

    fn impossible(&self, input: &'static str) -> Impossible {
        let state = match self.state {
            State::Queued => "queued",
            State::Attempting(_) => "attempting",
            State::Waiting => "waiting",
            State::Done => "closed",
        };
        Impossible { state, input }
    }
}

impl LocalEffects {
    fn next(next: Next) -> Self {
        Self {
            tell: None,
            next: Some(next),
        }
    }

    fn cancelled(text: &str) -> Self {
        Self::next(Next::End(Err(Box::new(Failure::cancelled(text)))))
    }
}

fn timed_out(limit: TimeoutType) -> Box<Failure> {
    Box::new(Failure::timeout(format!("{limit} timeout"), limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ActivityId, ActivityType},
        options::ActivityTimeouts,
        payload::PayloadMap,
    };

    use LocalExecutionInput::{Admitted, Ended, Stop, TimedOut, Unknown, WaitOver};
    use StopReason::{Cancelled, Gone, WorkerStops};

    const MINUTE: Duration = Duration::from_secs(60);

    fn machine(state: State) -> LocalExecutionMachine {
        LocalExecutionMachine {
            attempt: 3,
            state,
            ..LocalExecutionMachine::new(&LocalActivityTask {
                activity_id: ActivityId::new("1").unwrap(),
                activity_type: ActivityType::new("local").unwrap(),
                input: Vec::new(),
                header: PayloadMap::new(),
                attempt: 1,
                scheduled_time: Timestamp::EPOCH,
                time_used: Duration::ZERO,
                longest_wait: Duration::from_secs(10),
                timeouts: ActivityTimeouts {
                    schedule_to_close_timeout: Some(60 * MINUTE),
                    ..ActivityTimeouts::default()
                },
                retry_policy: None,
            })
        }
    }

    /// A failure that asks for a wait.
    fn failure(wait: Duration) -> Box<Failure> {
        let mut failure = Failure::application("broken", "Broken");
        if let FailureKind::Application {
            next_retry_delay, ..
        } = &mut failure.kind
        {
            *next_retry_delay = Some(wait);
        }
        Box::new(failure)
    }

    fn useless() -> Box<Failure> {
        Box::new(Failure::application("useless", "Useless").non_retryable())
    }

    fn unknown() -> Box<Failure> {
        Box::new(Failure::application("nobody knows it", "NotFound"))
    }

    const STATES: [State; 7] = [
        State::Queued,
        State::Attempting(None),
        State::Attempting(Some(Cancelled)),
        State::Attempting(Some(Gone)),
        State::Attempting(Some(WorkerStops)),
        State::Waiting,
        State::Done,
    ];

    /// The table: each input, and for each state what is told, what comes next, and the state after; `-` where the
    /// input cannot come.
    #[test]
    fn a7_every_pair_of_state_and_input_is_decided() {
        let short = Duration::from_secs(10);
        #[rustfmt::skip]
        let table: [(LocalExecutionInput, [&str; 7]); 16] = [
            //                                       queued         attempting              asked to cancel    asked: gone   asked: stops    waiting       done
            (Admitted,                              ["attempt 3",  "-",                    "-",               "-",          "-",            "-",          "-"]),
            (Unknown(unknown()),                    ["fail task",  "-",                    "-",               "-",          "-",            "-",          "-"]),
            (WaitOver,                              ["-",          "-",                    "-",               "-",          "-",            "attempt 4",  "-"]),
            (Ended(AttemptEnd::Completed(None)),    ["-",          "completed",            "completed",       "give up",    "completed",    "-",          "-"]),
            (Ended(AttemptEnd::Failed(failure(short))),
                                                    ["-",          "wait 10s",             "failed Broken",   "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::Failed(failure(MINUTE))),
                                                    ["-",          "back off 3 60s",       "failed Broken",   "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::Failed(failure(59 * MINUTE))),
                                                    ["-",          "failed Broken",        "failed Broken",   "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::Failed(useless())),  ["-",          "failed Useless",       "failed Useless",  "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::Cancelled(vec![])),  ["-",          "wait 4s",              "cancelled",       "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::Unreadable(unknown())),
                                                    ["-",          "fail task",            "fail task",       "give up",    "give up",      "-",          "-"]),
            (Ended(AttemptEnd::CompleteAsync),      ["-",          "failed Unsupported",   "failed Unsupported", "give up", "give up",      "-",          "-"]),
            (TimedOut(TimeoutType::StartToClose),   ["timed out",  "told late, wait 4s",   "timed out",       "give up",    "give up",      "timed out",  "-"]),
            (TimedOut(TimeoutType::ScheduleToClose),["timed out",  "told late, timed out", "timed out",       "give up",    "give up",      "timed out",  "-"]),
            (Stop(Cancelled),                       ["cancelled",  "told Cancelled",       "",                "",           "",             "cancelled",  ""]),
            (Stop(Gone),                            ["give up",    "told Gone",            "",                "",           "",             "give up",    ""]),
            (Stop(WorkerStops),                     ["give up",    "told WorkerStops",     "",                "",           "",             "give up",    ""]),
        ];
        for (input, row) in table {
            for (state, expected) in STATES.into_iter().zip(row) {
                let mut machine = machine(state);
                let result = machine.handle(input.clone(), MINUTE);
                let pair = format!("{state:?} {input:?}");
                assert_eq!(describe(result.as_ref().ok()), expected, "{pair}");
                let after = match result.ok().and_then(|effects| effects.next) {
                    Some(Next::Attempt(_)) => State::Attempting(None),
                    Some(Next::Wait(_)) => State::Waiting,
                    Some(_) => State::Done,
                    None => match (state, &input) {
                        (State::Attempting(None), Stop(reason)) => State::Attempting(Some(*reason)),
                        (State::Attempting(_), Stop(Gone)) => State::Attempting(Some(Gone)),
                        (state, _) => state,
                    },
                };
                assert_eq!(machine.state, after, "{pair}");
            }
        }
    }

    fn describe(effects: Option<&LocalEffects>) -> String {
        let Some(LocalEffects { tell, next }) = effects else {
            return "-".to_owned();
        };
        let tell = tell.map(|told| match told {
            Told::Stop(reason) => format!("told {reason:?}"),
            Told::TimedOut => "told late".to_owned(),
        });
        let next = next.as_ref().map(|next| match next {
            Next::Attempt(attempt) => format!("attempt {attempt}"),
            Next::Wait(wait) => format!("wait {wait:?}"),
            Next::End(Ok(_)) => "completed".to_owned(),
            Next::End(Err(failure)) => match &failure.kind {
                FailureKind::Application { error_type, .. } => format!("failed {error_type}"),
                FailureKind::Cancelled { .. } => "cancelled".to_owned(),
                FailureKind::Timeout { .. } => "timed out".to_owned(),
                kind => format!("{kind:?}"),
            },
            Next::BackOff { attempt, wait, .. } => format!("back off {attempt} {wait:?}"),
            Next::FailTask(_) => "fail task".to_owned(),
            Next::GiveUp => "give up".to_owned(),
        });
        let parts: Vec<String> = tell.into_iter().chain(next).collect();
        parts.join(", ")
    }

    /// What would be refused of an activity fails the workflow task of a local one, with the same text.
    #[test]
    fn a_local_activity_that_makes_no_sense_fails_its_workflow_task() {
        let policy = |backoff_coefficient| RetryPolicy {
            backoff_coefficient,
            ..RetryPolicy::default()
        };
        for (policy, limit, expected) in [
            (policy(0.0), Some(MINUTE), "attempt 1"),
            (policy(0.5), Some(MINUTE), "fail task"),
            (policy(f64::NAN), Some(MINUTE), "fail task"),
            (policy(2.0), None, "fail task"),
        ] {
            let mut machine = LocalExecutionMachine::new(&LocalActivityTask {
                activity_id: ActivityId::new("1").unwrap(),
                activity_type: ActivityType::new("local").unwrap(),
                input: Vec::new(),
                header: PayloadMap::new(),
                attempt: 1,
                scheduled_time: Timestamp::EPOCH,
                time_used: Duration::ZERO,
                longest_wait: Duration::from_secs(10),
                timeouts: ActivityTimeouts {
                    start_to_close_timeout: limit,
                    ..ActivityTimeouts::default()
                },
                retry_policy: Some(policy.clone()),
            });
            let effects = machine.handle(Admitted, Duration::ZERO);
            assert_eq!(describe(effects.as_ref().ok()), expected, "{policy:?}");
        }
    }

    /// Every sequence of inputs: it ends at most once, nothing runs after its end, and no attempt follows a
    /// request to stop.
    #[test]
    fn a7_every_sequence_of_inputs_ends_at_most_once_and_none_goes_on_after_a_request() {
        let inputs = [
            Admitted,
            WaitOver,
            Ended(AttemptEnd::Failed(failure(Duration::ZERO))),
            Ended(AttemptEnd::Completed(None)),
            TimedOut(TimeoutType::StartToClose),
            Stop(Cancelled),
            Stop(Gone),
            Stop(WorkerStops),
        ];
        for sequence in 0..8_usize.pow(6) {
            let mut machine = machine(State::Queued);
            let (mut ends, mut asked, mut rest) = (0, false, sequence);
            for _ in 0..6 {
                let input = inputs[rest % 8].clone();
                rest /= 8;
                asked |= matches!(input, Stop(_));
                let Ok(effects) = machine.handle(input, MINUTE) else {
                    break;
                };
                match effects.next {
                    None => {}
                    Some(Next::Attempt(_) | Next::Wait(_)) => assert!(!asked, "{sequence}"),
                    Some(_) => ends += 1,
                }
            }
            assert!(ends <= 1, "{sequence}");
        }
    }
}
