//! How the query language of lists spells and numbers the statuses of executions.

use steadfast_core::event::ExecutionStatus;

/// The numbers, the short and the long names.
pub const EXECUTION_STATUSES: [(i64, &str, &str, ExecutionStatus); 7] = [
    (
        1,
        "Running",
        "WORKFLOW_EXECUTION_STATUS_RUNNING",
        ExecutionStatus::Running,
    ),
    (
        2,
        "Completed",
        "WORKFLOW_EXECUTION_STATUS_COMPLETED",
        ExecutionStatus::Completed,
    ),
    (
        3,
        "Failed",
        "WORKFLOW_EXECUTION_STATUS_FAILED",
        ExecutionStatus::Failed,
    ),
    (
        4,
        "Canceled",
        "WORKFLOW_EXECUTION_STATUS_CANCELED",
        ExecutionStatus::Cancelled,
    ),
    (
        5,
        "Terminated",
        "WORKFLOW_EXECUTION_STATUS_TERMINATED",
        ExecutionStatus::Terminated,
    ),
    (
        6,
        "ContinuedAsNew",
        "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW",
        ExecutionStatus::ContinuedAsNew,
    ),
    (
        7,
        "TimedOut",
        "WORKFLOW_EXECUTION_STATUS_TIMED_OUT",
        ExecutionStatus::TimedOut,
    ),
];

/// The number.
#[must_use]
pub fn status_number(status: ExecutionStatus) -> i64 {
    let found = EXECUTION_STATUSES.iter().find(|entry| entry.3 == status);
    found.map_or(0, |entry| entry.0)
}

/// The status of a number.
#[must_use]
pub fn status_of_number(number: i64) -> Option<ExecutionStatus> {
    let found = EXECUTION_STATUSES.iter().find(|entry| entry.0 == number);
    found.map(|entry| entry.3)
}

/// The short name.
#[must_use]
pub fn status_name(status: ExecutionStatus) -> &'static str {
    let found = EXECUTION_STATUSES.iter().find(|entry| entry.3 == status);
    found.map_or("", |entry| entry.1)
}
