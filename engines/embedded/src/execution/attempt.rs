//! Retries and time limits of activities, and when an attempt follows another one.

use std::time::Duration;

use steadfast_core::{
    event::EventKind,
    failure::{Failure, FailureKind, TimeoutType},
    ids::EventId,
    retry::RetryState,
    time::Timestamp,
};
use steadfast_engine::ActivityNotice;

use super::TimedOut;
use super::{Activity, ActivityState, Deadline, Effect, Execution};

impl Activity {
    /// When the next attempt is, or why there is none.
    pub(super) fn next_attempt(
        &self,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Timestamp, RetryState> {
        if self.cancel_requested.is_some() {
            return Err(RetryState::CancelRequested);
        }
        let timeouts = &self.task.timeouts;
        let deadline = timeouts
            .schedule_to_close_timeout
            .map(|limit| self.scheduled_time.after(limit));
        self.policy()
            .next_attempt(failure, self.attempt, now, deadline)
    }

    /// How long it waits between the last attempt and the next one, if it waits for that.
    pub(crate) fn retry_interval(&self) -> Option<Duration> {
        let (ActivityState::Backoff(_), Some(failure)) = (&self.state, &self.last_failure) else {
            return None;
        };
        let last_attempt = self.attempt.saturating_sub(1);
        Some(self.policy().delay_after(failure, last_attempt))
    }
}

impl Execution {
    /// Schedules the next attempt, or says why there is none.
    pub(super) fn retry_activity(
        &mut self,
        scheduled: u64,
        failure: &Failure,
        now: Timestamp,
    ) -> RetryState {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return RetryState::InternalServerError;
        };
        let due = match activity.next_attempt(failure, now) {
            Ok(due) => due,
            Err(state) => return state,
        };
        self.put_off_activity(scheduled, failure, due);
        RetryState::InProgress
    }

    /// Has the next attempt wait until a time.
    pub(super) fn put_off_activity(&mut self, scheduled: u64, failure: &Failure, due: Timestamp) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let state = std::mem::replace(&mut activity.state, ActivityState::Backoff(due));
        if let ActivityState::Started(attempt) = state {
            self.ended_attempts
                .push((scheduled, activity.attempt, attempt));
        }
        activity.attempt = activity.attempt.saturating_add(1);
        activity.attempt_scheduled_time = due;
        activity.last_failure = Some(Box::new(failure.clone()));
        activity.has_row = true;
        let row = activity.row(scheduled, false);
        self.activity_rows.push(row);
        self.backing_off += 1;
        self.update_activity_deadline(scheduled);
    }

    /// A time limit passed, or the wait for the next attempt is over.
    pub(super) fn activity_deadline(&mut self, scheduled: u64, now: Timestamp) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        activity.deadline = None;
        match activity.next_deadline() {
            Some((due, None)) if due <= now => {
                activity.state = ActivityState::Scheduled;
                self.backing_off -= 1;
                self.effects.push(activity.dispatch(scheduled));
            }
            Some((due, Some(timeout_type))) if due <= now => {
                self.time_out_activity(scheduled, timeout_type, now);
                return;
            }
            _ => {}
        }
        self.update_activity_deadline(scheduled);
    }

    fn time_out_activity(&mut self, scheduled: u64, timeout_type: TimeoutType, now: Timestamp) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let limit = match timeout_type {
            TimeoutType::StartToClose => "StartToClose",
            TimeoutType::ScheduleToStart => "ScheduleToStart",
            TimeoutType::ScheduleToClose => "ScheduleToClose",
            TimeoutType::Heartbeat => "Heartbeat",
        };
        let mut failure = Failure::new(
            format!("activity {limit} timeout"),
            FailureKind::Timeout {
                timeout_type,
                last_heartbeat_details: activity.heartbeat.clone(),
            },
        );
        failure.cause.clone_from(&activity.last_failure);
        "Server".clone_into(&mut failure.source);
        if let ActivityState::Started(attempt) = &activity.state {
            attempt.notices.send_replace(ActivityNotice::TimedOut);
        }
        let cancel_requested = activity.cancel_requested.is_some();
        let mut timed_out = TimedOut::activity(activity, &failure, timeout_type);
        let retry_state = match timeout_type {
            _ if cancel_requested => RetryState::CancelRequested,
            TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose => RetryState::Timeout,
            TimeoutType::StartToClose | TimeoutType::Heartbeat => {
                // The next attempt sees the failure without what led to it.
                let mut own = failure.clone();
                own.cause = None;
                self.retry_activity(scheduled, &own, now)
            }
        };
        if let TimedOut::Activity { is_retried, .. } = &mut timed_out {
            *is_retried = retry_state == RetryState::InProgress;
        }
        self.effects.push(Effect::Report(timed_out));
        if retry_state != RetryState::InProgress {
            self.record_activity_timeout(scheduled, failure, retry_state, now);
        }
    }

    pub(super) fn record_activity_timeout(
        &mut self,
        scheduled: u64,
        failure: Failure,
        retry_state: RetryState,
        now: Timestamp,
    ) {
        self.close_activity(scheduled, now, |started_event_id| {
            EventKind::ActivityTaskTimedOut {
                failure: Box::new(failure),
                scheduled_event_id: EventId(scheduled),
                started_event_id,
                retry_state,
            }
        });
    }

    pub(super) fn update_activity_deadline(&mut self, scheduled: u64) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let deadline = activity.next_deadline().map(|(due, _)| due);
        if deadline != activity.deadline {
            if let Some(old) = activity.deadline {
                self.deadlines.remove(&(old, Deadline::Activity(scheduled)));
            }
            if let Some(due) = deadline {
                self.deadlines.insert((due, Deadline::Activity(scheduled)));
            }
            activity.deadline = deadline;
        }
    }
}
