//! Picks a run up after it was read from the store: what was in memory only is made good.

use std::collections::HashMap;

use steadfast_core::{
    event::EventKind,
    failure::{Failure, TimeoutType},
    ids::Identity,
    payload::Payload,
    time::Timestamp,
};

use super::TimedOut;
use super::{
    ActivityState, Attempt, Effect, Execution, StoredTask,
    lost::{lost_attempt, spread},
};

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

/// What the store has of a run beside its history.
#[derive(Debug, Default)]
pub(crate) struct StoredState {
    pub(crate) buffered: Vec<(Timestamp, EventKind)>,
    pub(crate) activities: Vec<StoredActivity>,
    pub(crate) task: Option<StoredTask>,
}

/// The attempts that workers of this process run although their run was dropped from memory.
pub(crate) type RunningAttempts = HashMap<u64, (u32, Attempt)>;

/// Who had a run before.
#[derive(Debug)]
pub(crate) struct Before {
    /// The attempts of this process that go on.
    pub(crate) running: RunningAttempts,
    /// Whether the store has it as this process left it. What it says to be with a worker of an earlier one is lost.
    pub(crate) was_ours: bool,
    /// Whether a process may have died of what is open.
    pub(crate) suspect: bool,
}

impl Execution {
    pub(crate) fn recover(&mut self, stored: StoredState, before: Before, now: Timestamp) {
        if !self.is_open() {
            return;
        }
        let Before {
            mut running,
            was_ours,
            suspect,
        } = before;
        self.is_ours = was_ours;
        let StoredState {
            buffered,
            activities,
            task,
        } = stored;
        let mut known: HashMap<u64, StoredActivity> = activities
            .into_iter()
            .map(|row| (row.scheduled, row))
            .collect();
        let scheduled: Vec<u64> = self.activities.keys().copied().collect();
        for id in scheduled {
            if let Some(activity) = self.activities.get_mut(&id) {
                activity.suspect = suspect;
            }
            self.recover_activity(id, known.remove(&id), running.remove(&id), was_ours, now);
        }
        for (_, kind) in &buffered {
            self.apply_to_pending(kind);
        }
        self.buffered_saved = buffered.len();
        self.buffered = buffered;
        self.recover_task(task, suspect, was_ours, now);
        // The task that these waited for is with nobody any more.
        if self.flush_buffered(now) {
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
        was_ours: bool,
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
            // What was with a worker of this process is in `running`, or was given back.
            was_started = row.started && !was_ours;
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
        if activity.cancel_requested.is_some() || was_started {
            self.lose_attempt(scheduled, now);
        } else if let Some(due) = next_attempt.filter(|due| *due > now) {
            activity.state = ActivityState::Backoff(due);
            activity.attempt_scheduled_time = due;
            self.backing_off += 1;
            self.update_activity_deadline(scheduled);
        } else {
            activity.attempt_scheduled_time = now;
            self.effects.push(activity.dispatch(scheduled));
            self.update_activity_deadline(scheduled);
        }
    }

    /// An attempt died with its process: it may have done its work, and its process may have died of it.
    fn lose_attempt(&mut self, scheduled: u64, now: Timestamp) {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return;
        };
        let mut failure = lost_attempt(activity.heartbeat.clone());
        match activity.next_attempt(&failure, now) {
            Ok(due) => {
                let wait = spread(due.since(now), self.key, scheduled, activity.attempt);
                tracing::warn!(
                    workflow_id = %self.id.workflow_id,
                    run_id = %self.id.run_id,
                    activity_id = %activity.task.activity_id,
                    activity_type = %activity.task.activity_type,
                    attempt = activity.attempt,
                    ?wait,
                    "a process ended while an activity was running, whose next attempt is held back"
                );
                self.put_off_activity(scheduled, &failure, now.after(wait));
            }
            Err(retry_state) => {
                failure.cause.clone_from(&activity.last_failure);
                let timed_out = TimedOut::activity(activity, &failure, TimeoutType::StartToClose);
                self.effects.push(Effect::Report(timed_out));
                activity.state = ActivityState::Started(Attempt::unknown(now));
                self.record_activity_timeout(scheduled, failure, retry_state, now);
                // Nobody has it: should this not be written, it does not go on.
                self.ended_attempts.retain(|(id, ..)| *id != scheduled);
            }
        }
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
