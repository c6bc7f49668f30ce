//! The life of an activity.
//!
//! ```text
//! Scheduled -> Started -> closed          completed, failed, timed out, cancelled
//!                      -> Backoff -> Scheduled   another attempt; not recorded
//! Scheduled | Backoff -> closed           cancelled before a worker had it, or timed out
//! ```
//!
//! `ActivityTaskStarted` is recorded together with the closing event. What must outlive the
//! process although no event tells it goes into an [`ActivityRow`]: the attempt, the last failure,
//! what heartbeats said, and the start of an attempt whose number is limited or that a process may have died of.

use std::sync::Arc;

use steadfast_core::{
    command::ScheduleActivityTask,
    event::EventKind,
    failure::{Failure, TimeoutType},
    ids::{ActivityId, EventId, Identity, TaskQueue},
    payload::Payload,
    retry::{RetryPolicy, RetryState},
    task::ActivityOutcome,
    time::Timestamp,
};
use steadfast_engine::{ActivityNotice, EngineError, PollActivityTaskRequest};
use tokio::sync::watch;

use super::{Deadline, Effect, Execution};

/// The text with which a Temporal Service refuses to hear of an activity that is over.
const ACTIVITY_NOT_FOUND: &str =
    "invalid activityID or activity already timed out or invoking workflow is completed";

#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) task: Arc<ScheduleActivityTask>,
    pub(crate) scheduled_time: Timestamp,
    pub(crate) attempt_scheduled_time: Timestamp,
    pub(crate) attempt: u32,
    pub(crate) state: ActivityState,
    /// The event that requested its cancellation.
    pub(crate) cancel_requested: EventId,
    pub(crate) last_failure: Option<Box<Failure>>,
    pub(crate) heartbeat: Vec<Payload>,
    /// Whether a process may have died of it.
    pub(crate) suspect: bool,
    pub(crate) heartbeat_time: Option<Timestamp>,
    /// Who ran the last attempt, and since when.
    pub(crate) last_start: Option<(Identity, Timestamp)>,
    pub(super) has_row: bool,
    pub(super) deadline: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) enum ActivityState {
    /// Waits for a worker.
    Scheduled,
    /// Waits for its next attempt.
    Backoff(Timestamp),
    /// A worker runs it.
    Started(Attempt),
}

/// An attempt that a worker runs.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) worker: Identity,
    pub(crate) time: Timestamp,
    pub(crate) last_heartbeat: Timestamp,
    pub(crate) notices: watch::Sender<ActivityNotice>,
    /// Whether it goes on outside this process.
    pub(crate) handed_over: bool,
}

impl Attempt {
    /// An attempt of a process that is gone.
    pub(super) fn unknown(time: Timestamp) -> Self {
        let (notices, _) = watch::channel(ActivityNotice::default());
        Self {
            worker: super::engine_identity(),
            time,
            last_heartbeat: time,
            notices,
            handed_over: false,
        }
    }

    /// An attempt that goes on outside this process. It could not heartbeat until now.
    pub(super) fn handed_over(worker: Identity, time: Timestamp, now: Timestamp) -> Self {
        Self {
            worker,
            last_heartbeat: now,
            handed_over: true,
            ..Self::unknown(time)
        }
    }
}

/// A change of the small row that an activity has beside the history.
#[derive(Debug)]
pub(crate) enum ActivityRow {
    Put {
        scheduled: u64,
        attempt: u32,
        /// Whether the attempt is known to have started.
        started: bool,
        /// Which worker started the attempt, and when, if it goes on outside this process.
        handed_over: Option<(Identity, Timestamp)>,
        next_attempt: Option<Timestamp>,
        last_failure: Option<Box<Failure>>,
        heartbeat: Vec<Payload>,
    },
    Delete {
        scheduled: u64,
    },
}

impl Activity {
    pub(super) fn new(task: Arc<ScheduleActivityTask>, time: Timestamp) -> Self {
        Self {
            task,
            scheduled_time: time,
            attempt_scheduled_time: time,
            attempt: 1,
            state: ActivityState::Scheduled,
            cancel_requested: EventId::NONE,
            last_failure: None,
            heartbeat: Vec::new(),
            suspect: false,
            heartbeat_time: None,
            last_start: None,
            has_row: false,
            deadline: None,
        }
    }

