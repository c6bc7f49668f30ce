//! Requests as tests make them.

use std::time::Duration;

use steadfast_core::{
    command::Command,
    ids::{Identity, RequestId, SignalName, TaskQueue, WorkflowId, WorkflowType},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
    task::WorkflowTaskCompletion,
};

use crate::{ExecutionRef, Signal, StartWorkflowRequest};

/// A task queue by its name.
///
/// # Panics
///
/// When a name is no valid one.
pub fn queue(name: &str) -> TaskQueue {
    TaskQueue::new(name).unwrap()
}

/// An identity by its name.
///
/// # Panics
///
/// When a name is no valid one.
pub fn identity(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

/// Asks for a workflow of type `Flow` on the queue of its own id.
///
/// # Panics
///
/// When a name is no valid one.
pub fn start_request(id: &str, request: &str) -> StartWorkflowRequest {
    StartWorkflowRequest {
        workflow_id: WorkflowId::new(id).unwrap(),
        workflow_type: WorkflowType::new("Flow").unwrap(),
        task_queue: queue(id),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        identity: identity("client"),
        request_id: RequestId::new(request).unwrap(),
        id_reuse_policy: WorkflowIdReusePolicy::default(),
        id_conflict_policy: WorkflowIdConflictPolicy::default(),
        retry_policy: None,
        start_delay: Duration::ZERO,
        cron_schedule: None,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        unmodelled: None,
    }
}

/// The current run of an id.
///
/// # Panics
///
/// When a name is no valid one.
pub fn current(id: &str) -> ExecutionRef {
    ExecutionRef::current(WorkflowId::new(id).unwrap())
}

/// An answer to a workflow task that is these commands.
pub fn completion(commands: Vec<Command>) -> WorkflowTaskCompletion {
    WorkflowTaskCompletion {
        commands,
        ..WorkflowTaskCompletion::default()
    }
}

/// A signal without values.
///
/// # Panics
///
/// When a name is no valid one.
pub fn signal(name: &str, request_id: RequestId) -> Signal {
    Signal {
        name: SignalName::new(name).unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        identity: identity("client"),
        request_id,
    }
}

/// A summary of one word and details of one.
pub(super) fn words_for_people<'a>(
    option: impl Fn(&str) -> Option<&'a str>,
) -> Option<Box<UserMetadata>> {
    let text = |name| Some(Payload::json(format!("{:?}", option(name)?).into_bytes()));
    UserMetadata::of(text("summary"), text("details"))
}

/// A time as a script has it: `3s`, `20ms`.
pub(super) fn seconds(text: &str) -> Duration {
    if let Some(millis) = text.strip_suffix("ms") {
        return Duration::from_millis(millis.parse().unwrap());
    }
    Duration::from_secs(text.trim_end_matches('s').parse().unwrap())
}

/// The policy that a step gives, if it gives the number of attempts or a wait.
pub(super) fn retry_policy<'a>(
    attempts: Option<&str>,
    option: impl Fn(&str) -> Option<&'a str>,
) -> Option<RetryPolicy> {
    let default = RetryPolicy::default();
    let waits = ["initial", "coefficient", "maximum"].map(option);
    if attempts.is_none() && waits.iter().all(Option::is_none) {
        return None;
    }
    let [initial, coefficient, maximum] = waits;
    Some(RetryPolicy {
        initial_interval: initial.map_or(default.initial_interval, seconds),
        backoff_coefficient: coefficient
            .map_or(default.backoff_coefficient, |text| text.parse().unwrap()),
        maximum_interval: maximum.map(seconds),
        maximum_attempts: attempts.map_or(0, |attempts| attempts.parse().unwrap()),
        ..default
    })
}
