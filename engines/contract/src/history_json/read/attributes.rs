//! Reads the attributes of one event, by its event type.

use std::sync::Arc;

use steadfast_core::{
    event::{EventKind, ExternalFailedCause, WorkflowTaskFailedCause},
    failure::TimeoutType,
};

use super::messages;
use crate::history_json::{error::Read, fields::Fields};
use crate::spelling::enums::{
    CANCEL_FAILED_CAUSES, SIGNAL_FAILED_CAUSES, START_CHILD_FAILED_CAUSES, TASK_FAILED_CAUSES,
    TIMEOUT_TYPES,
};

/// Reads attributes; `None` if a history does not hold events of the type.
pub(super) fn read(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    Ok(Some(match name {
        "WorkflowExecutionCompleted" => EventKind::WorkflowExecutionCompleted {
            result: fields.single_payload("result")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            new_execution_run_id: fields.optional_id("newExecutionRunId")?,
        },
        "WorkflowExecutionFailed" => EventKind::WorkflowExecutionFailed {
            failure: Box::new(fields.failure("failure")?),
            retry_state: fields.retry_state()?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            new_execution_run_id: fields.optional_id("newExecutionRunId")?,
        },
        "WorkflowExecutionTimedOut" => EventKind::WorkflowExecutionTimedOut {
            retry_state: fields.retry_state()?,
            new_execution_run_id: fields.optional_id("newExecutionRunId")?,
        },
        "WorkflowExecutionCanceled" => EventKind::WorkflowExecutionCanceled {
            details: fields.payloads("details")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "WorkflowExecutionTerminated" => EventKind::WorkflowExecutionTerminated {
            reason: fields.text("reason")?,
            details: fields.payloads("details")?,
            identity: fields.optional_id("identity")?,
        },
        "WorkflowExecutionContinuedAsNew" => EventKind::WorkflowExecutionContinuedAsNew {
            new_execution_run_id: fields.id("newExecutionRunId")?,
            next: Box::new(messages::continue_as_new(fields)?),
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "WorkflowExecutionSignaled" => EventKind::WorkflowExecutionSignaled {
            signal_name: fields.id("signalName")?,
            input: fields.payloads("input")?,
            header: fields.payload_map("header", "fields")?,
            identity: fields.optional_id("identity")?,
            external_workflow_execution: fields.optional_execution("externalWorkflowExecution")?,
            request_id: fields.optional_id("requestId")?,
        },
        "WorkflowExecutionCancelRequested" => EventKind::WorkflowExecutionCancelRequested {
            cause: fields.text("cause")?,
            identity: fields.optional_id("identity")?,
            external_initiated_event_id: fields.event_id("externalInitiatedEventId")?,
            external_workflow_execution: fields.optional_execution("externalWorkflowExecution")?,
            request_id: None,
        },
        "UpsertWorkflowSearchAttributes" => EventKind::UpsertWorkflowSearchAttributes {
            search_attributes: fields.payload_map("searchAttributes", "indexedFields")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "WorkflowPropertiesModified" => EventKind::WorkflowPropertiesModified {
            upserted_memo: fields.payload_map("upsertedMemo", "fields")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        name if name.starts_with("WorkflowTask") => return read_workflow_task(name, fields),
        name if name.starts_with("ActivityTask") => return read_activity(name, fields),
        name if name.contains("Child") => return read_child(name, fields),
        name if name.contains("External") => return read_external(name, fields),
        name => return read_timer_or_marker(name, fields),
    }))
}

fn read_workflow_task(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    Ok(Some(match name {
        "WorkflowTaskScheduled" => EventKind::WorkflowTaskScheduled {
            task_queue: fields.named("taskQueue")?,
            start_to_close_timeout: fields.duration("startToCloseTimeout")?,
            attempt: fields.attempt("attempt")?,
            normal_queue: fields.message("taskQueue", |queue| queue.optional_id("normalName"))?,
        },
        "WorkflowTaskStarted" => EventKind::WorkflowTaskStarted {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            identity: fields.optional_id("identity")?,
            request_id: fields.optional_id("requestId")?,
            history_size_bytes: fields.size("historySizeBytes")?,
            suggest_continue_as_new: fields.flag("suggestContinueAsNew")?,
        },
        "WorkflowTaskCompleted" => EventKind::WorkflowTaskCompleted {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            identity: fields.optional_id("identity")?,
        },
        "WorkflowTaskFailed" => EventKind::WorkflowTaskFailed {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            cause: fields
                .choice("cause", &TASK_FAILED_CAUSES)?
                .unwrap_or(WorkflowTaskFailedCause::Unspecified),
            failure: fields.optional_failure("failure")?.map(Box::new),
            identity: fields.optional_id("identity")?,
            base_run_id: fields.optional_id("baseRunId")?,
            new_run_id: fields.optional_id("newRunId")?,
        },
        "WorkflowTaskTimedOut" => EventKind::WorkflowTaskTimedOut {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            timeout_type: fields
                .choice("timeoutType", &TIMEOUT_TYPES)?
                .unwrap_or(TimeoutType::StartToClose),
        },
        _ => return Ok(None),
    }))
}

fn read_activity(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    Ok(Some(match name {
        "ActivityTaskScheduled" => EventKind::ActivityTaskScheduled {
            activity: Arc::new(messages::activity(fields)?),
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "ActivityTaskStarted" => EventKind::ActivityTaskStarted {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            identity: fields.optional_id("identity")?,
            request_id: fields.optional_id("requestId")?,
            attempt: fields.attempt("attempt")?,
            last_failure: fields.optional_failure("lastFailure")?.map(Box::new),
        },
        "ActivityTaskCompleted" => EventKind::ActivityTaskCompleted {
            result: fields.single_payload("result")?,
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            identity: fields.optional_id("identity")?,
        },
        "ActivityTaskFailed" => EventKind::ActivityTaskFailed {
            failure: Box::new(fields.failure("failure")?),
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            identity: fields.optional_id("identity")?,
            retry_state: fields.retry_state()?,
        },
        "ActivityTaskTimedOut" => EventKind::ActivityTaskTimedOut {
            failure: Box::new(fields.failure("failure")?),
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            retry_state: fields.retry_state()?,
        },
        "ActivityTaskCancelRequested" => EventKind::ActivityTaskCancelRequested {
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "ActivityTaskCanceled" => EventKind::ActivityTaskCanceled {
            details: fields.payloads("details")?,
            latest_cancel_requested_event_id: fields.event_id("latestCancelRequestedEventId")?,
            scheduled_event_id: fields.event_id("scheduledEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            identity: fields.optional_id("identity")?,
        },
        _ => return Ok(None),
    }))
}

fn read_timer_or_marker(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    Ok(Some(match name {
        "TimerStarted" => EventKind::TimerStarted {
            timer_id: fields.id("timerId")?,
            start_to_fire_timeout: fields.duration("startToFireTimeout")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            user_metadata: None,
        },
        "TimerFired" => EventKind::TimerFired {
            timer_id: fields.id("timerId")?,
            started_event_id: fields.event_id("startedEventId")?,
        },
        "TimerCanceled" => EventKind::TimerCanceled {
            timer_id: fields.id("timerId")?,
            started_event_id: fields.event_id("startedEventId")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            identity: fields.optional_id("identity")?,
        },
        "MarkerRecorded" => EventKind::MarkerRecorded {
            marker: Box::new(messages::marker(fields)?),
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        _ => return Ok(None),
    }))
}

fn read_child(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    Ok(Some(match name {
        "StartChildWorkflowExecutionInitiated" => EventKind::StartChildWorkflowExecutionInitiated {
            child: Box::new(messages::child(fields)?),
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "StartChildWorkflowExecutionFailed" => EventKind::StartChildWorkflowExecutionFailed {
            workflow_id: fields.id("workflowId")?,
            workflow_type: fields.named("workflowType")?,
            cause: fields
                .choice("cause", &START_CHILD_FAILED_CAUSES)?
                .unwrap_or(ExternalFailedCause::Unspecified),
            initiated_event_id: fields.event_id("initiatedEventId")?,
            workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
        },
        "ChildWorkflowExecutionStarted" => EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id: fields.event_id("initiatedEventId")?,
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
        },
        "ChildWorkflowExecutionCompleted" => EventKind::ChildWorkflowExecutionCompleted {
            result: fields.single_payload("result")?,
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
            initiated_event_id: fields.event_id("initiatedEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
        },
        "ChildWorkflowExecutionFailed" => EventKind::ChildWorkflowExecutionFailed {
            failure: Box::new(fields.failure("failure")?),
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
            initiated_event_id: fields.event_id("initiatedEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            retry_state: fields.retry_state()?,
        },
        "ChildWorkflowExecutionCanceled" => EventKind::ChildWorkflowExecutionCanceled {
            details: fields.payloads("details")?,
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
            initiated_event_id: fields.event_id("initiatedEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
        },
        "ChildWorkflowExecutionTimedOut" => EventKind::ChildWorkflowExecutionTimedOut {
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
            initiated_event_id: fields.event_id("initiatedEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
            retry_state: fields.retry_state()?,
        },
        "ChildWorkflowExecutionTerminated" => EventKind::ChildWorkflowExecutionTerminated {
            execution: fields.execution("workflowExecution")?,
            workflow_type: fields.named("workflowType")?,
            initiated_event_id: fields.event_id("initiatedEventId")?,
            started_event_id: fields.event_id("startedEventId")?,
        },
        _ => return Ok(None),
    }))
}

fn read_external(name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
    let target = || messages::target(fields);
    let initiated_event_id = || fields.event_id("initiatedEventId");
    let cause = |names| {
        let cause = fields.choice("cause", names)?;
        Ok(cause.unwrap_or(ExternalFailedCause::Unspecified))
    };
    Ok(Some(match name {
        "RequestCancelExternalWorkflowExecutionInitiated" => {
            EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                cancel: Box::new(messages::cancel(fields)?),
                workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            }
        }
        "RequestCancelExternalWorkflowExecutionFailed" => {
            let (workflow_id, run_id) = target()?;
            EventKind::RequestCancelExternalWorkflowExecutionFailed {
                cause: cause(&CANCEL_FAILED_CAUSES)?,
                workflow_id,
                run_id,
                initiated_event_id: initiated_event_id()?,
            }
        }
        "ExternalWorkflowExecutionCancelRequested" => {
            let (workflow_id, run_id) = target()?;
            EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id: initiated_event_id()?,
                workflow_id,
                run_id,
            }
        }
        "SignalExternalWorkflowExecutionInitiated" => {
            EventKind::SignalExternalWorkflowExecutionInitiated {
                signal: Box::new(messages::signal(fields)?),
                workflow_task_completed_event_id: fields.event_id(TASK_COMPLETED)?,
            }
        }
        "SignalExternalWorkflowExecutionFailed" => {
            let (workflow_id, run_id) = target()?;
            EventKind::SignalExternalWorkflowExecutionFailed {
                cause: cause(&SIGNAL_FAILED_CAUSES)?,
                workflow_id,
                run_id,
                initiated_event_id: initiated_event_id()?,
            }
        }
        "ExternalWorkflowExecutionSignaled" => {
            let (workflow_id, run_id) = target()?;
            EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id: initiated_event_id()?,
                workflow_id,
                run_id,
            }
        }
        _ => return Ok(None),
    }))
}

/// The field of the events that answer a command.
const TASK_COMPLETED: &str = "workflowTaskCompletedEventId";
