//! Writes a history in the notation and the spelling of `scenarios.md`, so that expectations can be copied
//! from there: `1 Started · 2-4 WT · 5 TimerStarted(t) · 6 CancelRequested(cause=x, identity=y)`.

use std::fmt::Write as _;

use steadfast_core::{
    event::{EventKind, HistoryEvent},
    failure::{Failure, FailureKind},
    ids::EventId,
    payload::Payload,
};

/// The whole history on one line.
pub fn render(events: &[HistoryEvent]) -> String {
    let mut parts = Vec::new();
    let mut index = 0;
    while let Some(event) = events.get(index) {
        let plain_task = matches!(
            (
                &event.kind,
                events.get(index + 1).map(|e| &e.kind),
                events.get(index + 2).map(|e| &e.kind)
            ),
            (
                EventKind::WorkflowTaskScheduled { attempt: 1, .. },
                Some(EventKind::WorkflowTaskStarted { .. }),
                Some(EventKind::WorkflowTaskCompleted { .. }),
            )
        );
        if plain_task {
            parts.push(format!("{}-{} WT", event.event_id, event.event_id.0 + 2));
            index += 3;
        } else {
            let words = words_for_people(&event.kind);
            parts.push(format!("{} {}{words}", event.event_id, name(&event.kind)));
            index += 1;
        }
    }
    parts.join(" · ")
}

