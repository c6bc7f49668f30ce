//! What workers ask for and answer.

use steadfast_core::{
    event::WorkflowTaskFailedCause,
    failure::Failure,
    ids::{Identity, TaskQueue},
    payload::{Bytes, Payload},
    task::{StickyQueue, TaskToken, WorkflowTaskCompletion, WorkflowTaskFailure},
    unmodelled::UnmodelledAnswer,
};
use steadfast_engine::{
    PollActivityTaskRequest, PollWorkflowTaskRequest, spelling::enums::TASK_FAILED_CAUSES,
};
use temporalio_protos::temporal::api::{
    enums::v1::QueryResultType,
    query::v1::WorkflowQueryResult,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue as ProtoQueue},
    workflowservice::v1 as proto,
};

use super::checks::{caller, checked_queue};
use crate::{
    commands_in::{Misunderstood, OwnRun},
    unmodelled::of_completed,
    values::{Wire, Wired, duration_in, queue_name},
};

/// Names an attempt at a task.
pub(super) fn token(token: Vec<u8>) -> TaskToken {
    TaskToken(Bytes::from(token))
}

/// Polls for a workflow task, on behalf of a worker elsewhere.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn workflow_poll_in(
    task_queue: Option<ProtoQueue>,
    identity: &str,
) -> Wired<PollWorkflowTaskRequest> {
    let (task_queue, worker) = poll(task_queue, identity)?;
    Ok(PollWorkflowTaskRequest {
        task_queue,
        worker,
        remote: true,
    })
}

/// Polls for an activity task, on behalf of a worker elsewhere.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn activity_poll_in(
    request: proto::PollActivityTaskQueueRequest,
) -> Wired<PollActivityTaskRequest> {
    let (task_queue, worker) = poll(request.task_queue, &request.identity)?;
    let limits = request.task_queue_metadata;
    Ok(PollActivityTaskRequest {
        task_queue,
        worker,
        max_tasks_per_second: limits.and_then(|limits| limits.max_tasks_per_second),
        remote: true,
    })
}

fn poll(task_queue: Option<ProtoQueue>, identity: &str) -> Wired<(TaskQueue, Identity)> {
    Ok((checked_queue(task_queue)?, caller(identity)?))
}

impl Wire {
    /// An answer to a workflow task, but for its token.
    ///
    /// # Errors
    ///
    /// When it cannot be understood: then the task has failed.
    pub fn completion_in(
        &self,
        mut request: proto::RespondWorkflowTaskCompletedRequest,
        own: &OwnRun,
    ) -> Result<WorkflowTaskCompletion, Misunderstood> {
        let completed = of_completed(&mut request);
        self.answer_in(request.commands, request.messages, own)
            .and_then(|understood| {
                let unspecified = |error| Misunderstood {
                    cause: WorkflowTaskFailedCause::Unspecified,
                    message: format!("{error}"),
                };
                let results = request.query_results.into_iter();
                let results = results.map(|(id, result)| Ok((id, self.query_result_in(result)?)));
                Ok(WorkflowTaskCompletion {
                    commands: understood.commands,
                    query_results: results.collect::<Wired<_>>().map_err(unspecified)?,
                    force_new_workflow_task: request.force_create_new_workflow_task,
                    sticky: sticky_in(request.sticky_attributes).map_err(unspecified)?,
                    goes_back: request
                        .capabilities
                        .is_some_and(|it| it.discard_speculative_workflow_task_with_events),
                    eager_activities: understood.eager,
                    unmodelled: UnmodelledAnswer {
                        completed,
                        commands: understood.unmodelled,
                    },
                })
            })
    }

    /// Why a worker could not carry on a run; the token of the task is not looked at.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value of it.
    pub fn task_failure_in(
        &self,
        request: proto::RespondWorkflowTaskFailedRequest,
    ) -> Wired<WorkflowTaskFailure> {
        let cause = TASK_FAILED_CAUSES.of_number(request.cause);
        let cause = cause.unwrap_or(WorkflowTaskFailedCause::Unspecified);
        let failure = self.optional_failure_in(request.failure)?;
        let failure = failure.unwrap_or_else(|| Failure::application(format!("{cause:?}"), ""));
        Ok(WorkflowTaskFailure { cause, failure })
    }

    /// The answer to a query.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value of it.
    pub fn query_result_in(&self, result: WorkflowQueryResult) -> Wired<Result<Payload, Failure>> {
        if result.result_type == i32::from(QueryResultType::Answered) {
            let answer = self.single_in(result.answer)?;
            return Ok(Ok(answer.unwrap_or_else(Payload::null)));
        }
        let failure = self.optional_failure_in(result.failure)?;
        Ok(Err(failure.unwrap_or_else(|| {
            Failure::application(result.error_message, "QueryFailed")
        })))
    }
}

/// Where the next tasks of a run go, if its worker keeps it in memory.
fn sticky_in(attributes: Option<StickyExecutionAttributes>) -> Wired<Option<StickyQueue>> {
    let Some(attributes) = attributes else {
        return Ok(None);
    };
    if attributes
        .worker_task_queue
        .as_ref()
        .is_none_or(|queue| queue.name.is_empty())
    {
        return Ok(None);
    }
    Ok(Some(StickyQueue {
        task_queue: queue_name(attributes.worker_task_queue)?,
        schedule_to_start_timeout: duration_in(attributes.schedule_to_start_timeout),
    }))
}
