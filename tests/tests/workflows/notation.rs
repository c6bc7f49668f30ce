//! Writes a history in the notation of the recorded scenarios, without the numbers of the events:
//! `Started · WT · TimerStarted(1) · CancelRequested(stop) · WT · TimerCanceled(1) · Canceled`.

use steadfast::core::{
    event::{EventKind, HistoryEvent},
    failure::{Failure, FailureKind},
    ids::EventId,
    payload::Payload,
};

/// The whole history on one line. A workflow task that nothing interrupts is `WT`.
pub(crate) fn render(events: &[HistoryEvent]) -> String {
    let mut parts = Vec::new();
    let mut rest = events;
    while let [event, after @ ..] = rest {
        if let (
            EventKind::WorkflowTaskScheduled { attempt: 1, .. },
            [
                HistoryEvent {
                    kind: EventKind::WorkflowTaskStarted { .. },
                    ..
                },
                HistoryEvent {
                    kind: EventKind::WorkflowTaskCompleted { .. },
                    ..
                },
                after @ ..,
            ],
        ) = (&event.kind, after)
        {
            parts.push("WT".to_owned());
            rest = after;
        } else {
            parts.push(name(&event.kind));
            rest = after;
        }
    }
    parts.join(" · ")
}

/// The history without its workflow tasks.
pub(crate) fn without_tasks(events: &[HistoryEvent]) -> String {
    let names: Vec<String> = events
        .iter()
        .map(|event| name(&event.kind))
        .filter(|name| !name.starts_with("WT"))
        .collect();
    names.join(" · ")
}

