//! Events of a history as events of a service.
//!
//! What a history has no field for is put back from what was kept with the event. What is not there either stays empty, but for
//! what a service can say of it: the namespace of what is told, the ids of an update's messages, and the kind of a task queue. Of what a history holds these have no place in an event of a
//! service: the request id of a cancel request, and the execution timeout and the retry policy of a run that continued as
//! new.

use std::sync::Arc;

use steadfast_core::{
    event::{EventKind, HistoryEvent},
    ids::WorkflowExecution,
};
use steadfast_engine::spelling::{
    enums::{RETRY_STATES, TASK_FAILED_CAUSES, TIMEOUT_TYPES},
    event_types,
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    history::v1::{self as proto, history_event::Attributes as A},
};

use crate::{
    unmodelled::with,
    values::{
        Wire, Wired, attempt_out, count_out, duration_out, event_id_out, execution_out,
        normal_queue, sticky_queue, text, time_out,
    },
};

/// Where the executions live that a service tells of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Home {
    /// The name of their namespace.
    pub namespace: String,
    /// The id of that namespace.
    pub namespace_id: String,
}

impl Wire {
    /// An event as a service tells it.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn event_out(&self, event: HistoryEvent, home: &Home) -> Wired<proto::HistoryEvent> {
        let event_id = event_id_out(event.event_id);
        let told = proto::HistoryEvent {
            event_id,
            event_time: Some(time_out(event.event_time)),
            event_type: number(event.kind.name()),
            // Tools want one that grows with the events.
            task_id: event_id,
            user_metadata: self.user_metadata_out(event.kind.user_metadata().cloned())?,
            worker_may_ignore: matches!(
                event.kind,
                EventKind::Unknown {
                    may_ignore: true,
                    ..
                }
            ),
            attributes: EventWriter { wire: self, home }.attributes(event.kind)?,
            ..proto::HistoryEvent::default()
        };
        Ok(match event.unmodelled {
            Some(unmodelled) => with(told, &unmodelled),
            None => told,
        })
    }
}

/// The number of an event type; that of one without a name is the type.
fn number(event_type: &str) -> i32 {
    let number = event_types::number_of(event_type).or_else(|| event_type.parse().ok());
    number
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0)
}

/// Writes the attributes of events.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventWriter<'a> {
    pub(super) wire: &'a Wire,
    pub(super) home: &'a Home,
}

/// Attributes, or an event that is one of another kind.
pub(super) type Tried = Wired<Result<A, EventKind>>;

