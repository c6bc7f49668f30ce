//! Retry policies and the arithmetic of backing off.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    failure::{Failure, FailureKind, TimeoutType},
    options::{LONGEST, limit},
    time::Timestamp,
};

pub use crate::retry_state::RetryState;

/// Says when and how often a failed activity or workflow is tried again.
///
/// Zeros stand for the defaults, as on a Temporal Service, so no policy tries again without a wait. What a service
/// refuses is refused everywhere, when the activity is scheduled or the workflow is started:
/// a coefficient below 1, and a maximum below the initial interval. So is a coefficient that is not a number, with which a
/// service would wait for ever. A policy of one attempt is never refused for its waits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RetryPolicy {
    /// The wait before the second attempt; zero means one second.
    pub initial_interval: Duration,
    /// What the wait is multiplied by after each attempt, at least 1; zero means 2.
    pub backoff_coefficient: f64,
    /// The longest wait; `None` and zero mean 100 times the initial interval.
    pub maximum_interval: Option<Duration>,
    /// How many attempts there are in all; 0 means that there is no limit.
    pub maximum_attempts: u32,
    /// Error types that are not tried again: those of application failures, and
    /// `TemporalTimeout:StartToClose` and `TemporalTimeout:Heartbeat` for time limits, as a Temporal Service has
    /// it. The other limits end an activity anyway.
    pub non_retryable_error_types: Vec<String>,
}

const INITIAL_INTERVAL: Duration = Duration::from_secs(1);
const BACKOFF_COEFFICIENT: f64 = 2.0;

/// Why a retry policy is refused. The first words are those of a Temporal Service.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidRetryPolicy {
    /// The waits would become shorter.
    #[error(
        "BackoffCoefficient cannot be less than 1 on retry policy: `backoff_coefficient` is {0}; write 1.0 for \
         waits that are all the same, or more"
    )]
    BackoffCoefficient(f64),
    /// The coefficient is not a number.
    #[error(
        "BackoffCoefficient is not a number on retry policy; write 1.0 for waits that are all the same, or more"
    )]
    NotANumber,
    /// The longest wait is shorter than the first.
    #[error(
        "MaximumInterval cannot be less than InitialInterval on retry policy: `maximum_interval` is {maximum:?} and \
         `initial_interval` is {initial:?}; write at least {initial:?}, or `None`"
    )]
    MaximumInterval {
        /// The longest wait.
        maximum: Duration,
        /// The first wait.
        initial: Duration,
    },
}

/// One second, doubled each time, at most 100 seconds, without end: Temporal's default.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval: INITIAL_INTERVAL,
            backoff_coefficient: BACKOFF_COEFFICIENT,
            maximum_interval: None,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
        }
    }
}

impl RetryPolicy {
    /// A policy of one attempt only.
    #[must_use]
    pub fn once() -> Self {
        Self {
            maximum_attempts: 1,
            ..Self::default()
        }
    }

    /// The policy with the defaults in the place of zeros.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it, or wait for ever because of it.
    pub fn validated(mut self) -> Result<Self, InvalidRetryPolicy> {
        if self.initial_interval.is_zero() {
            self.initial_interval = INITIAL_INTERVAL;
        }
        if self.backoff_coefficient == 0.0 {
            self.backoff_coefficient = BACKOFF_COEFFICIENT;
        }
        self.initial_interval = self.initial_interval.min(LONGEST);
        self.maximum_interval = limit(self.maximum_interval);
        if self.maximum_attempts == 1 {
            // There is nothing to wait for.
            return Ok(self);
        }
        if self.backoff_coefficient.is_nan() {
            return Err(InvalidRetryPolicy::NotANumber);
        }
        if self.backoff_coefficient < 1.0 {
            return Err(InvalidRetryPolicy::BackoffCoefficient(
                self.backoff_coefficient,
            ));
        }
        match self.maximum_interval {
            Some(maximum) if maximum < self.initial_interval => {
                Err(InvalidRetryPolicy::MaximumInterval {
                    maximum,
                    initial: self.initial_interval,
                })
            }
            _ => Ok(self),
        }
    }