/// One event.
pub fn name(kind: &EventKind) -> String {
    match kind {
        EventKind::WorkflowExecutionStarted(_) => "Started".to_owned(),
        EventKind::WorkflowExecutionCompleted { result, .. } => with("Completed", result.iter()),
        EventKind::WorkflowExecutionFailed {
            failure,
            retry_state,
            ..
        } => {
            format!("Failed({}, {})", short(failure), shout(retry_state))
        }
        EventKind::WorkflowExecutionTimedOut { .. } => "TimedOut".to_owned(),
        EventKind::WorkflowExecutionCanceled { details, .. } => with("Canceled", details),
        EventKind::WorkflowExecutionTerminated {
            reason, identity, ..
        } => {
            let identity = identity.as_ref().map_or("", |identity| identity.as_str());
            format!("Terminated(reason={reason}, identity={identity})")
        }
        EventKind::WorkflowExecutionContinuedAsNew { .. } => "ContinuedAsNew".to_owned(),
        EventKind::WorkflowExecutionSignaled { signal_name, .. } => {
            format!("Signaled({signal_name})")
        }
        EventKind::WorkflowExecutionCancelRequested {
            cause,
            identity,
            external_initiated_event_id,
            external_workflow_execution,
            ..
        } => {
            let mut text = String::new();
            if !cause.is_empty() {
                write!(text, "cause={cause}, ").unwrap();
            }
            if let Some(identity) = identity {
                write!(text, "identity={identity}, ").unwrap();
            }
            if external_initiated_event_id.is_some() {
                write!(
                    text,
                    "externalInitiatedEventId={external_initiated_event_id}, "
                )
                .unwrap();
            }
            if let Some(external) = external_workflow_execution {
                write!(text, "externalWorkflowExecution={}, ", external.workflow_id).unwrap();
            }
            format!("CancelRequested({})", text.trim_end_matches(", "))
        }
        EventKind::WorkflowExecutionUpdateAdmitted { update_id, .. } => {
            format!("UpdAdmitted({update_id})")
        }
        EventKind::WorkflowExecutionUpdateAccepted { update_id, .. } => {
            format!("UpdAccepted({update_id})")
        }
        EventKind::WorkflowExecutionUpdateCompleted {
            update_id,
            accepted_event_id,
            ..
        } => {
            format!("UpdCompleted({update_id}, accepted={accepted_event_id})")
        }
        EventKind::WorkflowTaskScheduled { attempt: 1, .. } => "WTScheduled".to_owned(),
        EventKind::WorkflowTaskScheduled { attempt, .. } => {
            format!("WTScheduled(attempt={attempt})")
        }
        EventKind::WorkflowTaskStarted { .. } => "WTStarted".to_owned(),
        EventKind::WorkflowTaskCompleted { .. } => "WTCompleted".to_owned(),
        EventKind::WorkflowTaskFailed {
            cause,
            failure,
            base_run_id,
            new_run_id,
            identity,
            ..
        } => {
            let mut text = shout(cause);
            if let Some(failure) = failure {
                write!(text, ", {}", short(failure)).unwrap();
            }
            // Of a worker's failure the scenarios leave the identity out.
            if let Some(identity) = identity
                && identity.as_str() == "history-service"
            {
                write!(text, ", identity={identity}").unwrap();
            }
            if base_run_id.is_some() && new_run_id.is_some() {
                text.push_str(", baseRunId,newRunId set");
            }
            format!("WTFailed({text})")
        }
        EventKind::WorkflowTaskTimedOut { timeout_type, .. } => {
            format!("WTTimedOut({})", shout(timeout_type))
        }
        EventKind::ActivityTaskScheduled { activity, .. } => {
            let (id, activity_type) = (&activity.activity_id, &activity.activity_type);
            // Those of the scripts are of one type.
            if activity_type.as_str() == "Act" {
                format!("ActScheduled({id})")
            } else {
                format!("ActScheduled({id}, {activity_type})")
            }
        }
        EventKind::ActivityTaskStarted {
            scheduled_event_id,
            attempt,
            last_failure,
            ..
        } => {
            let mut text = format!("sched={scheduled_event_id}");
            if *attempt > 1 {
                write!(text, ", attempt={attempt}").unwrap();
            }
            if let Some(failure) = last_failure {
                write!(text, ", lastFailure={}", short(failure)).unwrap();
            }
            format!("ActStarted({text})")
        }
        EventKind::ActivityTaskCompleted {
            scheduled_event_id,
            result,
            ..
        } => {
            let result: String = result
                .iter()
                .map(|value| format!(", {}", text(value)))
                .collect();
            format!("ActCompleted(sched={scheduled_event_id}{result})")
        }
        EventKind::ActivityTaskFailed {
            scheduled_event_id,
            failure,
            retry_state,
            ..
        } => {
            format!(
                "ActFailed(sched={scheduled_event_id}, {}, {})",
                short(failure),
                shout(retry_state)
            )
        }
        EventKind::ActivityTaskTimedOut {
            scheduled_event_id,
            failure,
            retry_state,
            ..
        } => {
            format!(
                "ActTimedOut(sched={scheduled_event_id}, {}, {})",
                short(failure),
                shout(retry_state)
            )
        }
        EventKind::ActivityTaskCancelRequested {
            scheduled_event_id, ..
        } => {
            format!("ActCancelRequested(sched={scheduled_event_id})")
        }
        EventKind::ActivityTaskCanceled {
            details,
            latest_cancel_requested_event_id,
            scheduled_event_id,
            started_event_id,
            ..
        } => {
            let started = if *started_event_id == EventId::NONE {
                "none".to_owned()
            } else {
                started_event_id.to_string()
            };
            let details: String = details
                .iter()
                .map(|value| format!(", details={}", text(value)))
                .collect();
            format!(
                "ActCanceled(sched={scheduled_event_id}, started={started}, \
                 latestCancelRequested={latest_cancel_requested_event_id}{details})"
            )
        }
        EventKind::TimerStarted { timer_id, .. } => format!("TimerStarted({timer_id})"),
        EventKind::TimerFired { timer_id, .. } => format!("TimerFired({timer_id})"),
        EventKind::TimerCanceled { timer_id, .. } => format!("TimerCanceled({timer_id})"),
        EventKind::MarkerRecorded { marker, .. } => match &marker.failure {
            Some(failure) => format!("MarkerRecorded({}, {})", marker.marker_name, short(failure)),
            None => format!("MarkerRecorded({})", marker.marker_name),
        },
        EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
            format!("ChildInitiated({})", shout(child.parent_close_policy))
        }
        EventKind::StartChildWorkflowExecutionFailed { cause, .. } => {
            format!("ChildStartFailed({})", shout(cause))
        }
        EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id, ..
        } => {
            format!("ChildStarted(init={initiated_event_id})")
        }
        EventKind::ChildWorkflowExecutionCompleted {
            initiated_event_id,
            started_event_id,
            ..
        } => {
            assert!(started_event_id.is_some());
            format!("ChildCompleted(init={initiated_event_id})")
        }
        EventKind::ChildWorkflowExecutionFailed {
            initiated_event_id,
            failure,
            retry_state,
            ..
        } => {
            format!(
                "ChildFailed(init={initiated_event_id}, {}, {})",
                short(failure),
                shout(retry_state)
            )
        }
        EventKind::ChildWorkflowExecutionCanceled {
            initiated_event_id, ..
        } => {
            format!("ChildCanceled(init={initiated_event_id})")
        }
        EventKind::ChildWorkflowExecutionTimedOut {
            initiated_event_id, ..
        } => {
            format!("ChildTimedOut(init={initiated_event_id})")
        }
        EventKind::ChildWorkflowExecutionTerminated {
            initiated_event_id, ..
        } => {
            format!("ChildTerminated(init={initiated_event_id})")
        }
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. } => {
            if cancel.child_workflow_only {
                "ExtCancelInitiated(childWorkflowOnly)".to_owned()
            } else {
                format!("ExtCancelInitiated(reason={})", cancel.reason)
            }
        }
        EventKind::RequestCancelExternalWorkflowExecutionFailed {
            initiated_event_id,
            cause,
            ..
        } => {
            format!(
                "ExtCancelFailed(init={initiated_event_id}, {})",
                shout(cause)
            )
        }
        EventKind::ExternalWorkflowExecutionCancelRequested {
            initiated_event_id, ..
        } => {
            format!("ExtCancelRequested(init={initiated_event_id})")
        }
        EventKind::SignalExternalWorkflowExecutionInitiated { .. } => {
            "ExtSignalInitiated".to_owned()
        }
        EventKind::SignalExternalWorkflowExecutionFailed {
            initiated_event_id,
            cause,
            ..
        } => {
            format!(
                "ExtSignalFailed(init={initiated_event_id}, {})",
                shout(cause)
            )
        }
        EventKind::ExternalWorkflowExecutionSignaled {
            initiated_event_id, ..
        } => {
            format!("ExtSignaled(init={initiated_event_id})")
        }
        EventKind::UpsertWorkflowSearchAttributes { .. } => "SearchAttributes".to_owned(),
        EventKind::WorkflowPropertiesModified { .. } => "Memo".to_owned(),
        EventKind::Unknown { event_type, .. } => event_type.clone(),
    }
}