impl EventWriter<'_> {
    /// `None` for an event that this version does not know.
    fn attributes(self, kind: EventKind) -> Wired<Option<A>> {
        match self.task_or_timer(kind)? {
            Ok(attributes) => Ok(Some(attributes)),
            Err(kind) => match self.activity(kind)? {
                Ok(attributes) => Ok(Some(attributes)),
                Err(kind) => match self.update(kind)? {
                    Ok(attributes) => Ok(Some(attributes)),
                    Err(kind) => match self.execution(kind)? {
                        Ok(attributes) => Ok(Some(attributes)),
                        Err(kind) => self.other_execution(kind),
                    },
                },
            },
        }
    }

    fn task_or_timer(self, kind: EventKind) -> Tried {
        Ok(Ok(match kind {
            EventKind::WorkflowTaskScheduled {
                task_queue,
                start_to_close_timeout,
                attempt,
                normal_queue: stands_for,
            } => proto::WorkflowTaskScheduledEventAttributes {
                task_queue: match stands_for {
                    Some(normal) => sticky_queue(task_queue.as_str(), normal.as_str()),
                    None => normal_queue(task_queue),
                },
                start_to_close_timeout: Some(duration_out(start_to_close_timeout)),
                attempt: attempt_out(attempt),
            }
            .into(),
            EventKind::WorkflowTaskStarted {
                scheduled_event_id,
                identity,
                request_id,
                history_size_bytes,
                suggest_continue_as_new,
            } => proto::WorkflowTaskStartedEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                identity: text(identity),
                request_id: text(request_id),
                history_size_bytes: count_out(history_size_bytes),
                suggest_continue_as_new,
                ..Default::default()
            }
            .into(),
            EventKind::WorkflowTaskCompleted {
                scheduled_event_id,
                started_event_id,
                identity,
            } => proto::WorkflowTaskCompletedEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                identity: text(identity),
                ..Default::default()
            }
            .into(),
            EventKind::WorkflowTaskFailed {
                scheduled_event_id,
                started_event_id,
                cause,
                failure,
                identity,
                base_run_id,
                new_run_id,
            } => proto::WorkflowTaskFailedEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                cause: TASK_FAILED_CAUSES.number(cause),
                failure: self
                    .wire
                    .optional_failure_out(failure.map(|failure| *failure))?,
                identity: text(identity),
                base_run_id: text(base_run_id),
                new_run_id: text(new_run_id),
                ..Default::default()
            }
            .into(),
            EventKind::WorkflowTaskTimedOut {
                scheduled_event_id,
                started_event_id,
                timeout_type,
            } => proto::WorkflowTaskTimedOutEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                timeout_type: TIMEOUT_TYPES.number(timeout_type),
            }
            .into(),
            EventKind::TimerStarted {
                timer_id,
                start_to_fire_timeout,
                workflow_task_completed_event_id,
                ..
            } => proto::TimerStartedEventAttributes {
                timer_id: text(Some(timer_id)),
                start_to_fire_timeout: Some(duration_out(start_to_fire_timeout)),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
            }
            .into(),
            EventKind::TimerFired {
                timer_id,
                started_event_id,
            } => proto::TimerFiredEventAttributes {
                timer_id: text(Some(timer_id)),
                started_event_id: event_id_out(started_event_id),
            }
            .into(),
            EventKind::TimerCanceled {
                timer_id,
                started_event_id,
                workflow_task_completed_event_id,
                identity,
            } => proto::TimerCanceledEventAttributes {
                timer_id: text(Some(timer_id)),
                started_event_id: event_id_out(started_event_id),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
                identity: text(identity),
            }
            .into(),
            EventKind::MarkerRecorded {
                marker,
                workflow_task_completed_event_id,
            } => self
                .marker(*marker, workflow_task_completed_event_id)?
                .into(),
            other => return Ok(Err(other)),
        }))
    }

    fn activity(self, kind: EventKind) -> Tried {
        Ok(Ok(match kind {
            EventKind::ActivityTaskScheduled {
                activity,
                workflow_task_completed_event_id,
            } => self
                .scheduled(
                    Arc::unwrap_or_clone(activity),
                    workflow_task_completed_event_id,
                )?
                .into(),
            EventKind::ActivityTaskStarted {
                scheduled_event_id,
                identity,
                request_id,
                attempt,
                last_failure,
            } => proto::ActivityTaskStartedEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                identity: text(identity),
                request_id: text(request_id),
                attempt: attempt_out(attempt),
                last_failure: self
                    .wire
                    .optional_failure_out(last_failure.map(|failure| *failure))?,
                ..Default::default()
            }
            .into(),
            EventKind::ActivityTaskCompleted {
                result,
                scheduled_event_id,
                started_event_id,
                identity,
            } => proto::ActivityTaskCompletedEventAttributes {
                result: self.wire.single_out(result)?,
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                identity: text(identity),
                ..Default::default()
            }
            .into(),
            EventKind::ActivityTaskFailed {
                failure,
                scheduled_event_id,
                started_event_id,
                identity,
                retry_state,
            } => proto::ActivityTaskFailedEventAttributes {
                failure: Some(self.wire.failure_out(*failure)?),
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                identity: text(identity),
                retry_state: RETRY_STATES.number(retry_state),
                ..Default::default()
            }
            .into(),
            EventKind::ActivityTaskTimedOut {
                failure,
                scheduled_event_id,
                started_event_id,
                retry_state,
            } => proto::ActivityTaskTimedOutEventAttributes {
                failure: Some(self.wire.failure_out(*failure)?),
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                retry_state: RETRY_STATES.number(retry_state),
            }
            .into(),
            EventKind::ActivityTaskCancelRequested {
                scheduled_event_id,
                workflow_task_completed_event_id,
            } => proto::ActivityTaskCancelRequestedEventAttributes {
                scheduled_event_id: event_id_out(scheduled_event_id),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
            }
            .into(),
            EventKind::ActivityTaskCanceled {
                details,
                latest_cancel_requested_event_id,
                scheduled_event_id,
                started_event_id,
                identity,
            } => proto::ActivityTaskCanceledEventAttributes {
                details: self.wire.payloads_out(details)?,
                latest_cancel_requested_event_id: event_id_out(latest_cancel_requested_event_id),
                scheduled_event_id: event_id_out(scheduled_event_id),
                started_event_id: event_id_out(started_event_id),
                identity: text(identity),
                ..Default::default()
            }
            .into(),
            other => return Ok(Err(other)),
        }))
    }
}

/// A certain run.
pub(super) fn run(execution: &WorkflowExecution) -> Option<common::WorkflowExecution> {
    execution_out(&execution.workflow_id, Some(&execution.run_id))
}
