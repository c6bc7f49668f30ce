//! Reads the attributes that are commands and the first event, the largest of them.

use steadfast_core::{
    command::{
        ContinueAsNewWorkflowExecution, RecordMarker, RequestCancelExternalWorkflowExecution,
        ScheduleActivityTask, SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::{ParentExecution, WorkflowExecutionStarted},
    ids::{RunId, WorkflowId},
    options::{ActivityTimeouts, WorkflowTimeouts},
};

use crate::history_json::{error::Read, fields::Fields};
use crate::spelling::{
    enums::{INITIATORS, PARENT_CLOSE_POLICIES, REUSE_POLICIES},
    markers,
};

/// The first event. Old servers left out the run ids that do not differ.
fn cron_schedule(fields: Fields<'_>) -> Read<Option<Box<str>>> {
    let text = fields.text("cronSchedule")?;
    Ok((!text.is_empty()).then(|| text.into_boxed_str()))
}

pub(super) fn started(
    fields: Fields<'_>,
    workflow_id: WorkflowId,
    known_run_id: Option<&RunId>,
) -> Read<WorkflowExecutionStarted> {
    let original: Option<RunId> = fields.optional_id("originalExecutionRunId")?;
    let first: Option<RunId> = fields.optional_id("firstExecutionRunId")?;
    let known = match original.as_ref().or(first.as_ref()).or(known_run_id) {
        Some(run_id) => run_id.clone(),
        None => fields.id("originalExecutionRunId")?,
    };
    let parent = fields.optional_execution("parentWorkflowExecution")?;
    let parent_initiated_event_id = fields.event_id("parentInitiatedEventId")?;
    Ok(WorkflowExecutionStarted {
        workflow_id,
        workflow_type: fields.named("workflowType")?,
        task_queue: fields.named("taskQueue")?,
        input: fields.payloads("input")?,
        header: fields.payload_map("header", "fields")?,
        timeouts: workflow_timeouts(fields)?,
        identity: fields.optional_id("identity")?,
        original_execution_run_id: original.unwrap_or_else(|| known.clone()),
        first_execution_run_id: first.unwrap_or(known),
        continued_execution_run_id: fields.optional_id("continuedExecutionRunId")?,
        initiator: fields.choice("initiator", &INITIATORS)?,
        continued_failure: fields.optional_failure("continuedFailure")?,
        last_completion_result: fields.single_payload("lastCompletionResult")?,
        parent: parent.map(|execution| ParentExecution {
            execution,
            initiated_event_id: parent_initiated_event_id,
        }),
        root: fields.optional_execution("rootWorkflowExecution")?,
        retry_policy: fields.retry_policy("retryPolicy")?,
        attempt: fields.attempt("attempt")?,
        execution_expiration_time: fields.optional_time("workflowExecutionExpirationTime")?,
        first_workflow_task_backoff: fields.duration("firstWorkflowTaskBackoff")?,
        memo: fields.payload_map("memo", "fields")?,
        search_attributes: fields.payload_map("searchAttributes", "indexedFields")?,
        user_metadata: None,
        priority: fields.priority()?,
        cron_schedule: cron_schedule(fields)?,
    })
}

fn workflow_timeouts(fields: Fields<'_>) -> Read<WorkflowTimeouts> {
    Ok(WorkflowTimeouts {
        execution_timeout: fields.timeout("workflowExecutionTimeout")?,
        run_timeout: fields.timeout("workflowRunTimeout")?,
        task_timeout: fields.timeout("workflowTaskTimeout")?,
    })
}

pub(super) fn continue_as_new(fields: Fields<'_>) -> Read<ContinueAsNewWorkflowExecution> {
    Ok(ContinueAsNewWorkflowExecution {
        workflow_type: fields.named("workflowType")?,
        task_queue: fields.named("taskQueue")?,
        input: fields.payloads("input")?,
        header: fields.payload_map("header", "fields")?,
        timeouts: workflow_timeouts(fields)?,
        retry_policy: None,
        memo: fields.optional_payload_map("memo", "fields")?,
        search_attributes: fields.optional_payload_map("searchAttributes", "indexedFields")?,
    })
}

pub(super) fn activity(fields: Fields<'_>) -> Read<ScheduleActivityTask> {
    Ok(ScheduleActivityTask {
        activity_id: fields.id("activityId")?,
        activity_type: fields.named("activityType")?,
        task_queue: fields.named("taskQueue")?,
        input: fields.payloads("input")?,
        header: fields.payload_map("header", "fields")?,
        timeouts: ActivityTimeouts {
            schedule_to_close_timeout: fields.timeout("scheduleToCloseTimeout")?,
            schedule_to_start_timeout: fields.timeout("scheduleToStartTimeout")?,
            start_to_close_timeout: fields.timeout("startToCloseTimeout")?,
            heartbeat_timeout: fields.timeout("heartbeatTimeout")?,
        },
        retry_policy: fields.retry_policy("retryPolicy")?,
        user_metadata: None,
        priority: fields.priority()?,
    })
}

pub(super) fn child(fields: Fields<'_>) -> Read<StartChildWorkflowExecution> {
    let parent_close_policy = fields.choice("parentClosePolicy", &PARENT_CLOSE_POLICIES)?;
    let reuse_policy = fields.choice("workflowIdReusePolicy", &REUSE_POLICIES)?;
    Ok(StartChildWorkflowExecution {
        workflow_id: fields.id("workflowId")?,
        workflow_type: fields.named("workflowType")?,
        task_queue: fields.named("taskQueue")?,
        input: fields.payloads("input")?,
        header: fields.payload_map("header", "fields")?,
        timeouts: workflow_timeouts(fields)?,
        parent_close_policy: parent_close_policy.unwrap_or_default(),
        workflow_id_reuse_policy: reuse_policy.unwrap_or_default(),
        retry_policy: fields.retry_policy("retryPolicy")?,
        memo: fields.payload_map("memo", "fields")?,
        search_attributes: fields.payload_map("searchAttributes", "indexedFields")?,
        user_metadata: None,
        priority: fields.priority()?,
        cron_schedule: cron_schedule(fields)?,
    })
}

pub(super) fn marker(fields: Fields<'_>) -> Read<RecordMarker> {
    let marker_name = fields.text("markerName")?;
    Ok(RecordMarker {
        details: markers::details_in(&marker_name, fields.payload_lists("details")?),
        marker_name,
        failure: fields.optional_failure("failure")?,
        user_metadata: None,
    })
}

pub(super) fn cancel(fields: Fields<'_>) -> Read<RequestCancelExternalWorkflowExecution> {
    let (workflow_id, run_id) = target(fields)?;
    Ok(RequestCancelExternalWorkflowExecution {
        namespace: fields.optional_id("namespace")?,
        workflow_id,
        run_id,
        child_workflow_only: fields.flag("childWorkflowOnly")?,
        reason: fields.text("reason")?,
    })
}

pub(super) fn signal(fields: Fields<'_>) -> Read<SignalExternalWorkflowExecution> {
    let (workflow_id, run_id) = target(fields)?;
    Ok(SignalExternalWorkflowExecution {
        namespace: fields.optional_id("namespace")?,
        workflow_id,
        run_id,
        signal_name: fields.id("signalName")?,
        input: fields.payloads("input")?,
        header: fields.payload_map("header", "fields")?,
        child_workflow_only: fields.flag("childWorkflowOnly")?,
    })
}

/// An execution of which the run may be left open.
pub(super) fn target(fields: Fields<'_>) -> Read<(WorkflowId, Option<RunId>)> {
    fields.message("workflowExecution", |execution| {
        Ok((execution.id("workflowId")?, execution.optional_id("runId")?))
    })
}
