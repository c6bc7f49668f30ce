//! Requests as tests make them.

use std::time::Duration;

use steadfast_core::{
    command::Command,
    ids::{Identity, RequestId, SignalName, TaskQueue, WorkflowId, WorkflowType},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap, UserMetadata},
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
