//! What an engine says of an execution.

use std::time::Duration;

use steadfast_core::{
    event::ExecutionStatus,
    failure::Failure,
    ids::{
        ActivityId, ActivityType, EventId, Identity, RunId, TaskQueue, TimerId, WorkflowExecution,
        WorkflowId, WorkflowType,
    },
    options::{ActivityTimeouts, ParentClosePolicy, Priority},
    payload::{Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
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
    /// When its first workflow task could be given to a worker: later than the start if it was delayed.
    pub execution_time: Timestamp,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// How many events its history has.
    pub history_length: u64,
    /// How many bytes its history has.
    pub history_size_bytes: u64,
    /// Its parent.
    pub parent: Option<WorkflowExecution>,
    /// The topmost of its ancestors; `None` if it has no parent.
    pub root: Option<WorkflowExecution>,
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
    /// Words for people about the run, with which it was started. A list does not tell them.
    pub user_metadata: Option<Box<UserMetadata>>,
    /// How urgent its tasks are. Lists do not tell.
    pub priority: Option<Box<Priority>>,
    /// The workflow task that waits for a worker, or that one has.
    pub pending_workflow_task: Option<PendingWorkflowTask>,
    /// Activities that have not ended.
    pub pending_activities: Vec<PendingActivity>,
    /// Timers that have not fired. A Temporal Service does not tell: then there are none here.
    pub pending_timers: Vec<PendingTimer>,
    /// Children that have not ended.
    pub pending_children: Vec<PendingChild>,
}

/// A workflow task that waits for a worker, or that one has.
#[derive(Clone, Debug)]
pub struct PendingWorkflowTask {
    /// The attempt, counted from 1. Above 1 it failed before.
    pub attempt: u32,
    /// When it was scheduled.
    pub scheduled_time: Timestamp,
    /// When a worker took it; `None` while it waits for one.
    pub started_time: Option<Timestamp>,
    /// When it may be taken, if it waits after a failure. A Temporal Service does not tell.
    pub next_attempt_time: Option<Timestamp>,
    /// The worker that has it. A Temporal Service does not tell.
    pub worker: Option<Identity>,
    /// Why it failed last, since a task was last completed.
    pub last_failure: Option<Failure>,
}

/// A timer that has not fired.
#[derive(Clone, Debug)]
pub struct PendingTimer {
    /// Its id.
    pub timer_id: TimerId,
    /// When it fires.
    pub fire_time: Timestamp,
}

/// A child that has not ended.
#[derive(Clone, Debug)]
pub struct PendingChild {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// Its first run; `None` until it has started.
    pub run_id: Option<RunId>,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// The event that asked for it.
    pub initiated_event_id: EventId,
    /// What becomes of it when its parent ends.
    pub parent_close_policy: ParentClosePolicy,
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
    /// How many attempts there may be; 0 is any number.
    pub maximum_attempts: u32,
    /// Where workers pick it up; `None` when it is not known.
    pub task_queue: Option<TaskQueue>,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// When it is tried again; `None` when it is not known.
    pub retry_policy: Option<RetryPolicy>,
    /// When this attempt was scheduled; `None` when it is not known.
    pub scheduled_time: Option<Timestamp>,
    /// When its next attempt begins, if it waits for that.
    pub next_attempt_time: Option<Timestamp>,
    /// How long it waits between the last attempt and the next one, if it waits for that.
    pub retry_interval: Option<Duration>,
    /// When the last attempt ended, if it waits for the next one.
    pub last_attempt_complete_time: Option<Timestamp>,
    /// When a worker took the attempt that runs, or the last one.
    pub last_started_time: Option<Timestamp>,
    /// The worker that runs it, or ran its last attempt.
    pub last_worker: Option<Identity>,
    /// When it last said that it is alive.
    pub last_heartbeat_time: Option<Timestamp>,
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

/// Who works on a task queue, and what waits in it.
#[derive(Clone, Debug, Default)]
pub struct TaskQueueDescription {
    /// Who polls for workflow tasks.
    pub workflow_pollers: Vec<Poller>,
    /// Who polls for activity tasks.
    pub activity_pollers: Vec<Poller>,
    /// How many workflow tasks wait, as far as it is known.
    pub workflow_tasks: Option<u64>,
    /// How many activity tasks wait, as far as it is known.
    pub activity_tasks: Option<u64>,
}

/// A worker that polls a task queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Poller {
    /// Who it is.
    pub identity: Identity,
    /// When it polled last.
    pub last_access_time: Timestamp,
}
