//! Choices that are recorded with what they are made for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What cancelling an activity does (rule O1).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every type by name"
)]
pub enum ActivityCancellationType {
    /// Requests the cancel and resolves to cancelled at once.
    #[default]
    TryCancel,
    /// Requests the cancel and resolves to the activity's real outcome once it has one.
    WaitCancellationCompleted,
    /// Requests nothing and resolves to cancelled at once; the activity runs on.
    Abandon,
}

/// What cancelling a child workflow does (rule O1).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the machine decides every type by name"
)]
pub enum ChildWorkflowCancellationType {
    /// Requests the cancel and resolves to cancelled at once.
    TryCancel,
    /// Requests the cancel and resolves to cancelled once the child's history has the request.
    WaitCancellationRequested,
    /// Requests the cancel and resolves to the child's real outcome once it has one.
    #[default]
    WaitCancellationCompleted,
    /// Requests nothing and resolves to cancelled at once; the child runs on.
    Abandon,
}

/// What happens to a child workflow when its parent closes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the policies of Temporal"
)]
pub enum ParentClosePolicy {
    /// It is terminated.
    #[default]
    Terminate,
    /// It runs on.
    Abandon,
    /// Its cancellation is requested.
    RequestCancel,
}

/// How urgent tasks are, beside others of their queue. What is not said is as it is for the workflow that asks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Priority {
    /// The lower, the sooner, from 1; 0 says nothing.
    pub priority_key: i32,
    /// Tasks of different keys share a queue; empty says nothing.
    pub fairness_key: String,
    /// How large the share of the key is; 0 says nothing.
    pub fairness_weight: f32,
}

impl Priority {
    /// What it says; `None` if that is nothing.
    #[must_use]
    pub fn said(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// The priority of something that is asked for with the first by something that has the second.
    #[must_use]
    pub fn inherited(own: Option<&Self>, of_caller: Option<&Self>) -> Option<Box<Self>> {
        let (Some(own), Some(of_caller)) = (own, of_caller) else {
            return own.or(of_caller).cloned().map(Box::new);
        };
        let mut priority = own.clone();
        if priority.priority_key == 0 {
            priority.priority_key = of_caller.priority_key;
        }
        if priority.fairness_key.is_empty() {
            priority.fairness_key.clone_from(&of_caller.fairness_key);
        }
        if priority.fairness_weight == 0.0 {
            priority.fairness_weight = of_caller.fairness_weight;
        }
        Some(Box::new(priority))
    }
}

/// Whether a workflow id may be used again after its execution closed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the policies of Temporal"
)]
pub enum WorkflowIdReusePolicy {
    /// Always.
    #[default]
    AllowDuplicate,
    /// Only if the last run did not complete successfully.
    AllowDuplicateFailedOnly,
    /// Never.
    RejectDuplicate,
}

/// What starting an execution does while one with the same workflow id is open.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the policies of Temporal"
)]
pub enum WorkflowIdConflictPolicy {
    /// The start fails.
    #[default]
    Fail,
    /// The open execution is used.
    UseExisting,
    /// The open execution is terminated and a new one starts.
    TerminateExisting,
}

/// The longest time limit, interval or wait: 100 years of 365 days, as on a Temporal Service. A longer one is as long.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A limit as it counts: zero means that there is none, and nothing is longer than [`LONGEST`].
pub(crate) fn limit(limit: Option<Duration>) -> Option<Duration> {
    let limit = limit.filter(|limit| !limit.is_zero())?;
    Some(limit.min(LONGEST))
}

/// The time limits of an activity. `None` and zero mean no limit of its own.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActivityTimeouts {
    /// From scheduling to the end of the last attempt.
    pub schedule_to_close_timeout: Option<Duration>,
    /// From scheduling to the start of an attempt.
    pub schedule_to_start_timeout: Option<Duration>,
    /// From the start of an attempt to its end.
    pub start_to_close_timeout: Option<Duration>,
    /// Between two heartbeats.
    pub heartbeat_timeout: Option<Duration>,
}

impl ActivityTimeouts {
    /// The limits as they count: without those that are zero, and none longer than [`LONGEST`].
    #[must_use]
    pub fn effective(&self) -> Self {
        Self {
            schedule_to_close_timeout: limit(self.schedule_to_close_timeout),
            schedule_to_start_timeout: limit(self.schedule_to_start_timeout),
            start_to_close_timeout: limit(self.start_to_close_timeout),
            heartbeat_timeout: limit(self.heartbeat_timeout),
        }
    }
}

/// The time limits of an execution. `None` and zero mean no limit, or the default for a task.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WorkflowTimeouts {
    /// For the execution with all its runs.
    pub execution_timeout: Option<Duration>,
    /// For one run.
    pub run_timeout: Option<Duration>,
    /// For a worker to answer a workflow task; 10 seconds by default, and 120 seconds at most.
    pub task_timeout: Option<Duration>,
}

impl WorkflowTimeouts {
    /// The time that a worker has to answer a workflow task when nothing else is said.
    pub const DEFAULT_TASK_TIMEOUT: Duration = Duration::from_secs(10);
    /// The most time that a worker can have to answer a workflow task.
    pub const LONGEST_TASK_TIMEOUT: Duration = Duration::from_secs(120);

    /// The limits as they count: without those that are zero, none longer than [`LONGEST`], and that for a task not longer
    /// than [`LONGEST_TASK_TIMEOUT`](Self::LONGEST_TASK_TIMEOUT).
    #[must_use]
    pub fn effective(&self) -> Self {
        Self {
            execution_timeout: limit(self.execution_timeout),
            run_timeout: limit(self.run_timeout),
            task_timeout: limit(self.task_timeout)
                .map(|timeout| timeout.min(Self::LONGEST_TASK_TIMEOUT)),
        }
    }

    /// The time that a worker has to answer a workflow task.
    #[must_use]
    pub fn task_timeout(&self) -> Duration {
        limit(self.task_timeout).unwrap_or(Self::DEFAULT_TASK_TIMEOUT)
    }
}
