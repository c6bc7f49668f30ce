//! Writes the attributes that are commands and the first event, the largest of them.

use steadfast_core::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::WorkflowExecutionStarted,
    ids::{Identity, UpdateId, UpdateName},
    options::WorkflowTimeouts,
    payload::{Payload, PayloadMap},
};

use crate::history_json::{error::Read, object::Object, payload};
use crate::spelling::{
    enums::{INITIATORS, PARENT_CLOSE_POLICIES, REUSE_POLICIES},
    markers,
};

pub(super) fn started(started: &WorkflowExecutionStarted) -> Read<Object> {
    let mut object = Object::new()
        .id("workflowId", &started.workflow_id)
        .named("workflowType", &started.workflow_type)
        .task_queue(&started.task_queue)
        .payloads("input", &started.input)
        .payload_map("header", "fields", &started.header)
        .optional_id("identity", started.identity.as_ref())
        .id("originalExecutionRunId", &started.original_execution_run_id)
        .id("firstExecutionRunId", &started.first_execution_run_id)
        .optional_id(
            "continuedExecutionRunId",
            started.continued_execution_run_id.as_ref(),
        )
        .optional_failure("continuedFailure", started.continued_failure.as_ref())?
        .single_payload(
            "lastCompletionResult",
            started.last_completion_result.as_ref(),
        )
        .optional_execution("rootWorkflowExecution", started.root.as_ref())
        .retry_policy("retryPolicy", started.retry_policy.as_ref())
        .priority(started.priority.as_deref())
        .text(
            "cronSchedule",
            started.cron_schedule.as_deref().unwrap_or_default(),
        )
        .count("attempt", started.attempt)
        .duration(
            "firstWorkflowTaskBackoff",
            started.first_workflow_task_backoff,
        )
        .time(
            "workflowExecutionExpirationTime",
            started.execution_expiration_time,
        )
        .payload_map("memo", "fields", &started.memo)
        .payload_map(
            "searchAttributes",
            "indexedFields",
            &started.search_attributes,
        );
    object = workflow_timeouts(object, &started.timeouts);
    if let Some(parent) = &started.parent {
        object = object
            .execution("parentWorkflowExecution", &parent.execution)
            .event_id("parentInitiatedEventId", parent.initiated_event_id);
    }
    if let Some(initiator) = started.initiator {
        object = object.choice("initiator", initiator, &INITIATORS);
    }
    Ok(object)
}

fn workflow_timeouts(object: Object, timeouts: &WorkflowTimeouts) -> Object {
    object
        .timeout("workflowExecutionTimeout", timeouts.execution_timeout)
        .timeout("workflowRunTimeout", timeouts.run_timeout)
        .timeout("workflowTaskTimeout", timeouts.task_timeout)
}

/// Writes all but the execution timeout and the retry policy, which have no field in the event.
pub(super) fn continue_as_new(next: &ContinueAsNewWorkflowExecution) -> Object {
    Object::new()
        .named("workflowType", &next.workflow_type)
        .task_queue(&next.task_queue)
        .payloads("input", &next.input)
        .payload_map("header", "fields", &next.header)
        .timeout("workflowRunTimeout", next.timeouts.run_timeout)
        .timeout("workflowTaskTimeout", next.timeouts.task_timeout)
        .optional_payload_map("memo", "fields", next.memo.as_ref())
        .optional_payload_map(
            "searchAttributes",
            "indexedFields",
            next.search_attributes.as_ref(),
        )
}

pub(super) fn activity(activity: &ScheduleActivityTask) -> Object {
    let timeouts = &activity.timeouts;
    Object::new()
        .id("activityId", &activity.activity_id)
        .named("activityType", &activity.activity_type)
        .task_queue(&activity.task_queue)
        .payloads("input", &activity.input)
        .payload_map("header", "fields", &activity.header)
        .timeout("scheduleToCloseTimeout", timeouts.schedule_to_close_timeout)
        .timeout("scheduleToStartTimeout", timeouts.schedule_to_start_timeout)
        .timeout("startToCloseTimeout", timeouts.start_to_close_timeout)
        .timeout("heartbeatTimeout", timeouts.heartbeat_timeout)
        .retry_policy("retryPolicy", activity.retry_policy.as_ref())
        .priority(activity.priority.as_deref())
}

pub(super) fn child(child: &StartChildWorkflowExecution) -> Object {
    let object = Object::new()
        .id("workflowId", &child.workflow_id)
        .named("workflowType", &child.workflow_type)
        .task_queue(&child.task_queue)
        .payloads("input", &child.input)
        .payload_map("header", "fields", &child.header)
        .choice(
            "parentClosePolicy",
            child.parent_close_policy,
            &PARENT_CLOSE_POLICIES,
        )
        .choice(
            "workflowIdReusePolicy",
            child.workflow_id_reuse_policy,
            &REUSE_POLICIES,
        )
        .retry_policy("retryPolicy", child.retry_policy.as_ref())
        .priority(child.priority.as_deref())
        .text(
            "cronSchedule",
            child.cron_schedule.as_deref().unwrap_or_default(),
        )
        .payload_map("memo", "fields", &child.memo)
        .payload_map(
            "searchAttributes",
            "indexedFields",
            &child.search_attributes,
        );
    workflow_timeouts(object, &child.timeouts)
}

pub(super) fn marker(marker: &RecordMarker) -> Read<Object> {
    let object = Object::new()
        .text("markerName", &marker.marker_name)
        .optional_failure("failure", marker.failure.as_ref())?;
    if marker.details.is_empty() {
        return Ok(object);
    }
    let details = markers::details_out(&marker.marker_name, marker.details.clone());
    let details = details
        .iter()
        .fold(Object::new(), |object, (key, payloads)| {
            object.value(key, payload::write_list(payloads))
        });
    Ok(object.message("details", details))
}

pub(super) fn cancel(cancel: &RequestCancelExternalWorkflowExecution) -> Object {
    Object::new()
        .optional_id("namespace", cancel.namespace.as_ref())
        .target(
            "workflowExecution",
            &cancel.workflow_id,
            cancel.run_id.as_ref(),
        )
        .flag("childWorkflowOnly", cancel.child_workflow_only)
        .text("reason", &cancel.reason)
}

pub(super) fn signal(signal: &SignalExternalWorkflowExecution) -> Object {
    Object::new()
        .optional_id("namespace", signal.namespace.as_ref())
        .target(
            "workflowExecution",
            &signal.workflow_id,
            signal.run_id.as_ref(),
        )
        .id("signalName", &signal.signal_name)
        .payloads("input", &signal.input)
        .payload_map("header", "fields", &signal.header)
        .flag("childWorkflowOnly", signal.child_workflow_only)
}

/// The request of an update.
pub(super) fn update_request(
    update_id: &UpdateId,
    name: &UpdateName,
    input: &[Payload],
    identity: Option<&Identity>,
    header: &PayloadMap,
) -> Object {
    let meta = Object::new()
        .id("updateId", update_id)
        .optional_id("identity", identity);
    let input = Object::new()
        .payload_map("header", "fields", header)
        .id("name", name)
        .payloads("args", input);
    Object::new().message("meta", meta).message("input", input)
}
