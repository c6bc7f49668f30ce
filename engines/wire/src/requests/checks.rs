//! What a request must have, and what of it cannot be expressed.

use prost_wkt_types::Duration as ProtoDuration;
use steadfast_core::ids::{Identity, InvalidId, RequestId, TaskQueue};
use steadfast_engine::{EngineError, ExecutionRef};
use temporalio_protos::temporal::api::{common::v1 as common, taskqueue::v1 as taskqueue};

use crate::values::Wired;

/// Who asks, if a request does not say: what a Temporal Service calls itself.
pub const NOBODY: &str = "frontend-service";
/// What the names of a service's own task queues start with.
const RESERVED: &str = "/_sys/";

/// Refuses a request that lacks something.
pub(super) fn unset(name: &str) -> EngineError {
    EngineError::invalid(format!("{name} is not set on request."))
}

/// Refuses what an engine does not offer.
pub(super) fn unsupported(message: &str) -> EngineError {
    EngineError::Unsupported {
        message: message.to_owned(),
    }
}

/// An id that a request must have.
pub(super) fn required<T>(text: &str, name: &str) -> Wired<T>
where
    for<'a> T: TryFrom<&'a str, Error = InvalidId>,
{
    T::try_from(text).map_err(|why| match why {
        InvalidId::Empty { .. } => unset(name),
        _ => EngineError::invalid(format!("{name} length exceeds limit.")),
    })
}

/// Who asks.
///
/// # Errors
///
/// When the name is too long.
pub fn caller(identity: &str) -> Wired<Identity> {
    match identity {
        "" => required(NOBODY, "Identity"),
        identity => required(identity, "Identity"),
    }
}

/// By what a repeated request is recognized; a new one is not repeated.
pub(super) fn request_id(text: &str, new_id: impl FnOnce() -> String) -> Wired<RequestId> {
    match text {
        "" => required(&new_id(), "RequestId"),
        text => required(text, "RequestId"),
    }
}

/// What a request is about.
pub(super) fn execution_ref(
    execution: Option<common::WorkflowExecution>,
    first_execution_run_id: &str,
) -> Wired<ExecutionRef> {
    let execution = execution.ok_or_else(|| unset("Execution"))?;
    run_ref(
        &execution.workflow_id,
        &execution.run_id,
        first_execution_run_id,
    )
}

/// What a request is about that has its ids side by side.
pub(super) fn run_ref(workflow_id: &str, run_id: &str, first_run_id: &str) -> Wired<ExecutionRef> {
    let run = |text: &str| match text {
        "" => Ok(None),
        text => text
            .try_into()
            .map(Some)
            .map_err(|_| EngineError::invalid("Invalid RunId.")),
    };
    Ok(ExecutionRef {
        workflow_id: required(workflow_id, "WorkflowId")?,
        run_id: run(run_id)?,
        first_execution_run_id: run(first_run_id)?,
    })
}

/// A task queue that a user may name.
pub(super) fn checked_queue(queue: Option<taskqueue::TaskQueue>) -> Wired<TaskQueue> {
    let queue = queue.ok_or_else(|| EngineError::invalid("taskQueue is not set"))?;
    if queue.name.starts_with(RESERVED) {
        return Err(EngineError::invalid(format!(
            "task queue name cannot start with reserved prefix {RESERVED}"
        )));
    }
    TaskQueue::new(&queue.name).map_err(|why| {
        EngineError::invalid(match why {
            InvalidId::Empty { .. } => "missing task queue name",
            _ => "taskQueue length exceeds limit",
        })
    })
}

/// A time limit or a wait, which can be expressed unless it is negative.
pub(super) fn checked_timeout(timeout: Option<&ProtoDuration>, name: &str) -> Wired<()> {
    match fault(timeout) {
        Some(why) => Err(EngineError::invalid(format!(
            "An invalid {name}Seconds is set on request. cause: {why}"
        ))),
        None => Ok(()),
    }
}

/// The numbers of a retry policy; what they mean together is for the engine to check.
pub(super) fn checked_policy(policy: Option<&common::RetryPolicy>) -> Wired<()> {
    // With one attempt there is nothing to wait for.
    let Some(policy) = policy.filter(|policy| policy.maximum_attempts != 1) else {
        return Ok(());
    };
    for (interval, name) in [
        (&policy.initial_interval, "InitialInterval"),
        (&policy.maximum_interval, "MaximumInterval"),
    ] {
        if let Some(why) = fault(interval.as_ref()) {
            return Err(EngineError::invalid(format!(
                "invalid {name} set on retry policy: {why}"
            )));
        }
    }
    if policy.maximum_attempts < 0 {
        return Err(EngineError::invalid(
            "MaximumAttempts cannot be negative on retry policy.",
        ));
    }
    Ok(())
}

/// Why a duration is none.
fn fault(duration: Option<&ProtoDuration>) -> Option<&'static str> {
    let duration = duration?;
    let signs = (
        duration.seconds.signum(),
        i64::from(duration.nanos.signum()),
    );
    match signs {
        (1, -1) | (-1, 1) => Some("duration has seconds and nanos with different signs"),
        (-1, _) | (_, -1) => Some("negative duration"),
        _ => None,
    }
}
