//! What the engine's own tests ask for: a workflow `w` of type `Flow` on the queue `q`, and signals to it.

use std::time::Duration;

use steadfast_core::{
    ids::{Identity, RequestId, SignalName, TaskQueue, WorkflowId, WorkflowType},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::PayloadMap,
};
use steadfast_engine::{Signal, StartWorkflowRequest};

pub(crate) fn identity() -> Identity {
    Identity::new("test").unwrap()
}

pub(crate) fn start() -> StartWorkflowRequest {
    StartWorkflowRequest {
        workflow_id: WorkflowId::new("w").unwrap(),
        workflow_type: WorkflowType::new("Flow").unwrap(),
        task_queue: TaskQueue::new("q").unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        identity: identity(),
        request_id: RequestId::new("start").unwrap(),
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

pub(crate) fn signal(request: &str) -> Signal {
    Signal {
        name: SignalName::new("s").unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        identity: identity(),
        request_id: RequestId::new(request).unwrap(),
    }
}
