//! Writes the fields of a protobuf message in JSON.
//!
//! As protobuf does, it omits what has its default, and writes numbers of 64 bits as text.

use std::time::Duration;

use serde_json::{Map, Value};
use steadfast_core::{
    ids::{EventId, WorkflowExecution},
    options::Priority,
    payload::{Payload, PayloadMap},
    retry::{RetryPolicy, RetryState},
    time::Timestamp,
};

use super::payload;
use crate::spelling::{
    enums::{Names, RETRY_STATES},
    time,
};

/// A message that is being written.
#[derive(Default)]
#[must_use]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The message as JSON.
    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }

    pub(super) fn value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn message(self, name: &str, message: Self) -> Self {
        self.value(name, message.done())
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        if text.is_empty() {
            self
        } else {
            self.value(name, text)
        }
    }

    pub(super) fn flag(self, name: &str, flag: bool) -> Self {
        if flag { self.value(name, true) } else { self }
    }

    pub(super) fn id(self, name: &str, id: &impl AsRef<str>) -> Self {
        self.value(name, id.as_ref())
    }

    pub(super) fn optional_id(self, name: &str, id: Option<&impl AsRef<str>>) -> Self {
        match id {
            Some(id) => self.id(name, id),
            None => self,
        }
    }

    /// A message of one field, such as a workflow type.
    pub(super) fn named(self, name: &str, id: &impl AsRef<str>) -> Self {
        self.message(name, Self::new().id("name", id))
    }

    /// The queue that everybody can poll.
    pub(super) fn task_queue(self, task_queue: &impl AsRef<str>) -> Self {
        let message = Self::new()
            .id("name", task_queue)
            .value("kind", "TASK_QUEUE_KIND_NORMAL");
        self.message("taskQueue", message)
    }

    /// The queue for the runs that one worker has in memory.
    pub(super) fn sticky_queue(
        self,
        task_queue: &impl AsRef<str>,
        normal: &impl AsRef<str>,
    ) -> Self {
        let message = Self::new()
            .id("name", task_queue)
            .value("kind", "TASK_QUEUE_KIND_STICKY")
            .id("normalName", normal);
        self.message("taskQueue", message)
    }

    pub(super) fn event_id(self, name: &str, id: EventId) -> Self {
        self.size(name, id.0)
    }

    /// The task whose completion contained the command of the event.
    pub(super) fn task_completed(self, id: EventId) -> Self {
        self.event_id("workflowTaskCompletedEventId", id)
    }

    pub(super) fn size(self, name: &str, size: u64) -> Self {
        if size == 0 {
            self
        } else {
            self.value(name, size.to_string())
        }
    }

    /// A number of 31 bits; a larger one is written as the largest.
    pub(super) fn count(self, name: &str, count: u32) -> Self {
        if count == 0 {
            self
        } else {
            self.value(name, i32::try_from(count).unwrap_or(i32::MAX))
        }
    }

    fn number(self, name: &str, number: f64) -> Self {
        if number.is_finite() {
            self.value(name, number)
        } else if number.is_nan() {
            self.value(name, "NaN")
        } else if number > 0.0 {
            self.value(name, "Infinity")
        } else {
            self.value(name, "-Infinity")
        }
    }

    pub(super) fn duration(self, name: &str, duration: Duration) -> Self {
        self.value(name, time::write_duration(duration))
    }

    pub(super) fn timeout(self, name: &str, timeout: Option<Duration>) -> Self {
        match timeout {
            Some(timeout) => self.duration(name, timeout),
            None => self,
        }
    }

    pub(super) fn time(self, name: &str, time: Option<Timestamp>) -> Self {
        match time {
            Some(time) => self.value(name, time::write_timestamp(time)),
            None => self,
        }
    }

    pub(super) fn choice<T: Copy + PartialEq>(
        self,
        name: &str,
        value: T,
        names: &Names<T>,
    ) -> Self {
        match names.name(value) {
            Some(value) => self.value(name, value),
            None => self,
        }
    }

    pub(super) fn retry_state(self, state: RetryState) -> Self {
        self.choice("retryState", state, &RETRY_STATES)
    }

    pub(super) fn execution(self, name: &str, execution: &WorkflowExecution) -> Self {
        let WorkflowExecution {
            workflow_id,
            run_id,
        } = execution;
        self.target(name, workflow_id, Some(run_id))
    }

    pub(super) fn optional_execution(
        self,
        name: &str,
        execution: Option<&WorkflowExecution>,
    ) -> Self {
        match execution {
            Some(execution) => self.execution(name, execution),
            None => self,
        }
    }

    /// An execution of which the run may be left open.
    pub(super) fn target(
        self,
        name: &str,
        workflow_id: &impl AsRef<str>,
        run_id: Option<&impl AsRef<str>>,
    ) -> Self {
        let message = Self::new()
            .id("workflowId", workflow_id)
            .optional_id("runId", run_id);
        self.message(name, message)
    }

    pub(super) fn payloads(self, name: &str, payloads: &[Payload]) -> Self {
        if payloads.is_empty() {
            self
        } else {
            self.value(name, payload::write_list(payloads))
        }
    }

    pub(super) fn payload(self, name: &str, payload: Option<&Payload>) -> Self {
        match payload {
            Some(payload) => self.value(name, payload::write(payload)),
            None => self,
        }
    }

    pub(super) fn single_payload(self, name: &str, payload: Option<&Payload>) -> Self {
        self.payloads(name, payload.map_or(&[], std::slice::from_ref))
    }

    pub(super) fn payload_map(self, name: &str, entries: &str, payloads: &PayloadMap) -> Self {
        self.optional_payload_map(name, entries, Some(payloads).filter(|map| !map.is_empty()))
    }

    pub(super) fn optional_payload_map(
        self,
        name: &str,
        entries: &str,
        payloads: Option<&PayloadMap>,
    ) -> Self {
        match payloads {
            Some(payloads) => self.value(name, payload::write_map(entries, payloads)),
            None => self,
        }
    }

    pub(super) fn priority(self, priority: Option<&Priority>) -> Self {
        let Some(priority) = priority else {
            return self;
        };
        let mut message = Self::new();
        if priority.priority_key != 0 {
            message = message.value("priorityKey", priority.priority_key);
        }
        message = message.text("fairnessKey", &priority.fairness_key);
        if priority.fairness_weight != 0.0 {
            message = message.number("fairnessWeight", f64::from(priority.fairness_weight));
        }
        self.message("priority", message)
    }

    pub(super) fn retry_policy(self, name: &str, policy: Option<&RetryPolicy>) -> Self {
        let Some(policy) = policy else { return self };
        let mut message = Self::new()
            .duration("initialInterval", policy.initial_interval)
            .number("backoffCoefficient", policy.backoff_coefficient)
            .timeout("maximumInterval", policy.maximum_interval)
            .count("maximumAttempts", policy.maximum_attempts);
        if !policy.non_retryable_error_types.is_empty() {
            let types = policy.non_retryable_error_types.clone();
            message = message.value("nonRetryableErrorTypes", types);
        }
        self.message(name, message)
    }
}
