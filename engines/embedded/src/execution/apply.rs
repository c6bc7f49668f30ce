//! The fold: what an event means for the state of its run.
//!
//! Every change that can be read off a history is made here and nowhere else. An event whose
//! operation is unknown or over changes nothing: a buffered event was applied to what is pending
//! when it happened and is applied again when it is recorded.

use std::sync::Arc;

use steadfast_core::{
    event::{EventKind, ExecutionStatus, WorkflowTaskFailedCause},
    ids::EventId,
    payload::merge,
    time::Timestamp,
};

use super::{
    Activity, Child, Deadline, Execution, PendingUpdate, ScheduledTask, Task, TaskKind, Timer,
};

impl Execution {
    pub(super) fn apply(&mut self, id: EventId, time: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::WorkflowExecutionStarted(start) => {
                self.start_time = time;
                self.memo.clone_from(&start.memo);
                self.search_attributes.clone_from(&start.search_attributes);
                if !start.first_workflow_task_backoff.is_zero() {
                    self.set_first_task_due(Some(time.after(start.first_workflow_task_backoff)));
                }
                self.set_run_due_from(time);
            }
            EventKind::WorkflowTaskScheduled { attempt, .. } => {
                self.set_first_task_due(None);
                self.attempt = *attempt;
                self.set_task(Task::Scheduled(ScheduledTask {
                    kind: TaskKind::Normal { scheduled: id },
                    time,
                    not_before: None,
                }));
            }
            EventKind::WorkflowTaskStarted { .. } => self.last_started = id,
            EventKind::WorkflowTaskCompleted {
                started_event_id, ..
            } => {
                self.previous_started = *started_event_id;
                self.attempt = 1;
                self.forget_task_problems();
                self.set_task(Task::Idle);
            }
            EventKind::WorkflowTaskFailed {
                cause: WorkflowTaskFailedCause::ForceCloseCommand,
                ..
            } => {
                self.set_task(Task::Idle);
            }
            EventKind::WorkflowTaskFailed { .. } | EventKind::WorkflowTaskTimedOut { .. } => {
                self.attempt = self.attempt.saturating_add(1);
                self.note_task_problem(kind, true);
                // The next attempt is not recorded until it is answered.
                self.set_task(Task::Scheduled(ScheduledTask {
                    kind: TaskKind::Transient { follows: id.0 },
                    time,
                    not_before: None,
                }));
            }
            EventKind::ActivityTaskScheduled { activity, .. } => {
                self.activity_ids.insert(activity.activity_id.clone(), id.0);
                self.activities
                    .insert(id.0, Activity::new(Arc::clone(activity), time));
                self.update_activity_deadline(id.0);
            }
            EventKind::ActivityTaskCancelRequested {
                scheduled_event_id, ..
            } => {
                if let Some(activity) = self.activities.get_mut(&scheduled_event_id.0) {
                    activity.cancel_requested = id;
                }
            }
            EventKind::TimerStarted {
                timer_id,
                start_to_fire_timeout,
                ..
            } => {
                let due = time.after(*start_to_fire_timeout);
                self.timer_ids.insert(timer_id.clone(), id.0);
                self.timers.insert(
                    id.0,
                    Timer {
                        timer_id: timer_id.clone(),
                        due,
                    },
                );
                self.deadlines.insert((due, Deadline::Timer(id.0)));
            }
            EventKind::TimerCanceled { timer_id, .. } => self.remove_timer(timer_id),
            EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
                self.children.insert(id.0, Child::new(child));
                self.children_to_start += 1;
            }
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id, ..
            } => {
                self.apply_to_pending(kind);
                if let Some(child) = self.children.get_mut(&initiated_event_id.0) {
                    child.started_event_id = id;
                }
            }
            EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. } => {
                self.cancels.insert(id.0, (**cancel).clone());
            }
            EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. } => {
                self.signals.insert(id.0, (**signal).clone());
            }
            EventKind::WorkflowExecutionUpdateAdmitted {
                update_id,
                name,
                input,
                identity,
                header,
            } => {
                let update = PendingUpdate::admitted_by_event(
                    update_id.clone(),
                    name.clone(),
                    input.clone(),
                    identity.clone(),
                    header.clone(),
                );
                self.admit_update(update);
            }
            EventKind::WorkflowExecutionUpdateAccepted { update_id, .. } => {
                self.update_accepted(update_id, id);
            }
            EventKind::WorkflowExecutionUpdateCompleted {
                update_id, outcome, ..
            } => {
                self.update_completed(update_id, outcome);
            }
            EventKind::UpsertWorkflowSearchAttributes {
                search_attributes, ..
            } => {
                merge(&mut self.search_attributes, search_attributes);
                self.attributes_changed = true;
            }
            EventKind::WorkflowPropertiesModified { upserted_memo, .. } => {
                merge(&mut self.memo, upserted_memo);
                self.attributes_changed = true;
            }
            EventKind::WorkflowExecutionCompleted { .. }
            | EventKind::WorkflowExecutionFailed { .. }
            | EventKind::WorkflowExecutionTimedOut { .. }
            | EventKind::WorkflowExecutionCanceled { .. }
            | EventKind::WorkflowExecutionTerminated { .. }
            | EventKind::WorkflowExecutionContinuedAsNew { .. } => {
                self.status = ExecutionStatus::after(kind).unwrap_or(self.status);
                self.close_time = Some(time);
                self.task = Task::Idle;
                self.forget_sticky();
                self.deadlines.clear();
                self.first_task_due = None;
                self.run_due = None;
            }
            EventKind::WorkflowExecutionSignaled { .. }
            | EventKind::WorkflowExecutionCancelRequested { .. }
            | EventKind::ActivityTaskCompleted { .. }
            | EventKind::ActivityTaskFailed { .. }
            | EventKind::ActivityTaskTimedOut { .. }
            | EventKind::ActivityTaskCanceled { .. }
            | EventKind::TimerFired { .. }
            | EventKind::StartChildWorkflowExecutionFailed { .. }
            | EventKind::ChildWorkflowExecutionCompleted { .. }
            | EventKind::ChildWorkflowExecutionFailed { .. }
            | EventKind::ChildWorkflowExecutionCanceled { .. }
            | EventKind::ChildWorkflowExecutionTimedOut { .. }
            | EventKind::ChildWorkflowExecutionTerminated { .. }
            | EventKind::RequestCancelExternalWorkflowExecutionFailed { .. }
            | EventKind::ExternalWorkflowExecutionCancelRequested { .. }
            | EventKind::SignalExternalWorkflowExecutionFailed { .. }
            | EventKind::ExternalWorkflowExecutionSignaled { .. } => self.apply_to_pending(kind),
            EventKind::ActivityTaskStarted { .. }
            | EventKind::MarkerRecorded { .. }
            | EventKind::Unknown { .. } => {}
        }
    }

    /// The part of an event's meaning that does not wait for its id: what is over, and what must
    /// not happen twice.
    pub(super) fn apply_to_pending(&mut self, kind: &EventKind) {
        match kind {
            EventKind::ActivityTaskCompleted {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskFailed {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskTimedOut {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskCanceled {
                scheduled_event_id, ..
            } => {
                self.remove_activity(scheduled_event_id.0);
            }
            EventKind::TimerFired { timer_id, .. } => self.remove_timer(timer_id),
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id,
                execution,
                ..
            } => {
                if let Some(child) = self.children.get_mut(&initiated_event_id.0)
                    && child.run_id.replace(execution.run_id.clone()).is_none()
                {
                    self.children_to_start -= 1;
                }
            }
            EventKind::StartChildWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCompleted {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCanceled {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionTimedOut {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionTerminated {
                initiated_event_id, ..
            } => {
                if let Some(child) = self.children.remove(&initiated_event_id.0)
                    && child.run_id.is_none()
                {
                    self.children_to_start -= 1;
                }
            }
            EventKind::RequestCancelExternalWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id, ..
            } => {
                self.cancels.remove(&initiated_event_id.0);
            }
            EventKind::SignalExternalWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id, ..
            } => {
                self.signals.remove(&initiated_event_id.0);
            }
            EventKind::WorkflowExecutionCancelRequested { .. } => self.cancel_requested = true,
            EventKind::WorkflowExecutionSignaled {
                request_id: Some(request_id),
                ..
            } => {
                self.signal_requests.insert(request_id.clone());
            }
            _ => {}
        }
    }

    fn remove_timer(&mut self, timer_id: &steadfast_core::ids::TimerId) {
        if let Some(started) = self.timer_ids.remove(timer_id)
            && let Some(timer) = self.timers.remove(&started)
        {
            self.deadlines
                .remove(&(timer.due, Deadline::Timer(started)));
        }
    }

    fn set_first_task_due(&mut self, due: Option<Timestamp>) {
        if let Some(old) = std::mem::replace(&mut self.first_task_due, due) {
            self.deadlines.remove(&(old, Deadline::FirstTask));
        }
        if let Some(due) = due {
            self.deadlines.insert((due, Deadline::FirstTask));
        }
    }

    /// Counts the run timeout from a time. A reset run gets the whole of it again.
    pub(crate) fn set_run_due_from(&mut self, time: Timestamp) {
        if let Some(old) = self.run_due.take() {
            self.deadlines.remove(&(old, Deadline::Run));
        }
        // The wait before the first task does not count.
        let run = self.start.timeouts.run_timeout.map(|timeout| {
            time.after(self.start.first_workflow_task_backoff)
                .after(timeout)
        });
        let due = match (run, self.start.execution_expiration_time) {
            (Some(run), Some(execution)) => Some(run.min(execution)),
            (run, execution) => run.or(execution),
        };
        if let Some(due) = due {
            self.deadlines.insert((due, Deadline::Run));
        }
        self.run_due = due;
    }
}
