//! Runs local activities in the worker's own process, with their retries and time limits.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use steadfast_core::{
    failure::{Failure, FailureKind, TimeoutType},
    payload::Payload,
    retry::RetryPolicy,
    task::LocalActivityTask,
    time::Timestamp,
};
use tokio::sync::{Semaphore, watch};

use super::registry::Registry;
use crate::{
    activity::{ActivityContext, ActivityEnd, CancelCause, LocalWorkflow},
    tracing_context::Propagation,
};

/// Runs a local activity to its end.
pub(crate) async fn run_local_activity(
    registry: &Registry,
    slots: &Semaphore,
    mut task: LocalActivityTask,
    workflow: LocalWorkflow,
    cause: watch::Sender<Option<CancelCause>>,
) -> Result<Option<Payload>, Failure> {
    let Ok(_slot) = slots.acquire().await else {
        return Err(Failure::cancelled("the worker is shutting down"));
    };
    let function = registry
        .activity(&task.activity_type)
        .map_err(|message| Failure::application(message, "NotFound"))?;
    let policy = task.retry_policy.clone().unwrap_or_default();
    let deadline = task
        .timeouts
        .schedule_to_close_timeout
        .map(|limit| tokio::time::Instant::now() + limit);
    loop {
        let context =
            ActivityContext::local(&task, workflow.clone(), Timestamp::EPOCH, cause.clone());
        let attempt = std::panic::AssertUnwindSafe(function(context, task.input.clone()));
        let end = limited(
            attempt.catch_unwind(),
            task.timeouts.start_to_close_timeout,
            deadline,
        );
        let failure = match end.await {
            Err(timeout_type) => {
                cause.send_if_modified(|known| known.replace(CancelCause::TimedOut).is_none());
                Failure::timeout(format!("{timeout_type} timeout"), timeout_type)
            }
            Ok(Ok(Ok(result))) => return Ok(Some(result)),
            Ok(Ok(Err(error))) => match error.into_end() {
                ActivityEnd::Failed(failure) | ActivityEnd::Unreadable(failure) => *failure,
                ActivityEnd::Cancelled(details) if cause.borrow().is_some() => {
                    return Err(Failure::new(
                        "cancelled",
                        FailureKind::Cancelled {
                            details,
                            identity: None,
                        },
                    ));
                }
                ActivityEnd::Cancelled(_) => Failure::application(
                    "the local activity ended as cancelled, but nobody asked it to stop",
                    "UnexpectedCancel",
                ),
                ActivityEnd::CompleteAsync => {
                    return Err(Failure::application(
                        "a local activity cannot complete asynchronously",
                        "Unsupported",
                    ));
                }
            },
            Ok(Err(_panic)) => Failure::application("the local activity panicked", "Panic"),
        };
        let cancelled = *cause.borrow() == Some(CancelCause::Cancelled);
        if cancelled || !may_retry(&failure, &policy, task.attempt) {
            return Err(failure);
        }
        let wait = match &failure.kind {
            FailureKind::Application {
                next_retry_delay: Some(delay),
                ..
            } => *delay,
            _ => policy.backoff_after(task.attempt),
        };
        if deadline.is_some_and(|deadline| tokio::time::Instant::now() + wait >= deadline) {
            return Err(failure);
        }
        let mut causes = cause.subscribe();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = causes.wait_for(|cause| *cause == Some(CancelCause::Cancelled)) => {
                return Err(Failure::cancelled("cancelled between two attempts"));
            }
        }
        task.attempt += 1;
    }
}

fn may_retry(failure: &Failure, policy: &RetryPolicy, attempt: u32) -> bool {
    let retryable = match &failure.kind {
        FailureKind::Application {
            non_retryable,
            error_type,
            ..
        } => !non_retryable && !policy.non_retryable_error_types.contains(error_type),
        _ => true,
    };
    retryable && policy.allows_attempt_after(attempt)
}

async fn limited<T>(
    attempt: impl Future<Output = T>,
    start_to_close: Option<Duration>,
    deadline: Option<tokio::time::Instant>,
) -> Result<T, TimeoutType> {
    let never = || tokio::time::Instant::now() + Duration::from_secs(86_400 * 365);
    let end_of_attempt =
        start_to_close.map_or_else(never, |limit| tokio::time::Instant::now() + limit);
    let end_of_all = deadline.unwrap_or_else(never);
    tokio::select! {
        biased;
        result = attempt => Ok(result),
        () = tokio::time::sleep_until(end_of_attempt) => Err(TimeoutType::StartToClose),
        () = tokio::time::sleep_until(end_of_all) => Err(TimeoutType::ScheduleToClose),
    }
}

/// What local activities need of their worker.
pub(super) struct LocalActivities {
    pub(super) registry: Arc<Registry>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) propagation: Propagation,
}
