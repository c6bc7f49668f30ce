//! Events of the service as events of a history. Those of a history as a service tells them are beside them.

mod event_out;
mod executions;
mod executions_out;
mod messages;
mod messages_out;
#[cfg(test)]
pub(crate) mod tests_out;
mod updates;
mod updates_out;

use std::sync::Arc;

use steadfast_core::{
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    history::History,
};
use steadfast_engine::{
    EngineError,
    spelling::{enums::TASK_FAILED_CAUSES, event_types},
};
use temporalio_protos::temporal::api::history::v1::{
    self as proto, history_event::Attributes as A,
};

pub use self::event_out::Home;
use self::updates::AdmittedUpdates;
use super::{
    failure::{retry_state, timeout_type},
    values::{
        Wire, Wired, attempt, count, duration_in, event_id, id, optional_id, queue_name, time_in,
    },
};
use crate::unmodelled::left_out;

/// Reads a history in its protobuf form, the message `temporal.api.history.v1.History`.
///
/// The run id is that of the run that the history shows: after a reset the id of the new run, else the
/// original one.
///
/// # Errors
///
/// When the bytes are no such message, or an event is not as expected.
pub fn read_history(bytes: &[u8]) -> Result<History, EngineError> {
    let message = prost::Message::decode(bytes)
        .map_err(|error| EngineError::invalid(format!("this is not a history: {error}")))?;
    let wire = Wire {
        verbatim: true,
        ..Wire::default()
    };
    let events = EventReader::new(&wire).keeping().read(Some(message))?;
    History::of_events(events).ok_or_else(|| {
        EngineError::invalid("a history starts with WorkflowExecutionStarted; this one does not")
    })
}

/// Reads the events of one history in their order.
#[derive(Debug)]
pub struct EventReader<'a> {
    wire: &'a Wire,
    admitted: AdmittedUpdates,
    keeps: bool,
}

impl<'a> EventReader<'a> {
    /// Begins with the first event.
    pub fn new(wire: &'a Wire) -> Self {
        Self {
            wire,
            admitted: AdmittedUpdates::default(),
            keeps: false,
        }
    }

    /// Keeps with each event what it says and a history has no field for: for whoever shows the history, or tells it
    /// again. A worker has no use for it, and it costs as much as reading the event.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self {
            keeps: true,
            ..self
        }
    }

    /// Reads the next events.
    pub fn read(&mut self, history: Option<proto::History>) -> Wired<Vec<HistoryEvent>> {
        let events = history.unwrap_or_default().events.into_iter();
        events.map(|event| self.event(event)).collect()
    }

    fn event(&mut self, event: proto::HistoryEvent) -> Wired<HistoryEvent> {
        let original = self.keeps.then(|| event.clone());
        let number = u64::try_from(event.event_type).unwrap_or(0);
        let event_type =
            event_types::of_number(number).map_or_else(|| number.to_string(), str::to_owned);
        let read = match event.attributes {
            Some(attributes) => self.kind(attributes)?,
            None => None,
        };
        let mut kind = read.unwrap_or_else(|| EventKind::Unknown {
            may_ignore: event.worker_may_ignore || event_types::is_ignored(&event_type),
            event_type,
        });
        kind.set_user_metadata(self.wire.user_metadata_in(event.user_metadata)?);
        let mut read = HistoryEvent::new(event_id(event.event_id), time_in(event.event_time), kind);
        if let Some(original) = original {
            let told = self.wire.event_out(read.clone(), &Home::default())?;
            read.unmodelled = left_out(&original, &told);
        }
        Ok(read)
    }

    /// `None` if a history does not hold events of the type.
    fn kind(&mut self, attributes: A) -> Wired<Option<EventKind>> {
        match self.admitted.read(self.wire, attributes)? {
            Ok(kind) => Ok(Some(kind)),
            Err(attributes) => match self.wire.task_or_timer(attributes)? {
                Ok(kind) => Ok(Some(kind)),
                Err(attributes) => match self.wire.activity(attributes)? {
                    Ok(kind) => Ok(Some(kind)),
                    Err(attributes) => match self.wire.execution(attributes)? {
                        Ok(kind) => Ok(Some(kind)),
                        Err(attributes) => self.wire.other_execution(attributes),
                    },
                },
            },
        }
    }
}

/// An event, or the attributes that are those of another kind.
type Tried = Wired<Result<EventKind, A>>;

