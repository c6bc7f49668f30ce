//! Picks a run up after it was read from the store: what was in memory only is made good.

use std::collections::HashMap;

use steadfast_core::{
    event::EventKind,
    failure::{Failure, FailureKind, TimeoutType},
    ids::Identity,
    payload::Payload,
    retry::RetryState,
    time::Timestamp,
};

use super::{ActivityState, Attempt, Effect, Execution};
use crate::engine::embedded::timeouts::TimedOut;

/// What the small row of an activity told.
#[derive(Debug)]
pub(crate) struct StoredActivity {
    pub(crate) scheduled: u64,
    pub(crate) attempt: u32,
    pub(crate) started: bool,
    pub(crate) handed_over: Option<(Identity, Timestamp)>,
    pub(crate) next_attempt: Option<Timestamp>,
    pub(crate) last_failure: Option<Box<Failure>>,
    pub(crate) heartbeat: Vec<Payload>,
}

/// The attempts that workers of this process run although their run was dropped from memory.
pub(crate) type RunningAttempts = HashMap<u64, (u32, Attempt)>;

impl Execution {
    pub(crate) fn recover(
        &mut self,
        buffered: Vec<(Timestamp, EventKind)>,
        stored: Vec<StoredActivity>,
        mut running: RunningAttempts,
        now: Timestamp,
    ) {
        if !self.is_open() {
            return;
        }
        let mut known: HashMap<u64, StoredActivity> =
            stored.into_iter().map(|row| (row.scheduled, row)).collect();
        let scheduled: Vec<u64> = self.activities.keys().copied().collect();
        for id in scheduled {
            self.recover_activity(id, known.remove(&id), running.remove(&id), now);
        }
        // The task that these waited for is with nobody any more.
        if !buffered.is_empty() {
            for (_, kind) in &buffered {
                self.apply_to_pending(kind);
            }
            self.buffered_saved = buffered.len();
            self.buffered = buffered;
            self.flush_buffered(now);
            self.schedule_task(now);
        }
        self.repeat_requests();
    }

    /// Asks others again for what they have not done.
    fn repeat_requests(&mut self) {
        for (initiated, child) in &self.children {
            if child.run_id.is_none() {
                self.effects.push(Effect::StartChild {
                    initiated: *initiated,
                });
            }
        }
        for initiated in self.cancels.keys() {
            self.effects.push(Effect::CancelExternal {
                initiated: *initiated,
            });
        }
        for initiated in self.signals.keys() {
            self.effects.push(Effect::SignalExternal {
                initiated: *initiated,
            });
        }
    }

    fn recover_activity(
        &mut self,
        scheduled: u64,
        row: Option<StoredActivity>,
        running: Option<(u32, Attempt)>,
        now: Timestamp,
    ) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let mut was_started = false;
        let mut next_attempt = None;
        let mut handed_over = None;
        if let Some(row) = row {
            activity.has_row = true;
            activity.attempt = row.attempt;
            activity.last_failure = row.last_failure;
            activity.heartbeat = row.heartbeat;
            was_started = row.started;
            next_attempt = row.next_attempt;
            handed_over = row.handed_over;
        }
        if let Some((attempt, running)) = running
            && attempt == activity.attempt
            && next_attempt.is_none()
        {
            activity.last_start = Some((running.worker.clone(), running.time));
            activity.state = ActivityState::Started(running);
            self.update_activity_deadline(scheduled);
            return;
        }
        if let Some((worker, time)) = handed_over {
            activity.last_start = Some((worker.clone(), time));
            let attempt = Attempt::handed_over(worker, time, now);
            activity.state = ActivityState::Started(attempt);
            self.update_activity_deadline(scheduled);
            return;
        }
        // A cancellation that was requested and not answered was requested of a running attempt,
        // and that attempt is dead; ground rule 9 allows no other.
        if activity.cancel_requested.is_some() {
            self.give_up(scheduled, RetryState::CancelRequested, now);
        } else if was_started && activity.is_last_attempt() {
            self.give_up(scheduled, RetryState::MaximumAttemptsReached, now);
        } else if let Some(due) = next_attempt.filter(|due| *due > now) {
            activity.state = ActivityState::Backoff(due);
            activity.attempt_scheduled_time = due;
            self.backing_off += 1;
            self.update_activity_deadline(scheduled);
        } else {
            if was_started {
                activity.attempt = activity.attempt.saturating_add(1);
                let row = activity.row(scheduled, false);
                self.activity_rows.push(row);
            }
            activity.attempt_scheduled_time = now;
            self.effects.push(activity.dispatch(scheduled));
            self.update_activity_deadline(scheduled);
        }
    }

    /// Closes an activity whose last attempt died with the process: it may have done its work.
    fn give_up(&mut self, scheduled: u64, retry_state: RetryState, now: Timestamp) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let mut failure = Failure::new(
            "the process ended while the activity was running; it may have done its work",
            FailureKind::Timeout {
                timeout_type: TimeoutType::StartToClose,
                last_heartbeat_details: activity.heartbeat.clone(),
            },
        );
        failure.cause.clone_from(&activity.last_failure);
        "Server".clone_into(&mut failure.source);
        let timed_out = TimedOut::activity(activity, &failure, TimeoutType::StartToClose);
        self.effects.push(Effect::Report(timed_out));
        activity.state = ActivityState::Started(Attempt::unknown(now));
        self.record_activity_timeout(scheduled, failure, retry_state, now);
    }

    /// Dispatches what a reset run took over from its base (rule T2).
    pub(crate) fn redispatch(&mut self, now: Timestamp) {
        for (scheduled, activity) in &mut self.activities {
            activity.scheduled_time = now;
            activity.attempt_scheduled_time = now;
            self.effects.push(activity.dispatch(*scheduled));
        }
        let scheduled: Vec<u64> = self.activities.keys().copied().collect();
        for id in scheduled {
            self.update_activity_deadline(id);
        }
        self.repeat_requests();
    }
}
