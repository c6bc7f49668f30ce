//! Retry policies and the arithmetic of backing off.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, FailureKind, TimeoutType},
    time::Timestamp,
};

/// Says when and how often a failed activity or workflow is tried again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RetryPolicy {
    /// The wait before the second attempt.
    pub initial_interval: Duration,
    /// What the wait is multiplied by after each attempt, at least 1.
    pub backoff_coefficient: f64,
    /// The longest wait; `None` means 100 times the initial interval.
    pub maximum_interval: Option<Duration>,
    /// How many attempts there are in all; 0 means that there is no limit.
    pub maximum_attempts: u32,
    /// Error types that are not tried again: those of application failures, and
    /// `TemporalTimeout:StartToClose` and `TemporalTimeout:Heartbeat` for time limits, as a Temporal Service has
    /// it. The other limits end an activity anyway.
    pub non_retryable_error_types: Vec<String>,
}

/// One second, doubled each time, at most 100 seconds, without end: Temporal's default.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            backoff_coefficient: 2.0,
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

    /// The wait after `attempt` (counted from 1) failed, with every limit but the number of
    /// attempts applied.
    #[must_use]
    pub fn backoff_after(&self, attempt: u32) -> Duration {
        let maximum = self
            .maximum_interval
            .unwrap_or_else(|| self.initial_interval.saturating_mul(100));
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds =
            self.initial_interval.as_secs_f64() * self.backoff_coefficient.max(1.0).powi(exponent);
        if self.initial_interval.is_zero() {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::MAX)
            .min(maximum)
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
        let delay = match &failure.kind {
            FailureKind::Application {
                next_retry_delay, ..
            } => *next_retry_delay,
            _ => None,
        };
        let due = now.after(delay.unwrap_or_else(|| self.backoff_after(attempt)));
        if deadline.is_some_and(|deadline| due >= deadline) {
            return Err(RetryState::Timeout);
        }
        Ok(due)
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
            | FailureKind::NexusHandler { .. } => true,
        }
    }
}

/// Says why an operation is, or is not, tried again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum RetryState {
    /// Another attempt follows.
    InProgress,
    /// The failure said that trying again is useless.
    NonRetryableFailure,
    /// The overall time is used up.
    Timeout,
    /// The policy's attempts are used up.
    MaximumAttemptsReached,
    /// There is no retry policy.
    RetryPolicyNotSet,
    /// The engine itself failed.
    InternalServerError,
    /// A cancellation was requested.
    CancelRequested,
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