    pub(crate) fn policy(&self) -> RetryPolicy {
        self.task.retry_policy.clone().unwrap_or_default()
    }

    /// Whether each attempt must be known to have started before it does: attempts are limited, or a process may have
    /// died of one.
    pub(crate) fn counts_attempts(&self) -> bool {
        self.suspect
            || self
                .task
                .retry_policy
                .as_ref()
                .is_some_and(|policy| policy.maximum_attempts > 0)
    }

    /// Gives the current attempt to a worker.
    pub(super) fn dispatch(&self, scheduled: u64) -> Effect {
        Effect::Dispatch {
            queue: self.task.task_queue.clone(),
            scheduled,
            attempt: self.attempt,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<(Timestamp, Option<TimeoutType>)> {
        let timeouts = &self.task.timeouts;
        let overall = timeouts.schedule_to_close_timeout.map(|limit| {
            (
                self.scheduled_time.after(limit),
                Some(TimeoutType::ScheduleToClose),
            )
        });
        let own = match &self.state {
            ActivityState::Backoff(until) => Some((*until, None)),
            ActivityState::Scheduled => timeouts.schedule_to_start_timeout.map(|limit| {
                (
                    self.attempt_scheduled_time.after(limit),
                    Some(TimeoutType::ScheduleToStart),
                )
            }),
            ActivityState::Started(attempt) => {
                let close = timeouts
                    .start_to_close_timeout
                    .map(|limit| (attempt.time.after(limit), Some(TimeoutType::StartToClose)));
                let heartbeat = timeouts.heartbeat_timeout.map(|limit| {
                    (
                        attempt.last_heartbeat.after(limit),
                        Some(TimeoutType::Heartbeat),
                    )
                });
                // When an attempt and the whole are late at once, no other attempt is in time.
                return earlier(overall, earlier(close, heartbeat));
            }
        };
        earlier(own, overall)
    }

    pub(super) fn row(&self, scheduled: u64, started: bool) -> ActivityRow {
        let (handed_over, next_attempt) = match &self.state {
            ActivityState::Scheduled => (None, None),
            ActivityState::Backoff(until) => (None, Some(*until)),
            ActivityState::Started(attempt) => {
                let outside = attempt.handed_over;
                (
                    outside.then(|| (attempt.worker.clone(), attempt.time)),
                    None,
                )
            }
        };
        ActivityRow::Put {
            scheduled,
            attempt: self.attempt,
            started,
            handed_over,
            next_attempt,
            last_failure: self.last_failure.clone(),
            heartbeat: self.heartbeat.clone(),
        }
    }
}

fn earlier<T>(a: Option<(Timestamp, T)>, b: Option<(Timestamp, T)>) -> Option<(Timestamp, T)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}

impl Execution {
    pub(crate) fn activity_by_id(&self, activity_id: &ActivityId) -> Option<u64> {
        self.activity_ids.get(activity_id).copied()
    }

    /// An activity that nobody has tried yet, by its id: the event that scheduled it, and its queue.
    pub(crate) fn untried_activity(&self, activity_id: &ActivityId) -> Option<(u64, TaskQueue)> {
        let scheduled = self.activity_by_id(activity_id)?;
        let activity = self.activities.get(&scheduled)?;
        let waits = matches!(activity.state, ActivityState::Scheduled);
        (activity.attempt == 1 && waits).then(|| (scheduled, activity.task.task_queue.clone()))
    }

    /// Starts an attempt that waits for a worker. `None` when it no longer does.
    pub(crate) fn start_activity(
        &mut self,
        scheduled: u64,
        attempt: u32,
        request: &PollActivityTaskRequest,
        now: Timestamp,
    ) -> Option<(&Activity, watch::Receiver<ActivityNotice>)> {
        let worker = &request.worker;
        let activity = self.activities.get_mut(&scheduled)?;
        if activity.attempt != attempt || !matches!(activity.state, ActivityState::Scheduled) {
            return None;
        }
        let notice = if activity.cancel_requested.is_some() {
            ActivityNotice::CancelRequested
        } else {
            ActivityNotice::None
        };
        let (notices, receiver) = watch::channel(notice);
        let time = now.max(activity.scheduled_time);
        activity.last_start = Some((worker.clone(), time));
        activity.state = ActivityState::Started(Attempt {
            worker: worker.clone(),
            time,
            last_heartbeat: time,
            notices,
            handed_over: request.remote,
        });
        if activity.counts_attempts() || request.remote {
            // On a restart it must be known that this attempt may have happened, or goes on.
            activity.has_row = true;
            let row = activity.row(scheduled, true);
            self.activity_rows.push(row);
        }
        self.update_activity_deadline(scheduled);
        self.activities
            .get(&scheduled)
            .map(|activity| (activity, receiver))
    }