fn words_for_people(kind: &EventKind) -> String {
    let words = kind.user_metadata();
    let summary = words.and_then(|words| words.summary.as_ref());
    let details = words.and_then(|words| words.details.as_ref());
    [("summary", summary), ("details", details)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!(" {name}={}", text(value?))))
        .collect()
}

fn with<'a>(name: &str, values: impl IntoIterator<Item = &'a Payload>) -> String {
    let values: Vec<String> = values.into_iter().map(text).collect();
    if values.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({})", values.join(", "))
    }
}

/// The value of a payload of JSON text.
pub fn text(value: &Payload) -> String {
    String::from_utf8_lossy(value.data.as_slice()).into_owned()
}

/// A failure with what caused it.
pub fn short(failure: &Failure) -> String {
    let kind = match &failure.kind {
        FailureKind::Application { error_type, .. } => format!("application,{error_type}"),
        FailureKind::Timeout { timeout_type, .. } => format!("timeout,{}", shout(timeout_type)),
        FailureKind::Cancelled { .. } => "canceled".to_owned(),
        FailureKind::Terminated { .. } => "terminated".to_owned(),
        FailureKind::Server { .. } => "server".to_owned(),
        FailureKind::Activity(info) => format!("activity,{}", shout(info.retry_state)),
        FailureKind::ChildWorkflow(info) => {
            format!("childWorkflowExecution,{}", shout(info.retry_state))
        }
        FailureKind::Reset { .. } => "resetWorkflow".to_owned(),
        FailureKind::NexusOperation(_) | FailureKind::NexusHandler { .. } => "nexus".to_owned(),
        FailureKind::Unspecified => "unspecified".to_owned(),
    };
    let cause = failure
        .cause
        .as_ref()
        .map_or_else(String::new, |cause| format!(" <- {}", short(cause)));
    if failure.message.is_empty() {
        format!("{kind}{cause}")
    } else {
        format!("{kind} \"{}\"{cause}", failure.message)
    }
}

/// `ForceCloseCommand` as `FORCE_CLOSE_COMMAND`.
fn shout(name: impl std::fmt::Debug) -> String {
    let mut shouted = String::new();
    for letter in format!("{name:?}").chars() {
        if letter.is_uppercase() && !shouted.is_empty() {
            shouted.push('_');
        }
        shouted.push(letter.to_ascii_uppercase());
    }
    shouted
}
