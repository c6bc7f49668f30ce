//! Time limits, waits and retry policies as they count: what comes in is made what a Temporal Service would have made
//! of it, and recorded like that, or refused.

use steadfast_core::{
    command::Command,
    event::WorkflowTaskFailedCause,
    options::LONGEST,
    retry::{InvalidRetryPolicy, RetryPolicy},
};
use steadfast_engine::{EngineError, StartWorkflowRequest};

use super::validate::Refusal;

/// Makes the times of a request to start a run what they count as.
pub(crate) fn settle_start(request: &mut StartWorkflowRequest) -> Result<(), EngineError> {
    settle_policy(&mut request.retry_policy)
        .map_err(|why| EngineError::invalid(why.to_string()))?;
    request.timeouts = request.timeouts.effective();
    request.start_delay = request.start_delay.min(LONGEST);
    Ok(())
}

/// Makes the times in the answer to a workflow task what they count as.
pub(super) fn settle_commands(commands: &mut [Command]) -> Result<(), Refusal> {
    for command in commands {
        settle_command(command)?;
    }
    Ok(())
}

fn settle_command(command: &mut Command) -> Result<(), Refusal> {
    match command {
        Command::ScheduleActivityTask(activity) => {
            activity.timeouts = activity.timeouts.effective();
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

fn settle_policy(policy: &mut Option<RetryPolicy>) -> Result<(), InvalidRetryPolicy> {
    if let Some(given) = policy.take() {
        *policy = Some(given.validated()?);
    }
    Ok(())
}
