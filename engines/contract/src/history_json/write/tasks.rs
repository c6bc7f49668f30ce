//! Writes the attributes of the events of workflow tasks and activities.

use steadfast_core::event::EventKind;

use super::messages;
use crate::history_json::{
    error::{Problem, Read},
    object::Object,
};
use crate::spelling::enums::{TASK_FAILED_CAUSES, TIMEOUT_TYPES};

pub(super) fn write(kind: &EventKind) -> Read<Object> {
    Ok(match kind {
        EventKind::WorkflowTaskScheduled {
            task_queue,
            start_to_close_timeout,
            attempt,
            normal_queue,
        } => match normal_queue {
            Some(normal) => Object::new().sticky_queue(task_queue, normal),
            None => Object::new().task_queue(task_queue),
        }
        .duration("startToCloseTimeout", *start_to_close_timeout)
        .count("attempt", *attempt),
        EventKind::WorkflowTaskStarted {
            scheduled_event_id,
            identity,
            request_id,
            history_size_bytes,
            suggest_continue_as_new,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .optional_id("identity", identity.as_ref())
            .optional_id("requestId", request_id.as_ref())
            .size("historySizeBytes", *history_size_bytes)
            .flag("suggestContinueAsNew", *suggest_continue_as_new),
        EventKind::WorkflowTaskCompleted {
            scheduled_event_id,
            started_event_id,
            identity,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .optional_id("identity", identity.as_ref()),
        EventKind::WorkflowTaskFailed {
            scheduled_event_id,
            started_event_id,
            cause,
            failure,
            identity,
            base_run_id,
            new_run_id,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .choice("cause", *cause, &TASK_FAILED_CAUSES)
            .optional_failure("failure", failure.as_deref())?
            .optional_id("identity", identity.as_ref())
            .optional_id("baseRunId", base_run_id.as_ref())
            .optional_id("newRunId", new_run_id.as_ref()),
        EventKind::WorkflowTaskTimedOut {
            scheduled_event_id,
            started_event_id,
            timeout_type,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .choice("timeoutType", *timeout_type, &TIMEOUT_TYPES),
        EventKind::ActivityTaskScheduled {
            activity,
            workflow_task_completed_event_id,
        } => messages::activity(activity).task_completed(*workflow_task_completed_event_id),
        EventKind::ActivityTaskStarted {
            scheduled_event_id,
            identity,
            request_id,
            attempt,
            last_failure,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .optional_id("identity", identity.as_ref())
            .optional_id("requestId", request_id.as_ref())
            .count("attempt", *attempt)
            .optional_failure("lastFailure", last_failure.as_deref())?,
        EventKind::ActivityTaskCompleted {
            result,
            scheduled_event_id,
            started_event_id,
            identity,
        } => Object::new()
            .single_payload("result", result.as_ref())
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .optional_id("identity", identity.as_ref()),
        EventKind::ActivityTaskFailed {
            failure,
            scheduled_event_id,
            started_event_id,
            identity,
            retry_state,
        } => Object::new()
            .failure("failure", failure)?
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .optional_id("identity", identity.as_ref())
            .retry_state(*retry_state),
        EventKind::ActivityTaskTimedOut {
            failure,
            scheduled_event_id,
            started_event_id,
            retry_state,
        } => Object::new()
            .failure("failure", failure)?
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .retry_state(*retry_state),
        EventKind::ActivityTaskCancelRequested {
            scheduled_event_id,
            workflow_task_completed_event_id,
        } => Object::new()
            .event_id("scheduledEventId", *scheduled_event_id)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::ActivityTaskCanceled {
            details,
            latest_cancel_requested_event_id,
            scheduled_event_id,
            started_event_id,
            identity,
        } => Object::new()
            .payloads("details", details)
            .event_id(
                "latestCancelRequestedEventId",
                *latest_cancel_requested_event_id,
            )
            .event_id("scheduledEventId", *scheduled_event_id)
            .event_id("startedEventId", *started_event_id)
            .optional_id("identity", identity.as_ref()),
        other => return Err(Problem::text("an event of a task", other.name())),
    })
}