/// One event.
pub(crate) fn name(kind: &EventKind) -> String {
    match kind {
        EventKind::WorkflowExecutionStarted(_) => "Started".to_owned(),
        EventKind::WorkflowExecutionCompleted { result, .. } => {
            format!("Completed({})", values(result))
        }
        EventKind::WorkflowExecutionFailed { failure, .. } => format!("Failed({})", short(failure)),
        EventKind::WorkflowExecutionTimedOut { .. } => "TimedOut".to_owned(),
        EventKind::WorkflowExecutionCanceled { .. } => "Canceled".to_owned(),
        EventKind::WorkflowExecutionTerminated { reason, .. } => format!("Terminated({reason})"),
        EventKind::WorkflowExecutionContinuedAsNew { .. } => "ContinuedAsNew".to_owned(),
        EventKind::WorkflowExecutionSignaled { signal_name, .. } => {
            format!("Signaled({signal_name})")
        }
        EventKind::WorkflowExecutionCancelRequested { cause, .. } => {
            format!("CancelRequested({cause})")
        }
        EventKind::WorkflowExecutionUpdateAccepted { .. } => "UpdAccepted".to_owned(),
        EventKind::WorkflowExecutionUpdateCompleted { outcome, .. } => match outcome {
            Ok(_) => "UpdCompleted".to_owned(),
            Err(failure) => format!("UpdCompleted({})", short(failure)),
        },
        EventKind::WorkflowTaskScheduled { attempt: 1, .. } => "WTScheduled".to_owned(),
        EventKind::WorkflowTaskScheduled { attempt, .. } => {
            format!("WTScheduled(attempt={attempt})")
        }
        EventKind::WorkflowTaskStarted { .. } => "WTStarted".to_owned(),
        EventKind::WorkflowTaskCompleted { .. } => "WTCompleted".to_owned(),
        EventKind::WorkflowTaskFailed { cause, .. } => format!("WTFailed({cause:?})"),
        EventKind::WorkflowTaskTimedOut { .. } => "WTTimedOut".to_owned(),
        EventKind::ActivityTaskScheduled { activity, .. } => {
            format!("ActScheduled({})", activity.activity_type)
        }
        EventKind::ActivityTaskStarted { attempt: 1, .. } => "ActStarted".to_owned(),
        EventKind::ActivityTaskStarted { attempt, .. } => format!("ActStarted(attempt={attempt})"),
        EventKind::ActivityTaskCompleted { result, .. } => {
            format!("ActCompleted({})", values(result))
        }
        EventKind::ActivityTaskFailed {
            failure,
            retry_state,
            ..
        } => {
            format!("ActFailed({}, {retry_state:?})", short(failure))
        }
        EventKind::ActivityTaskTimedOut {
            failure,
            retry_state,
            ..
        } => {
            format!("ActTimedOut({}, {retry_state:?})", short(failure))
        }
        EventKind::ActivityTaskCancelRequested { .. } => "ActCancelRequested".to_owned(),
        EventKind::ActivityTaskCanceled {
            started_event_id: EventId(0),
            ..
        } => "ActCanceled(not started)".to_owned(),
        EventKind::ActivityTaskCanceled { .. } => "ActCanceled".to_owned(),
        EventKind::TimerStarted { timer_id, .. } => format!("TimerStarted({timer_id})"),
        EventKind::TimerFired { timer_id, .. } => format!("TimerFired({timer_id})"),
        EventKind::TimerCanceled { timer_id, .. } => format!("TimerCanceled({timer_id})"),
        EventKind::MarkerRecorded { marker, .. } => match &marker.failure {
            Some(failure) => format!("Marker({}, {})", marker.marker_name, short(failure)),
            None => format!("Marker({})", marker.marker_name),
        },
        EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
            format!("ChildInitiated({:?})", child.parent_close_policy)
        }
        EventKind::StartChildWorkflowExecutionFailed { cause, .. } => {
            format!("ChildStartFailed({cause:?})")
        }
        EventKind::ChildWorkflowExecutionStarted { .. } => "ChildStarted".to_owned(),
        EventKind::ChildWorkflowExecutionCompleted { .. } => "ChildCompleted".to_owned(),
        EventKind::ChildWorkflowExecutionFailed { .. } => "ChildFailed".to_owned(),
        EventKind::ChildWorkflowExecutionCanceled { .. } => "ChildCanceled".to_owned(),
        EventKind::ChildWorkflowExecutionTimedOut { .. } => "ChildTimedOut".to_owned(),
        EventKind::ChildWorkflowExecutionTerminated { .. } => "ChildTerminated".to_owned(),
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { .. } => {
            "ExtCancelInitiated".to_owned()
        }
        EventKind::RequestCancelExternalWorkflowExecutionFailed { cause, .. } => {
            format!("ExtCancelFailed({cause:?})")
        }
        EventKind::ExternalWorkflowExecutionCancelRequested { .. } => {
            "ExtCancelRequested".to_owned()
        }
        EventKind::SignalExternalWorkflowExecutionInitiated { .. } => {
            "ExtSignalInitiated".to_owned()
        }
        EventKind::SignalExternalWorkflowExecutionFailed { cause, .. } => {
            format!("ExtSignalFailed({cause:?})")
        }
        EventKind::ExternalWorkflowExecutionSignaled { .. } => "ExtSignaled".to_owned(),
        EventKind::UpsertWorkflowSearchAttributes { .. } => "SearchAttributes".to_owned(),
        EventKind::WorkflowPropertiesModified { .. } => "Memo".to_owned(),
        other => other.name().to_owned(),
    }
}

fn values<'a>(values: impl IntoIterator<Item = &'a Payload>) -> String {
    let values: Vec<String> = values
        .into_iter()
        .map(|value| String::from_utf8_lossy(value.data.as_slice()).into_owned())
        .collect();
    values.join(", ")
}

/// The kinds of a failure and of what caused it.
pub(crate) fn short(failure: &Failure) -> String {
    let kinds: Vec<String> = failure
        .chain()
        .map(|failure| match &failure.kind {
            FailureKind::Application { error_type, .. } => error_type.clone(),
            FailureKind::Timeout { timeout_type, .. } => format!("{timeout_type:?}"),
            FailureKind::Cancelled { .. } => "canceled".to_owned(),
            FailureKind::Terminated { .. } => "terminated".to_owned(),
            FailureKind::Server { .. } => "server".to_owned(),
            FailureKind::Activity(_) => "activity".to_owned(),
            FailureKind::ChildWorkflow(_) => "child".to_owned(),
            FailureKind::Reset { .. } => "reset".to_owned(),
            FailureKind::NexusOperation(_) | FailureKind::NexusHandler { .. } => "nexus".to_owned(),
        })
        .collect();
    kinds.join(" <- ")
}
