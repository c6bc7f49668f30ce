//! The event types with their numbers in Temporal's protobuf.

/// The event type of a number, if it is known.
pub fn of_number(number: u64) -> Option<&'static str> {
    let position = usize::try_from(number.checked_sub(1)?).ok()?;
    EVENT_TYPES.get(position).copied()
}

/// The number of an event type, if it is known.
pub fn number_of(event_type: &str) -> Option<u64> {
    let position = EVENT_TYPES.iter().position(|name| *name == event_type)?;
    u64::try_from(position).ok()?.checked_add(1)
}

/// Whether workers pass over the events, whether the file says so or not.
pub fn is_ignored(event_type: &str) -> bool {
    IGNORED_EVENT_TYPES.contains(&event_type)
}

/// The event types in the order of their numbers, which start at 1.
pub(crate) const EVENT_TYPES: [&str; 60] = [
    "WorkflowExecutionStarted",
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionTimedOut",
    "WorkflowTaskScheduled",
    "WorkflowTaskStarted",
    "WorkflowTaskCompleted",
    "WorkflowTaskTimedOut",
    "WorkflowTaskFailed",
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskTimedOut",
    "ActivityTaskCancelRequested",
    "ActivityTaskCanceled",
    "TimerStarted",
    "TimerFired",
    "TimerCanceled",
    "WorkflowExecutionCancelRequested",
    "WorkflowExecutionCanceled",
    "RequestCancelExternalWorkflowExecutionInitiated",
    "RequestCancelExternalWorkflowExecutionFailed",
    "ExternalWorkflowExecutionCancelRequested",
    "MarkerRecorded",
    "WorkflowExecutionSignaled",
    "WorkflowExecutionTerminated",
    "WorkflowExecutionContinuedAsNew",
    "StartChildWorkflowExecutionInitiated",
    "StartChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionStarted",
    "ChildWorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut",
    "ChildWorkflowExecutionTerminated",
    "SignalExternalWorkflowExecutionInitiated",
    "SignalExternalWorkflowExecutionFailed",
    "ExternalWorkflowExecutionSignaled",
    "UpsertWorkflowSearchAttributes",
    "WorkflowExecutionUpdateAccepted",
    "WorkflowExecutionUpdateRejected",
    "WorkflowExecutionUpdateCompleted",
    "WorkflowPropertiesModifiedExternally",
    "ActivityPropertiesModifiedExternally",
    "WorkflowPropertiesModified",
    "WorkflowExecutionUpdateAdmitted",
    "NexusOperationScheduled",
    "NexusOperationStarted",
    "NexusOperationCompleted",
    "NexusOperationFailed",
    "NexusOperationCanceled",
    "NexusOperationTimedOut",
    "NexusOperationCancelRequested",
    "WorkflowExecutionOptionsUpdated",
    "NexusOperationCancelRequestCompleted",
    "NexusOperationCancelRequestFailed",
    "WorkflowExecutionPaused",
    "WorkflowExecutionUnpaused",
    "WorkflowExecutionTimeSkippingTransitioned",
];

/// The event types that a history does not hold and that the official SDKs pass over.
const IGNORED_EVENT_TYPES: [&str; 4] = [
    "WorkflowExecutionOptionsUpdated",
    "WorkflowExecutionPaused",
    "WorkflowExecutionTimeSkippingTransitioned",
    "WorkflowExecutionUnpaused",
];