    /// Takes an attempt back from a worker that never got it.
    pub(crate) fn return_activity(&mut self, scheduled: u64, attempt: u32) {
        if let Some(activity) = self.activities.get_mut(&scheduled)
            && activity.attempt == attempt
            && matches!(activity.state, ActivityState::Started(_))
        {
            activity.state = ActivityState::Scheduled;
            if activity.has_row {
                let row = activity.row(scheduled, false);
                self.activity_rows.push(row);
            }
            self.effects.push(activity.dispatch(scheduled));
            self.update_activity_deadline(scheduled);
        }
    }

    /// The attempt that a token names, if it runs.
    fn running(&mut self, scheduled: u64, attempt: u32) -> Result<&mut Activity, EngineError> {
        if !self.is_open() {
            return Err(EngineError::not_found(EngineError::ALREADY_COMPLETED));
        }
        self.activities
            .get_mut(&scheduled)
            .filter(|activity| {
                activity.attempt == attempt && matches!(activity.state, ActivityState::Started(_))
            })
            .ok_or_else(|| EngineError::not_found(ACTIVITY_NOT_FOUND))
    }

    /// Notes that an attempt is alive. Says whether its cancellation is requested.
    pub(crate) fn heartbeat(
        &mut self,
        scheduled: u64,
        attempt: u32,
        details: Vec<Payload>,
        now: Timestamp,
    ) -> Result<bool, EngineError> {
        let activity = self.running(scheduled, attempt)?;
        if let ActivityState::Started(attempt) = &mut activity.state {
            attempt.last_heartbeat = now.max(attempt.last_heartbeat);
        }
        activity.heartbeat_time = Some(now);
        let cancel_requested = activity.cancel_requested.is_some();
        if !details.is_empty() {
            activity.heartbeat = details;
            activity.has_row = true;
            let row = activity.row(scheduled, true);
            self.activity_rows.push(row);
        }
        self.update_activity_deadline(scheduled);
        Ok(cancel_requested)
    }

    /// Notes that an attempt goes on outside this process.
    pub(crate) fn hand_over_activity(
        &mut self,
        scheduled: u64,
        attempt: u32,
    ) -> Result<(), EngineError> {
        let activity = self.running(scheduled, attempt)?;
        if let ActivityState::Started(attempt) = &mut activity.state {
            attempt.handed_over = true;
        }
        activity.has_row = true;
        let row = activity.row(scheduled, true);
        self.activity_rows.push(row);
        Ok(())
    }

    /// Ends an attempt as its worker says.
    pub(crate) fn complete_activity(
        &mut self,
        scheduled: u64,
        attempt: u32,
        outcome: ActivityOutcome,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        self.running(scheduled, attempt)?;
        self.end_activity(scheduled, outcome, now)
    }

