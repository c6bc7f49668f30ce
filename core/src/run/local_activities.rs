//! Local activities: what the worker or history says of them, and the waits between their attempts.

use std::{sync::Arc, time::Duration};

use super::{
    ActivityInfo, MARKER_LOCAL_ACTIVITY, Machine, Operation, Run, operations::counted_id,
    text_payload,
};
use crate::{
    activation::OperationId,
    command::{Command, RecordMarker},
    error::RunError,
    failure::{Failure, FailureKind},
    ids::{ActivityId, ActivityType, EventId},
    machine::{Effects, LocalActivityInput, Outcome},
    payload::UserMetadata,
    retry::RetryState,
    task::{LocalActivityOutcome, LocalActivityTask, LocalBackOff},
    time::Timestamp,
};

impl Run {
    /// Takes what the worker has to say of a local activity that it ran. Workflow code hears of its end from
    /// [`poll_job`](Self::poll_job), after the events of a workflow task that is to be answered:
    /// the order in which a replay finds them.
    ///
    /// # Errors
    ///
    /// When the run has failed.
    pub fn handle_local_activity(
        &mut self,
        id: OperationId,
        outcome: impl Into<LocalActivityOutcome>,
    ) -> Result<(), RunError> {
        self.check()?;
        // A late end, after the run stopped waiting for it, is nothing to anybody.
        if self.operations.contains_key(&id) {
            self.local_ends.push_back((id, outcome.into()));
        }
        Ok(())
    }

    /// Tells workflow code of the next local activity that has ended. `false` when there is none.
    pub(super) fn end_local_activity(&mut self) -> bool {
        // A marker after the closing command would be refused.
        while !self.closed
            && let Some((id, end)) = self.local_ends.pop_front()
        {
            if self.operations.contains_key(&id) {
                self.local_activity_ended(id, end);
                return true;
            }
        }
        false
    }

    /// Takes the end of a local activity from its marker.
    pub(super) fn local_activity_recorded(
        &mut self,
        id: OperationId,
        marker: RecordMarker,
        event_id: EventId,
    ) -> Result<(), RunError> {
        if !self.operations.contains_key(&id) {
            return Err(RunError::InvalidHistory {
                event_id,
                message: "the local activity has ended before".to_owned(),
            });
        }
        let end = match recorded_wait(&marker) {
            Some(wait) => {
                let Some(mut task) = self.local_tasks.remove(&id) else {
                    return Err(RunError::InvalidHistory {
                        event_id,
                        message: "the local activity waits before it has run".to_owned(),
                    });
                };
                let number = |key: &str| marker.text(key)?.parse().ok();
                task.attempt = number("attempt").unwrap_or(task.attempt);
                let scheduled = marker.text("original_schedule_time");
                if let Some(nanos) = scheduled.and_then(|nanos| nanos.parse().ok()) {
                    task.scheduled_time = Timestamp::from_unix_nanos(nanos);
                }
                let failure = marker
                    .failure
                    .unwrap_or_else(|| Failure::application("failed", "Unknown"));
                LocalActivityOutcome::BackOff(Box::new(LocalBackOff {
                    task,
                    failure,
                    wait,
                }))
            }
            None => {
                let RecordMarker {
                    mut details,
                    failure,
                    ..
                } = marker;
                let result = details
                    .remove("result")
                    .and_then(|values| values.into_iter().next());
                LocalActivityOutcome::Ended(failure.map_or(Ok(result), Err))
            }
        };
        self.local_activity_ended(id, end);
        Ok(())
    }

    fn local_activity_ended(&mut self, id: OperationId, end: LocalActivityOutcome) {
        // The worker has had all that code asked for when it rested before this.
        self.activation += 1;
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        let Machine::LocalActivity(machine, info, words) = &mut operation.machine else {
            return;
        };
        let (input, back_off) = match end {
            LocalActivityOutcome::Ended(Ok(result)) => {
                (LocalActivityInput::Ended(Outcome::Completed(result)), None)
            }
            LocalActivityOutcome::Ended(Err(cause)) => {
                (LocalActivityInput::Ended(info.local_failure(cause)), None)
            }
            LocalActivityOutcome::BackOff(back_off) => {
                let outcome = info.local_failure(back_off.failure.clone());
                (LocalActivityInput::BackOff(outcome), Some(back_off))
            }
        };
        // An operation that is still there has not ended.
        if let Ok(effects) = machine.handle(input) {
            match back_off {
                Some(back_off) if effects.back_off => {
                    let words = words.clone();
                    self.back_off(id, *back_off, words);
                }
                _ => self.carry_out(id, effects),
            }
        }
    }