    /// The wait after `attempt` (counted from 1) failed, with every limit but the number of
    /// attempts applied. It is never zero, whatever a foreign history says.
    #[must_use]
    pub fn backoff_after(&self, attempt: u32) -> Duration {
        let initial = if self.initial_interval.is_zero() {
            INITIAL_INTERVAL
        } else {
            self.initial_interval
        };
        let maximum = limit(self.maximum_interval)
            .unwrap_or_else(|| initial.saturating_mul(100).min(LONGEST));
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = initial.as_secs_f64() * self.backoff_coefficient.max(1.0).powi(exponent);
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::MAX)
            .min(maximum)
            // A nanosecond may be lost in the arithmetic, but not the whole wait.
            .max(Duration::from_nanos(1))
    }

    /// Whether the policy allows an attempt after `attempt`.
    #[must_use]
    pub fn allows_attempt_after(&self, attempt: u32) -> bool {
        self.maximum_attempts == 0 || attempt < self.maximum_attempts
    }

    /// When the attempt after `attempt` is, which failed `now`: for activities, local activities and workflows
    /// alike, and as a Temporal Service decides it.
    ///
    /// # Errors
    ///
    /// With the reason why there is none.
    pub fn next_attempt(
        &self,
        failure: &Failure,
        attempt: u32,
        now: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Result<Timestamp, RetryState> {
        if !self.may_follow(failure) {
            return Err(RetryState::NonRetryableFailure);
        }
        if !self.allows_attempt_after(attempt) {
            return Err(RetryState::MaximumAttemptsReached);
        }
        let due = now.after(self.delay_after(failure, attempt));
        if deadline.is_some_and(|deadline| due >= deadline) {
            return Err(RetryState::Timeout);
        }
        Ok(due)
    }

    /// How long the attempt after `attempt` waits, which failed: as the failure says, or else the policy.
    #[must_use]
    pub fn delay_after(&self, failure: &Failure, attempt: u32) -> Duration {
        let delay = match &failure.kind {
            FailureKind::Application {
                next_retry_delay, ..
            } => limit(*next_retry_delay),
            _ => None,
        };
        delay.unwrap_or_else(|| self.backoff_after(attempt))
    }

    /// Whether another attempt may follow a failure of this kind.
    fn may_follow(&self, failure: &Failure) -> bool {
        let is_named = |name: &str| self.non_retryable_error_types.iter().any(|it| it == name);
        match &failure.kind {
            FailureKind::Application {
                error_type,
                non_retryable,
                ..
            } => !non_retryable && !is_named(error_type),
            FailureKind::Timeout { timeout_type, .. } => match timeout_type {
                TimeoutType::StartToClose => !is_named("TemporalTimeout:StartToClose"),
                TimeoutType::Heartbeat => !is_named("TemporalTimeout:Heartbeat"),
                TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose => false,
            },
            FailureKind::Server { non_retryable } => !non_retryable,
            FailureKind::Cancelled { .. } | FailureKind::Terminated { .. } => false,
            FailureKind::Activity(_)
            | FailureKind::ChildWorkflow(_)
            | FailureKind::Reset { .. }
            | FailureKind::NexusOperation(_)
            | FailureKind::NexusHandler { .. }
            | FailureKind::Unspecified => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_maximum() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = [1, 2, 3, 8, 40, u32::MAX]
            .map(|n| policy.backoff_after(n).as_secs())
            .into();
        assert_eq!(waits, [1, 2, 4, 100, 100, 100]);
    }

    /// What a Temporal Service (1.9.1 of its command line) did with each, but for what is not a number: that it accepts,
    /// and never makes a second attempt.
    #[test]
    fn zeros_are_defaults_and_nonsense_is_refused_with_what_to_write() {
        let second = Duration::from_secs(1);
        let policy = |initial, coefficient, maximum, attempts| RetryPolicy {
            initial_interval: initial,
            backoff_coefficient: coefficient,
            maximum_interval: maximum,
            maximum_attempts: attempts,
            non_retryable_error_types: Vec::new(),
        };
        let waits = |policy: RetryPolicy| match policy.validated() {
            Ok(policy) => format!("{:?}", [1, 2, 9, u32::MAX].map(|n| policy.backoff_after(n))),
            Err(error) => error
                .to_string()
                .split(" on retry")
                .next()
                .unwrap()
                .to_owned(),
        };
        let zero = Duration::ZERO;
        for (given, expected) in [
            (policy(zero, 2.0, None, 0), "[1s, 2s, 100s, 100s]"),
            (policy(zero, 0.0, Some(zero), 0), "[1s, 2s, 100s, 100s]"),
            (policy(second, 1.0, None, 0), "[1s, 1s, 1s, 1s]"),
            (
                policy(second, f64::INFINITY, None, 0),
                "[1s, 100s, 100s, 100s]",
            ),
            (policy(second, 1e308, None, 0), "[1s, 100s, 100s, 100s]"),
            (
                policy(second, 2.0, Some(Duration::MAX), 0),
                "[1s, 2s, 256s, 3153600000s]",
            ),
            (
                policy(Duration::MAX, 2.0, None, 0),
                "[3153600000s, 3153600000s, 3153600000s, 3153600000s]",
            ),
            (
                policy(Duration::from_nanos(1), 1.0, None, 0),
                "[1ns, 1ns, 1ns, 1ns]",
            ),
            (
                policy(second, 0.5, None, 0),
                "BackoffCoefficient cannot be less than 1",
            ),
            (
                policy(second, -1.0, None, 0),
                "BackoffCoefficient cannot be less than 1",
            ),
            (
                policy(second, f64::NEG_INFINITY, None, 0),
                "BackoffCoefficient cannot be less than 1",
            ),
            (
                policy(second, f64::NAN, None, 0),
                "BackoffCoefficient is not a number",
            ),
            (
                policy(second * 2, 2.0, Some(second), 0),
                "MaximumInterval cannot be less than InitialInterval",
            ),
            (
                policy(zero, 2.0, Some(second / 2), 0),
                "MaximumInterval cannot be less than InitialInterval",
            ),
            // There is no second attempt whose wait could matter.
            (policy(second, 0.5, None, 1), "[1s, 1s, 1s, 1s]"),
            (policy(second, f64::NAN, None, 1), "[1s, 1s, 1s, 1s]"),
        ] {
            assert_eq!(waits(given.clone()), expected, "{given:?}");
        }
    }

    /// A history of another kind, or of an older program, may have any policy.
    #[test]
    fn no_policy_leads_to_a_wait_of_no_time() {
        for initial_interval in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for backoff_coefficient in [0.0, 0.5, -3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
            {
                for maximum_interval in [None, Some(Duration::ZERO), Some(Duration::from_nanos(1))]
                {
                    for next_retry_delay in [None, Some(Duration::ZERO)] {
                        let policy = RetryPolicy {
                            initial_interval,
                            backoff_coefficient,
                            maximum_interval,
                            ..RetryPolicy::default()
                        };
                        let mut failure = Failure::application("broken", "Broken");
                        if let FailureKind::Application {
                            next_retry_delay: delay,
                            ..
                        } = &mut failure.kind
                        {
                            *delay = next_retry_delay;
                        }
                        let next = policy.next_attempt(&failure, 2, Timestamp::EPOCH, None);
                        assert!(next.unwrap() > Timestamp::EPOCH, "{policy:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_limit_counts_all_attempts() {
        let policy = RetryPolicy {
            maximum_attempts: 2,
            ..RetryPolicy::default()
        };
        assert!(policy.allows_attempt_after(1));
        assert!(!policy.allows_attempt_after(2));
    }

    /// As a Temporal Service decides it, whose names of time limits these are.
    #[test]
    fn every_time_limit_is_tried_again_or_not() {
        use TimeoutType::{Heartbeat, ScheduleToClose, ScheduleToStart, StartToClose};
        let names = [
            "TemporalTimeout:StartToClose",
            "TemporalTimeout:Heartbeat",
            "TemporalTimeout:ScheduleToStart",
            "TemporalTimeout:ScheduleToClose",
        ];
        for (limit, own_name) in [
            (StartToClose, Some(names[0])),
            (Heartbeat, Some(names[1])),
            (ScheduleToStart, None),
            (ScheduleToClose, None),
        ] {
            for name in names {
                let policy = RetryPolicy {
                    non_retryable_error_types: vec![name.to_owned()],
                    ..RetryPolicy::default()
                };
                let failure = Failure::timeout("too late", limit);
                let next = policy.next_attempt(&failure, 1, Timestamp::EPOCH, None);
                let expected = if own_name.is_some_and(|own_name| own_name != name) {
                    Ok(Timestamp::EPOCH.after(Duration::from_secs(1)))
                } else {
                    Err(RetryState::NonRetryableFailure)
                };
                assert_eq!(next, expected, "{limit} {name}");
            }
        }
    }
}
