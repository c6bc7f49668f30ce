//! Reads and writes histories in Temporal's JSON form.
//!
//! It is the form that `temporal workflow show -o json` and the Web UI's download (with encoded
//! payloads) write and that the replayers of the official SDKs take: the JSON mapping of the
//! protobuf message `History`, in the spelling of today (`EVENT_TYPE_TIMER_STARTED`) and of older
//! servers (`TimerStarted`). This module does not check that the events make sense together; the
//! replay does.
//!
//! # What is kept
//!
//! What was read can be written and read again and is equal, and Temporal's tools take it. A field for which a
//! [`History`] has no place (the flags of an SDK, namespaces, versions of workers, the attributes of unknown events) is
//! kept with its [event](steadfast_core::event::HistoryEvent::unmodelled) and written again as it was; only the numbers
//! of tasks are not. So a history of another SDK can be replayed in that SDK from what is written here.
//!
//! Of what a history holds, these have no place in Temporal's form: the request id of a cancel
//! request, and the execution timeout and the retry policy of a `WorkflowExecutionContinuedAsNew`.
//! A time limit of zero is read as none, and durations end at protobuf's limit of ten thousand
//! years.
//!
//! # Untrusted input
//!
//! Files come from anybody. Reading one never panics, and an error names the event and the field.

mod base64;
mod enums;
mod error;
mod event_type;
mod failure;
mod fields;
mod object;
mod payload;
mod read;
#[cfg(test)]
mod tests;
mod write;

use steadfast_core::history::History;

pub use self::{error::HistoryJsonError, read::HistoryReader};

/// Reads a history.
///
/// The run id is that of the run that the file shows: after a reset the id of the new run, else the
/// original one. [`HistoryReader`] takes ids that the file lacks or that should be others.
///
/// # Errors
///
/// When the text is not JSON, when it is not a history, or when an event is not as expected.
///
/// # Examples
///
/// ```
/// let json = r#"{"events": [{
///     "eventId": "1",
///     "eventTime": "2026-11-20T15:08:35.210916322Z",
///     "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
///     "workflowExecutionStartedEventAttributes": {
///         "workflowId": "order-1",
///         "workflowType": {"name": "order"},
///         "taskQueue": {"name": "main"},
///         "originalExecutionRunId": "01a1f980"
///     }
/// }]}"#;
/// let history = steadfast::history_json::from_json(json)?;
/// assert_eq!(history.execution.to_string(), "order-1/01a1f980");
/// # Ok::<(), steadfast::history_json::HistoryJsonError>(())
/// ```
pub fn from_json(text: &str) -> Result<History, HistoryJsonError> {
    HistoryReader::new().read(text)
}

/// Writes a history.
///
/// # Errors
///
/// When more than 100 failures are nested as causes of each other.
pub fn to_json(history: &History) -> Result<String, HistoryJsonError> {
    write::to_json(history)
}
