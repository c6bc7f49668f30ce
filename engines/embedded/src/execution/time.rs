//! Time limits, waits and retry policies as they count: what comes in is made what a Temporal Service would have made
//! of it, and recorded like that, or refused.

use std::time::Duration;

use steadfast_core::{
    command::Command,
    event::WorkflowTaskFailedCause,
    options::{ActivityTimeouts, LONGEST, WorkflowTimeouts},
    retry::{InvalidRetryPolicy, RetryPolicy},
};
use steadfast_engine::{EngineError, StartWorkflowRequest, schedule::CronSchedule};

use super::validate::Refusal;

/// Makes the times of a request to start a run what they count as.
pub(crate) fn settle_start(request: &mut StartWorkflowRequest) -> Result<(), EngineError> {
    if let Some(cron) = &request.cron_schedule {
        CronSchedule::new(cron)?;
        if !request.start_delay.is_zero() {
            return Err(EngineError::invalid(
                "CronSchedule and WorkflowStartDelay may not be used together.",
            ));
        }
    }
    settle_policy(&mut request.retry_policy)
        .map_err(|why| EngineError::invalid(why.to_string()))?;
    request.timeouts = request.timeouts.effective();
    request.start_delay = request.start_delay.min(LONGEST);
    Ok(())
}

/// Makes the times in the answer to a workflow task of a run what they count as.
pub(super) fn settle_commands(
    commands: &mut [Command],
    run: &WorkflowTimeouts,
) -> Result<(), Refusal> {
    let run = shorter(run.run_timeout, run.execution_timeout);
    for command in commands {
        settle_command(command, run)?;
    }
    Ok(())
}

fn settle_command(command: &mut Command, run: Option<Duration>) -> Result<(), Refusal> {
    match command {
        Command::ScheduleActivityTask(activity) => {
            activity.timeouts = settle_limits(&activity.timeouts, run);
            // Every activity is retried unless it says otherwise, and the history says by which policy.
            activity.retry_policy.get_or_insert_default();
            settle_policy(&mut activity.retry_policy).map_err(|why| {
                (
                    WorkflowTaskFailedCause::BadScheduleActivityAttributes,
                    format!("BadScheduleActivityAttributes: {why}"),
                )
            })
        }
        Command::StartTimer {
            start_to_fire_timeout,
            ..
        } => {
            *start_to_fire_timeout = (*start_to_fire_timeout).min(LONGEST);
            Ok(())
        }
        Command::StartChildWorkflowExecution(child) => {
            child.timeouts = child.timeouts.effective();
            settle_policy(&mut child.retry_policy).map_err(|why| {
                (
                    WorkflowTaskFailedCause::BadStartChildExecutionAttributes,
                    format!(
                        "BadStartChildExecutionAttributes: invalid WorkflowRetryPolicy on \
                         StartChildWorkflowExecutionCommand: {why}"
                    ),
                )
            })
        }
        Command::ContinueAsNewWorkflowExecution(next) => {
            next.timeouts = next.timeouts.effective();
            settle_policy(&mut next.retry_policy).map_err(|why| {
                (
                    WorkflowTaskFailedCause::BadCloseAttributes,
                    format!(
                        "BadContinueAsNewAttributes: invalid WorkflowRetryPolicy on \
                         ContinueAsNewWorkflowExecutionCommand: {why}"
                    ),
                )
            })
        }
        _ => Ok(()),
    }
}

/// What is not said follows from the limit around it, and nothing has longer than that: an activity that nobody takes
/// is late when it would have to be over.
fn settle_limits(given: &ActivityTimeouts, run: Option<Duration>) -> ActivityTimeouts {
    let given = given.effective();
    if given.start_to_close_timeout.is_none() && given.schedule_to_close_timeout.is_none() {
        // It is refused.
        return given;
    }
    let overall = shorter(given.schedule_to_close_timeout, run);
    let close = shorter(given.start_to_close_timeout, overall);
    let heartbeat = given.heartbeat_timeout;
    ActivityTimeouts {
        schedule_to_close_timeout: overall,
        schedule_to_start_timeout: shorter(given.schedule_to_start_timeout, overall),
        start_to_close_timeout: close,
        heartbeat_timeout: heartbeat.and_then(|limit| shorter(Some(limit), close)),
    }
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn settle_policy(policy: &mut Option<RetryPolicy>) -> Result<(), InvalidRetryPolicy> {
    if let Some(given) = policy.take() {
        let mut valid = given.validated()?;
        let longest = valid.initial_interval.saturating_mul(100).min(LONGEST);
        valid.maximum_interval.get_or_insert(longest);
        *policy = Some(valid);
    }
    Ok(())
}