    /// Records that a local activity waits for its next attempt, and starts the timer of that wait.
    fn back_off(
        &mut self,
        id: OperationId,
        back_off: LocalBackOff,
        words: Option<Box<UserMetadata>>,
    ) {
        let LocalBackOff {
            mut task,
            failure,
            wait,
        } = back_off;
        let mut marker = local_marker(&task.activity_id, &task.activity_type, words);
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        for (key, value) in [
            ("attempt", task.attempt.to_string()),
            (BACKOFF, nanos.to_string()),
            (
                "original_schedule_time",
                task.scheduled_time.unix_nanos().to_string(),
            ),
        ] {
            marker.details.insert(key.to_owned(), text_payload(&value));
        }
        marker.failure = Some(failure);
        self.push_local_marker(marker);
        self.local_activities.remove(task.activity_id.as_str());
        task.attempt = task.attempt.saturating_add(1);
        let timer = self.new_operation_id();
        self.begin_timer(timer, wait, None);
        self.backing_off.insert(timer, (id, task));
    }

    /// The timer of a wait has fired: the next attempt runs, under an id of its own.
    pub(super) fn end_back_off(&mut self, id: OperationId, mut task: LocalActivityTask) {
        let Some(Operation {
            machine: Machine::LocalActivity(machine, info, _),
            activation: started_in,
            ..
        }) = self.operations.get_mut(&id)
        else {
            return;
        };
        let Ok(Effects {
            run_again: true, ..
        }) = machine.handle(LocalActivityInput::BackOffOver)
        else {
            return;
        };
        *started_in = self.activation;
        self.sequences.activity += 1;
        let activity_id = counted_id(self.sequences.activity);
        info.activity_id = activity_id.clone();
        task.time_used = self.now.since(task.scheduled_time);
        task.activity_id = activity_id;
        self.local_activities
            .insert(task.activity_id.as_str().to_owned(), id);
        self.local_tasks.insert(id, task);
    }

    /// Cancels the timer of a wait.
    pub(super) fn stop_backing_off(&mut self, id: OperationId) {
        let found = self.backing_off.iter().find(|(_, (local, _))| *local == id);
        let Some(timer) = found.map(|(timer, _)| *timer) else {
            return;
        };
        self.backing_off.remove(&timer);
        self.cancel_operation(timer, &Arc::from("no longer awaited"));
    }

    /// Has the worker stop a local activity. One that the worker never had ends here.
    pub(super) fn stop_local_activity(&mut self, id: OperationId, done: bool) {
        if self.local_tasks.remove(&id).is_none() {
            self.stopped_local_tasks.push(id);
        } else if !done {
            let cancelled = Failure::cancelled("cancelled before the worker ran it");
            self.local_ends
                .push_back((id, LocalActivityOutcome::Ended(Err(cancelled))));
        }
    }

    pub(super) fn record_local_activity(&mut self, id: OperationId, outcome: Option<&Outcome>) {
        let Some(Operation {
            machine: Machine::LocalActivity(_, info, words),
            ..
        }) = self.operations.get(&id)
        else {
            return;
        };
        let mut marker = local_marker(&info.activity_id, &info.activity_type, words.clone());
        match outcome {
            Some(Outcome::Completed(Some(result))) => {
                marker
                    .details
                    .insert("result".to_owned(), vec![result.clone()]);
            }
            // The marker has what the activity itself ended with; the wrapper is made anew.
            Some(Outcome::Failed(failure)) => marker.failure = failure.cause.as_deref().cloned(),
            Some(Outcome::Cancelled | Outcome::NeverStarted) => {
                marker.failure = Some(Failure::cancelled("cancelled"));
            }
            Some(Outcome::Completed(None)) | None => {}
        }
        self.push_local_marker(marker);
    }

    fn push_local_marker(&mut self, marker: RecordMarker) {
        let mut command = Command::RecordMarker(Box::new(marker));
        self.payload_limit.fit_user_metadata(&mut command);
        self.push(command);
    }
}

/// The wait before the next attempt, in nanoseconds, in a marker of a local activity.
const BACKOFF: &str = "backoff";

fn recorded_wait(marker: &RecordMarker) -> Option<Duration> {
    let nanos = marker.text(BACKOFF)?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn local_marker(
    activity_id: &ActivityId,
    activity_type: &ActivityType,
    user_metadata: Option<Box<UserMetadata>>,
) -> RecordMarker {
    RecordMarker {
        marker_name: MARKER_LOCAL_ACTIVITY.to_owned(),
        details: [
            ("id".to_owned(), text_payload(activity_id.as_str())),
            ("type".to_owned(), text_payload(activity_type.as_str())),
        ]
        .into(),
        failure: None,
        user_metadata,
    }
}

impl ActivityInfo {
    /// The outcome of a local activity that ended with a failure.
    fn local_failure(&self, cause: Failure) -> Outcome {
        let (text, state) = match cause.kind {
            FailureKind::Cancelled { .. } => {
                ("local activity cancelled", RetryState::CancelRequested)
            }
            FailureKind::Timeout { .. } => ("local activity timed out", RetryState::Timeout),
            _ => ("local activity failed", RetryState::NonRetryableFailure),
        };
        let events = (EventId::NONE, EventId::NONE);
        let failure = self.failure(text, events, None, state).with_cause(cause);
        Outcome::Failed(Box::new(failure))
    }
}
