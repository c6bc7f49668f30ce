//! Tasks: what an engine hands to a worker, and what the worker answers.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    command::Command,
    event::{HistoryEvent, WorkflowTaskFailedCause},
    failure::Failure,
    ids::{
        ActivityId, ActivityType, EventId, Identity, Namespace, QueryName, TaskQueue, UpdateId,
        UpdateName, WorkflowExecution, WorkflowType,
    },
    options::{ActivityTimeouts, Priority},
    payload::{Bytes, Payload, PayloadMap},
    retry::RetryPolicy,
    time::Timestamp,
    unmodelled::UnmodelledAnswer,
};

/// Names one attempt at one task; the answer must bring it along. Only the engine can read it.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TaskToken(pub Bytes);

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskToken({})", self.0.len())
    }
}

/// Asks a worker to carry on a run.
#[derive(Clone, Debug)]
pub struct WorkflowTask {
    /// Names this attempt.
    pub token: TaskToken,
    /// The run.
    pub execution: WorkflowExecution,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// The last `WorkflowTaskStarted` that a worker answered; none at first.
    pub previous_started_event_id: EventId,
    /// The `WorkflowTaskStarted` of this task; none when the task only brings queries.
    pub started_event_id: EventId,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// The history: whole when the first event has id 1, else what came since the worker's last
    /// answer for this run.
    pub events: Vec<HistoryEvent>,
    /// Queries to answer after the events.
    pub queries: BTreeMap<String, Query>,
    /// Updates that ask to be accepted.
    pub updates: Vec<Update>,
}

/// A question about a run's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The query's name.
    pub name: QueryName,
    /// Its arguments.
    pub input: Vec<Payload>,
}

/// An update that asks to be accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The update's id.
    pub update_id: UpdateId,
    /// Its name.
    pub name: UpdateName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Who asked.
    pub identity: Option<Identity>,
}

/// What a worker answers to a workflow task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowTaskCompletion {
    /// What the workflow asks for, in order.
    pub commands: Vec<Command>,
    /// The answers to the task's queries.
    pub query_results: BTreeMap<String, Result<Payload, Failure>>,
    /// Asks for another task at once, because a local activity is still running.
    pub force_new_workflow_task: bool,
    /// Where the next tasks of the run go, because whoever polls there has it in memory. A worker that has the
    /// engine in its own process says nothing: it is known by its identity.
    pub sticky: Option<StickyQueue>,
    /// Whether a worker in another process goes back on a task that led to nothing: then the task leaves no events. A
    /// worker that has the engine in its own process always does.
    pub goes_back: bool,
    /// Activities among the commands that the worker runs at once if they come with the reply.
    pub eager_activities: Vec<ActivityId>,
    /// What a worker of another SDK says besides.
    pub unmodelled: UnmodelledAnswer,
}

/// A task queue for the runs that one worker has in memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StickyQueue {
    /// The queue, which only that worker polls.
    pub task_queue: TaskQueue,
    /// How long a task waits there; then any worker gets it.
    pub schedule_to_start_timeout: Duration,
}

/// Why a worker could not carry on a run.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowTaskFailure {
    /// The cause to record.
    pub cause: WorkflowTaskFailedCause,
    /// What happened.
    pub failure: Failure,
}

/// Asks a worker to run an activity.
#[derive(Clone, Debug)]
pub struct ActivityTask {
    /// Names this attempt.
    pub token: TaskToken,
    /// The namespace of the run that scheduled it.
    pub namespace: Namespace,
    /// The run that scheduled it.
    pub execution: WorkflowExecution,
    /// The type of that run.
    pub workflow_type: WorkflowType,
    /// The activity's id.
    pub activity_id: ActivityId,
    /// Its type.
    pub activity_type: ActivityType,
    /// Where it was scheduled.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// When it was scheduled.
    pub scheduled_time: Timestamp,
    /// When this attempt was scheduled.
    pub current_attempt_scheduled_time: Timestamp,
    /// When this attempt started.
    pub started_time: Timestamp,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// When it is tried again.
    pub retry_policy: Option<RetryPolicy>,
    /// What the last heartbeat of the previous attempt said.
    pub heartbeat_details: Vec<Payload>,
    /// How urgent it is.
    pub priority: Option<Box<Priority>>,
}

/// How an attempt at an activity ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every engine decides every outcome by name"
)]
pub enum ActivityOutcome {
    /// It returned a value.
    Completed {
        /// The value.
        result: Option<Payload>,
    },
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// What the last heartbeat said, for the next attempt, if it was not sent before.
        last_heartbeat_details: Option<Vec<Payload>>,
    },
    /// It ended because it was asked to.
    Cancelled {
        /// Values for whoever asked.
        details: Vec<Payload>,
    },
}

/// What an engine answers to a heartbeat.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HeartbeatReply {
    /// The workflow asked for the activity's cancellation.
    pub cancel_requested: bool,
    /// The activity was paused.
    pub paused: bool,
    /// The activity was reset.
    pub reset: bool,
}

/// Asks a worker to run a local activity in its own process, with as many attempts as its policy allows and
/// its waits permit.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalActivityTask {
    /// The activity's id.
    pub activity_id: ActivityId,
    /// Its type.
    pub activity_type: ActivityType,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// The attempt to begin with, counted from 1.
    pub attempt: u32,
    /// When its first attempt was scheduled.
    pub scheduled_time: Timestamp,
    /// How much of its time earlier attempts and the waits between them have used.
    pub time_used: Duration,
    /// The longest wait between two attempts that happens in the worker. A longer one becomes a timer.
    pub longest_wait: Duration,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// When it is tried again.
    pub retry_policy: Option<RetryPolicy>,
}

/// An attempt at a local activity failed, and the next one is too far away for a workflow task to wait.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalBackOff {
    /// The task, with the attempt that failed.
    pub task: LocalActivityTask,
    /// How it failed.
    pub failure: Failure,
    /// The wait before the next attempt.
    pub wait: Duration,
}

/// What the worker has to say of a local activity that it ran.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the run decides every outcome by name"
)]
pub enum LocalActivityOutcome {
    /// It ended.
    Ended(Result<Option<Payload>, Failure>),
    /// Its next attempt is too far away for a workflow task to wait.
    BackOff(Box<LocalBackOff>),
}

impl From<Result<Option<Payload>, Failure>> for LocalActivityOutcome {
    fn from(end: Result<Option<Payload>, Failure>) -> Self {
        Self::Ended(end)
    }
}

impl WorkflowTask {
    /// The same task, to be filled with other events.
    #[must_use]
    pub fn clone_without_events(&self) -> Self {
        Self {
            token: self.token.clone(),
            execution: self.execution.clone(),
            workflow_type: self.workflow_type.clone(),
            previous_started_event_id: self.previous_started_event_id,
            started_event_id: self.started_event_id,
            attempt: self.attempt,
            events: Vec::new(),
            queries: self.queries.clone(),
            updates: self.updates.clone(),
        }
    }
}
