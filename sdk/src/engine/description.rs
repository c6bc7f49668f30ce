//! What an engine says of an execution.

use steadfast_core::{
    event::ExecutionStatus,
    failure::Failure,
    ids::{ActivityId, ActivityType, RunId, TaskQueue, WorkflowExecution, WorkflowType},
    payload::{Payload, PayloadMap},
    time::Timestamp,
};

/// What can be said of an execution.
#[derive(Clone, Debug)]
pub struct WorkflowDescription {
    /// The run.
    pub execution: WorkflowExecution,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Where workers pick up its workflow tasks.
    pub task_queue: TaskQueue,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// When it started.
    pub start_time: Timestamp,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// How many events its history has.
    pub history_length: u64,
    /// How many bytes its history has.
    pub history_size_bytes: u64,
    /// Its parent.
    pub parent: Option<WorkflowExecution>,
    /// The first run of its chain.
    pub first_execution_run_id: RunId,
    /// The run that a reset of this one made.
    pub reset_run_id: Option<RunId>,
    /// Whether its cancellation was requested.
    pub cancel_requested: bool,
    /// Values shown with it.
    pub memo: PayloadMap,
    /// Values that it is found by.
    pub search_attributes: PayloadMap,
    /// Activities that have not ended.
    pub pending_activities: Vec<PendingActivity>,
    /// Children that have not ended.
    pub pending_children: Vec<WorkflowExecution>,
}

/// An activity that has not ended.
#[derive(Clone, Debug)]
pub struct PendingActivity {
    /// Its id.
    pub activity_id: ActivityId,
    /// Its type.
    pub activity_type: ActivityType,
    /// Where it stands.
    pub state: PendingActivityState,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// What its last heartbeat said.
    pub heartbeat_details: Vec<Payload>,
    /// How its last attempt failed.
    pub last_failure: Option<Failure>,
}

/// Where an activity stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PendingActivityState {
    /// Waits for a worker, or for its next attempt.
    Scheduled,
    /// A worker runs it.
    Started,
    /// A worker runs it and its cancellation is requested.
    CancelRequested,
}
