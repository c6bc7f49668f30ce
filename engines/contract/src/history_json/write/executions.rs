//! Writes the attributes of the events of child workflows and other executions.

use steadfast_core::{
    event::EventKind,
    ids::{EventId, WorkflowExecution, WorkflowType},
};

use super::messages;
use crate::history_json::{
    error::{Problem, Read},
    object::Object,
};
use crate::spelling::enums::{
    CANCEL_FAILED_CAUSES, SIGNAL_FAILED_CAUSES, START_CHILD_FAILED_CAUSES,
};

pub(super) fn write(kind: &EventKind) -> Read<Object> {
    Ok(match kind {
        EventKind::StartChildWorkflowExecutionInitiated {
            child,
            workflow_task_completed_event_id,
        } => messages::child(child).task_completed(*workflow_task_completed_event_id),
        EventKind::StartChildWorkflowExecutionFailed {
            workflow_id,
            workflow_type,
            cause,
            initiated_event_id,
            workflow_task_completed_event_id,
        } => Object::new()
            .id("workflowId", workflow_id)
            .named("workflowType", workflow_type)
            .choice("cause", *cause, &START_CHILD_FAILED_CAUSES)
            .event_id("initiatedEventId", *initiated_event_id)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id,
            execution,
            workflow_type,
        } => child(execution, workflow_type, *initiated_event_id, EventId::NONE),
        EventKind::ChildWorkflowExecutionCompleted {
            result,
            execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        } => child(
            execution,
            workflow_type,
            *initiated_event_id,
            *started_event_id,
        )
        .single_payload("result", result.as_ref()),
        EventKind::ChildWorkflowExecutionFailed {
            failure,
            execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state,
        } => child(
            execution,
            workflow_type,
            *initiated_event_id,
            *started_event_id,
        )
        .failure("failure", failure)?
        .retry_state(*retry_state),
        EventKind::ChildWorkflowExecutionCanceled {
            details,
            execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        } => child(
            execution,
            workflow_type,
            *initiated_event_id,
            *started_event_id,
        )
        .payloads("details", details),
        EventKind::ChildWorkflowExecutionTimedOut {
            execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state,
        } => child(
            execution,
            workflow_type,
            *initiated_event_id,
            *started_event_id,
        )
        .retry_state(*retry_state),
        EventKind::ChildWorkflowExecutionTerminated {
            execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        } => child(
            execution,
            workflow_type,
            *initiated_event_id,
            *started_event_id,
        ),
        EventKind::RequestCancelExternalWorkflowExecutionInitiated {
            cancel,
            workflow_task_completed_event_id,
        } => messages::cancel(cancel).task_completed(*workflow_task_completed_event_id),
        EventKind::RequestCancelExternalWorkflowExecutionFailed {
            cause,
            workflow_id,
            run_id,
            initiated_event_id,
        } => Object::new()
            .choice("cause", *cause, &CANCEL_FAILED_CAUSES)
            .target("workflowExecution", workflow_id, run_id.as_ref())
            .event_id("initiatedEventId", *initiated_event_id),
        EventKind::SignalExternalWorkflowExecutionInitiated {
            signal,
            workflow_task_completed_event_id,
        } => messages::signal(signal).task_completed(*workflow_task_completed_event_id),
        EventKind::SignalExternalWorkflowExecutionFailed {
            cause,
            workflow_id,
            run_id,
            initiated_event_id,
        } => Object::new()
            .choice("cause", *cause, &SIGNAL_FAILED_CAUSES)
            .target("workflowExecution", workflow_id, run_id.as_ref())
            .event_id("initiatedEventId", *initiated_event_id),
        EventKind::ExternalWorkflowExecutionCancelRequested {
            initiated_event_id,
            workflow_id,
            run_id,
        }
        | EventKind::ExternalWorkflowExecutionSignaled {
            initiated_event_id,
            workflow_id,
            run_id,
        } => Object::new()
            .target("workflowExecution", workflow_id, run_id.as_ref())
            .event_id("initiatedEventId", *initiated_event_id),
        other => return Err(Problem::text("an event of another execution", other.name())),
    })
}

/// What the events of a child workflow have in common.
fn child(
    execution: &WorkflowExecution,
    workflow_type: &WorkflowType,
    initiated_event_id: EventId,
    started_event_id: EventId,
) -> Object {
    Object::new()
        .execution("workflowExecution", execution)
        .named("workflowType", workflow_type)
        .event_id("initiatedEventId", initiated_event_id)
        .event_id("startedEventId", started_event_id)
}