impl Wire {
    fn task_or_timer(&self, attributes: A) -> Tried {
        Ok(Ok(match attributes {
            A::WorkflowTaskScheduledEventAttributes(a) => EventKind::WorkflowTaskScheduled {
                normal_queue: match &a.task_queue {
                    Some(queue) => optional_id(&queue.normal_name)?,
                    None => None,
                },
                task_queue: queue_name(a.task_queue)?,
                start_to_close_timeout: duration_in(a.start_to_close_timeout),
                attempt: attempt(a.attempt),
            },
            A::WorkflowTaskStartedEventAttributes(a) => EventKind::WorkflowTaskStarted {
                scheduled_event_id: event_id(a.scheduled_event_id),
                identity: optional_id(&a.identity)?,
                request_id: optional_id(&a.request_id)?,
                history_size_bytes: count(a.history_size_bytes),
                suggest_continue_as_new: a.suggest_continue_as_new,
            },
            A::WorkflowTaskCompletedEventAttributes(a) => EventKind::WorkflowTaskCompleted {
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                identity: optional_id(&a.identity)?,
            },
            A::WorkflowTaskFailedEventAttributes(a) => EventKind::WorkflowTaskFailed {
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                cause: TASK_FAILED_CAUSES
                    .of_number(a.cause)
                    .unwrap_or(WorkflowTaskFailedCause::Unspecified),
                failure: self.optional_failure_in(a.failure)?.map(Box::new),
                identity: optional_id(&a.identity)?,
                base_run_id: optional_id(&a.base_run_id)?,
                new_run_id: optional_id(&a.new_run_id)?,
            },
            A::WorkflowTaskTimedOutEventAttributes(a) => EventKind::WorkflowTaskTimedOut {
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                timeout_type: timeout_type(a.timeout_type),
            },
            A::TimerStartedEventAttributes(a) => EventKind::TimerStarted {
                timer_id: id(&a.timer_id)?,
                start_to_fire_timeout: duration_in(a.start_to_fire_timeout),
                workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                user_metadata: None,
            },
            A::TimerFiredEventAttributes(a) => EventKind::TimerFired {
                timer_id: id(&a.timer_id)?,
                started_event_id: event_id(a.started_event_id),
            },
            A::TimerCanceledEventAttributes(a) => EventKind::TimerCanceled {
                timer_id: id(&a.timer_id)?,
                started_event_id: event_id(a.started_event_id),
                workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                identity: optional_id(&a.identity)?,
            },
            A::MarkerRecordedEventAttributes(a) => {
                let completed = event_id(a.workflow_task_completed_event_id);
                EventKind::MarkerRecorded {
                    marker: Box::new(self.marker_in(a)?),
                    workflow_task_completed_event_id: completed,
                }
            }
            other => return Ok(Err(other)),
        }))
    }

    fn activity(&self, attributes: A) -> Tried {
        Ok(Ok(match attributes {
            A::ActivityTaskScheduledEventAttributes(a) => {
                let completed = event_id(a.workflow_task_completed_event_id);
                EventKind::ActivityTaskScheduled {
                    activity: Arc::new(self.activity_in(a)?),
                    workflow_task_completed_event_id: completed,
                }
            }
            A::ActivityTaskStartedEventAttributes(a) => EventKind::ActivityTaskStarted {
                scheduled_event_id: event_id(a.scheduled_event_id),
                identity: optional_id(&a.identity)?,
                request_id: optional_id(&a.request_id)?,
                attempt: attempt(a.attempt),
                last_failure: self.optional_failure_in(a.last_failure)?.map(Box::new),
            },
            A::ActivityTaskCompletedEventAttributes(a) => EventKind::ActivityTaskCompleted {
                result: self.single_in(a.result)?,
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                identity: optional_id(&a.identity)?,
            },
            A::ActivityTaskFailedEventAttributes(a) => EventKind::ActivityTaskFailed {
                failure: Box::new(self.failure_in(a.failure)?),
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                identity: optional_id(&a.identity)?,
                retry_state: retry_state(a.retry_state),
            },
            A::ActivityTaskTimedOutEventAttributes(a) => EventKind::ActivityTaskTimedOut {
                failure: Box::new(self.failure_in(a.failure)?),
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                retry_state: retry_state(a.retry_state),
            },
            A::ActivityTaskCancelRequestedEventAttributes(a) => {
                EventKind::ActivityTaskCancelRequested {
                    scheduled_event_id: event_id(a.scheduled_event_id),
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                }
            }
            A::ActivityTaskCanceledEventAttributes(a) => EventKind::ActivityTaskCanceled {
                details: self.payloads_in(a.details)?,
                latest_cancel_requested_event_id: event_id(a.latest_cancel_requested_event_id),
                scheduled_event_id: event_id(a.scheduled_event_id),
                started_event_id: event_id(a.started_event_id),
                identity: optional_id(&a.identity)?,
            },
            other => return Ok(Err(other)),
        }))
    }
}
