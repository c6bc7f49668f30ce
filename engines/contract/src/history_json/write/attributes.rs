//! Writes the attributes of one event.

use steadfast_core::event::EventKind;

use super::{executions, messages, tasks};
use crate::history_json::{error::Read, object::Object};

/// Writes attributes. Those of unknown events are not kept.
pub(super) fn write(kind: &EventKind) -> Read<Object> {
    Ok(match kind {
        EventKind::WorkflowExecutionStarted(started) => messages::started(started)?,
        EventKind::WorkflowExecutionCompleted {
            result,
            workflow_task_completed_event_id,
            new_execution_run_id,
        } => Object::new()
            .single_payload("result", result.as_ref())
            .task_completed(*workflow_task_completed_event_id)
            .optional_id("newExecutionRunId", new_execution_run_id.as_ref()),
        EventKind::WorkflowExecutionFailed {
            failure,
            retry_state,
            workflow_task_completed_event_id,
            new_execution_run_id,
        } => Object::new()
            .failure("failure", failure)?
            .retry_state(*retry_state)
            .task_completed(*workflow_task_completed_event_id)
            .optional_id("newExecutionRunId", new_execution_run_id.as_ref()),
        EventKind::WorkflowExecutionTimedOut {
            retry_state,
            new_execution_run_id,
        } => Object::new()
            .retry_state(*retry_state)
            .optional_id("newExecutionRunId", new_execution_run_id.as_ref()),
        EventKind::WorkflowExecutionCanceled {
            details,
            workflow_task_completed_event_id,
        } => Object::new()
            .payloads("details", details)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::WorkflowExecutionTerminated {
            reason,
            details,
            identity,
        } => Object::new()
            .text("reason", reason)
            .payloads("details", details)
            .optional_id("identity", identity.as_ref()),
        EventKind::WorkflowExecutionContinuedAsNew {
            new_execution_run_id,
            next,
            workflow_task_completed_event_id,
        } => messages::continue_as_new(next)
            .id("newExecutionRunId", new_execution_run_id)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::WorkflowExecutionSignaled {
            signal_name,
            input,
            header,
            identity,
            external_workflow_execution,
            request_id,
        } => Object::new()
            .id("signalName", signal_name)
            .payloads("input", input)
            .payload_map("header", "fields", header)
            .optional_id("identity", identity.as_ref())
            .optional_execution(
                "externalWorkflowExecution",
                external_workflow_execution.as_ref(),
            )
            .optional_id("requestId", request_id.as_ref()),
        EventKind::WorkflowExecutionCancelRequested {
            cause,
            identity,
            external_initiated_event_id,
            external_workflow_execution,
            // There is no field for it.
            request_id: _,
        } => Object::new()
            .text("cause", cause)
            .optional_id("identity", identity.as_ref())
            .event_id("externalInitiatedEventId", *external_initiated_event_id)
            .optional_execution(
                "externalWorkflowExecution",
                external_workflow_execution.as_ref(),
            ),
        EventKind::WorkflowExecutionUpdateAdmitted {
            update_id,
            name,
            input,
            identity,
            header,
        } => {
            let request =
                messages::update_request(update_id, name, input, identity.as_ref(), header);
            Object::new().message("request", request)
        }
        EventKind::WorkflowExecutionUpdateAccepted {
            update_id,
            name,
            input,
            identity,
            accepted_request_sequencing_event_id,
            header,
        } => Object::new()
            .id("protocolInstanceId", update_id)
            .text("acceptedRequestMessageId", &format!("{update_id}/request"))
            .event_id(
                "acceptedRequestSequencingEventId",
                *accepted_request_sequencing_event_id,
            )
            .message(
                "acceptedRequest",
                messages::update_request(update_id, name, input, identity.as_ref(), header),
            ),
        EventKind::WorkflowExecutionUpdateCompleted {
            update_id,
            accepted_event_id,
            outcome,
        } => {
            let outcome = match &**outcome {
                Ok(result) => Object::new().single_payload("success", Some(result)),
                Err(failure) => Object::new().failure("failure", failure)?,
            };
            Object::new()
                .message("meta", Object::new().id("updateId", update_id))
                .event_id("acceptedEventId", *accepted_event_id)
                .message("outcome", outcome)
        }
        EventKind::UpsertWorkflowSearchAttributes {
            search_attributes,
            workflow_task_completed_event_id,
        } => Object::new()
            .payload_map("searchAttributes", "indexedFields", search_attributes)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::WorkflowPropertiesModified {
            upserted_memo,
            workflow_task_completed_event_id,
        } => Object::new()
            .payload_map("upsertedMemo", "fields", upserted_memo)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::MarkerRecorded {
            marker,
            workflow_task_completed_event_id,
        } => messages::marker(marker)?.task_completed(*workflow_task_completed_event_id),
        EventKind::TimerStarted {
            timer_id,
            start_to_fire_timeout,
            workflow_task_completed_event_id,
            ..
        } => Object::new()
            .id("timerId", timer_id)
            .duration("startToFireTimeout", *start_to_fire_timeout)
            .task_completed(*workflow_task_completed_event_id),
        EventKind::TimerFired {
            timer_id,
            started_event_id,
        } => Object::new()
            .id("timerId", timer_id)
            .event_id("startedEventId", *started_event_id),
        EventKind::TimerCanceled {
            timer_id,
            started_event_id,
            workflow_task_completed_event_id,
            identity,
        } => Object::new()
            .id("timerId", timer_id)
            .event_id("startedEventId", *started_event_id)
            .task_completed(*workflow_task_completed_event_id)
            .optional_id("identity", identity.as_ref()),
        EventKind::WorkflowTaskScheduled { .. }
        | EventKind::WorkflowTaskStarted { .. }
        | EventKind::WorkflowTaskCompleted { .. }
        | EventKind::WorkflowTaskFailed { .. }
        | EventKind::WorkflowTaskTimedOut { .. }
        | EventKind::ActivityTaskScheduled { .. }
        | EventKind::ActivityTaskStarted { .. }
        | EventKind::ActivityTaskCompleted { .. }
        | EventKind::ActivityTaskFailed { .. }
        | EventKind::ActivityTaskTimedOut { .. }
        | EventKind::ActivityTaskCancelRequested { .. }
        | EventKind::ActivityTaskCanceled { .. } => tasks::write(kind)?,
        EventKind::StartChildWorkflowExecutionInitiated { .. }
        | EventKind::StartChildWorkflowExecutionFailed { .. }
        | EventKind::ChildWorkflowExecutionStarted { .. }
        | EventKind::ChildWorkflowExecutionCompleted { .. }
        | EventKind::ChildWorkflowExecutionFailed { .. }
        | EventKind::ChildWorkflowExecutionCanceled { .. }
        | EventKind::ChildWorkflowExecutionTimedOut { .. }
        | EventKind::ChildWorkflowExecutionTerminated { .. }
        | EventKind::RequestCancelExternalWorkflowExecutionInitiated { .. }
        | EventKind::RequestCancelExternalWorkflowExecutionFailed { .. }
        | EventKind::ExternalWorkflowExecutionCancelRequested { .. }
        | EventKind::SignalExternalWorkflowExecutionInitiated { .. }
        | EventKind::SignalExternalWorkflowExecutionFailed { .. }
        | EventKind::ExternalWorkflowExecutionSignaled { .. } => executions::write(kind)?,
        EventKind::Unknown { .. } => Object::new(),
    })
}