    /// Ends an activity in whatever state it is.
    pub(crate) fn end_activity(
        &mut self,
        scheduled: u64,
        outcome: ActivityOutcome,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let Some(activity) = self.activities.get_mut(&scheduled) else {
            return Ok(());
        };
        if matches!(outcome, ActivityOutcome::Cancelled { .. })
            && !activity.cancel_requested.is_some()
        {
            return Err(EngineError::invalid(
                "unable to mark activity as canceled without activity being request canceled first",
            ));
        }
        let identity = match &activity.state {
            ActivityState::Started(attempt) => Some(attempt.worker.clone()),
            ActivityState::Scheduled | ActivityState::Backoff(_) => None,
        };
        let latest_cancel_requested_event_id = activity.cancel_requested;
        let scheduled_event_id = EventId(scheduled);
        match outcome {
            ActivityOutcome::Completed { result } => {
                self.close_activity(scheduled, now, |started_event_id| {
                    EventKind::ActivityTaskCompleted {
                        result,
                        scheduled_event_id,
                        started_event_id,
                        identity,
                    }
                });
            }
            ActivityOutcome::Cancelled { details } => {
                self.close_activity(scheduled, now, |started_event_id| {
                    EventKind::ActivityTaskCanceled {
                        details,
                        latest_cancel_requested_event_id,
                        scheduled_event_id,
                        started_event_id,
                        identity,
                    }
                });
            }
            ActivityOutcome::Failed {
                failure,
                last_heartbeat_details,
            } => {
                if let Some(details) = last_heartbeat_details {
                    activity.heartbeat = details;
                }
                let retry_state = self.retry_activity(scheduled, &failure, now);
                if retry_state != RetryState::InProgress {
                    self.close_activity(scheduled, now, |started_event_id| {
                        EventKind::ActivityTaskFailed {
                            failure: Box::new(failure),
                            scheduled_event_id,
                            started_event_id,
                            identity,
                            retry_state,
                        }
                    });
                }
            }
        }
        Ok(())
    }

    /// Records the start, if there was one, and the closing event.
    pub(super) fn close_activity(
        &mut self,
        scheduled: u64,
        now: Timestamp,
        closing: impl FnOnce(EventId) -> EventKind,
    ) {
        let Some(activity) = self.activities.get(&scheduled) else {
            return;
        };
        let started = match &activity.state {
            ActivityState::Started(attempt) => Some((attempt.worker.clone(), attempt.time)),
            ActivityState::Scheduled | ActivityState::Backoff(_) => None,
        };
        if let Some((worker, time)) = started {
            let started = EventKind::ActivityTaskStarted {
                scheduled_event_id: EventId(scheduled),
                identity: Some(worker),
                request_id: None,
                attempt: activity.attempt,
                last_failure: activity.last_failure.clone(),
            };
            if self.is_task_started() {
                self.buffer(time, started);
                // The id is filled in when the start gets one.
                self.buffer(now, closing(EventId::NONE));
            } else {
                let started = self.record(time, started);
                self.add(now, closing(started));
            }
        } else {
            self.add(now, closing(EventId::NONE));
        }
    }

    pub(super) fn remove_activity(&mut self, scheduled: u64) {
        let Some(activity) = self.activities.remove(&scheduled) else {
            return;
        };
        self.activity_ids.remove(&activity.task.activity_id);
        if let ActivityState::Started(attempt) = activity.state {
            self.ended_attempts
                .push((scheduled, activity.attempt, attempt));
        } else if matches!(activity.state, ActivityState::Backoff(_)) {
            self.backing_off -= 1;
        }
        if let Some(due) = activity.deadline {
            self.deadlines.remove(&(due, Deadline::Activity(scheduled)));
        }
        if activity.has_row {
            self.activity_rows.push(ActivityRow::Delete { scheduled });
        }
    }

    /// Requests the cancellation of an activity that is pending (ground rule 8).
    pub(super) fn cancel_activity(
        &mut self,
        scheduled: u64,
        identity: &Identity,
        now: Timestamp,
        closing: bool,
    ) {
        let Some(activity) = self.activities.get(&scheduled) else {
            return;
        };
        let latest_cancel_requested_event_id = activity.cancel_requested;
        match &activity.state {
            // In a task that closes the run too it hears of that alone, and not by chance of what it polls first.
            ActivityState::Started(_) if closing => {}
            ActivityState::Started(attempt) => {
                attempt
                    .notices
                    .send_replace(ActivityNotice::CancelRequested);
            }
            ActivityState::Scheduled | ActivityState::Backoff(_) if !closing => {
                // It goes after all events of the commands, like everything that is buffered.
                self.buffer(
                    now,
                    EventKind::ActivityTaskCanceled {
                        details: vec![Payload::json(&br#""ACTIVITY_ID_NOT_STARTED""#[..])],
                        latest_cancel_requested_event_id,
                        scheduled_event_id: EventId(scheduled),
                        started_event_id: EventId::NONE,
                        identity: Some(identity.clone()),
                    },
                );
            }
            ActivityState::Scheduled | ActivityState::Backoff(_) => {}
        }
    }
}
