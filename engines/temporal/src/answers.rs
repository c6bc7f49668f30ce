//! Answers go out.

use std::{sync::Arc, time::Duration};

use steadfast_core::{
    event::WorkflowTaskFailedCause,
    failure::Failure,
    limit::PayloadLimit,
    payload::Payload,
    task::{ActivityOutcome, HeartbeatReply, WorkflowTaskCompletion, WorkflowTaskFailure},
};
use steadfast_engine::{EngineError, spelling::enums::TASK_FAILED_CAUSES};
use steadfast_wire::{
    ONLY_QUERY, Wired,
    values::{duration_out, sticky_queue},
};
use temporalio_protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::QueryResultType,
    query::v1::WorkflowQueryResult,
    sdk::v1::WorkflowTaskCompletedMetadata,
    taskqueue::v1::StickyExecutionAttributes,
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest,
        RespondActivityTaskCanceledRequest, RespondActivityTaskCompletedRequest,
        RespondActivityTaskFailedRequest, RespondQueryTaskCompletedRequest,
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest,
        respond_workflow_task_completed_request::Capabilities,
    },
};

use super::{
    Connection, limits,
    service::{Patience, is_too_large},
    status::{answer_error, cause_of, error_of},
    token::{ActivityToken, WorkflowToken},
};

/// The shortest and the longest wait before the failure of a task that failed before is reported.
const PENANCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

const WHAT_FAILED: &str = "the failure of an activity";

impl Connection {
    /// Answers a workflow task. The service may hand out up to `eager` of the activities that the
    /// answer schedules on the worker's own queue right away: these are given back.
    pub(super) async fn complete_workflow_task(
        self: &Arc<Self>,
        token: WorkflowToken,
        completion: WorkflowTaskCompletion,
        eager: usize,
    ) -> Result<Vec<PollActivityTaskQueueResponse>, EngineError> {
        if token.query_only {
            let mut results = completion.query_results;
            let result = results.remove(ONLY_QUERY).unwrap_or_else(|| {
                Err(Failure::application("the query was not answered", "Query"))
            });
            self.answer_query(token, result).await?;
            return Ok(Vec::new());
        }
        let mut request = match self.completion_out(&token, completion) {
            Ok(request) => request,
            // Code and history agree; what they say cannot be written down.
            Err(error) => {
                let message = error.to_string();
                let refused = cause_of(&message);
                let failure = WorkflowTaskFailure {
                    cause: refused
                        .unwrap_or(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure),
                    failure: Failure::application(message.clone(), "Conversion"),
                };
                self.fail_workflow_task(token, failure).await?;
                return Err(match refused {
                    Some(cause) => EngineError::WorkflowTaskRefused { cause, message },
                    None => error,
                });
            }
        };
        ask_eagerly(&mut request.commands, &token.task_queue, eager);
        let too_large = match self.limits.check_answer(&request) {
            Err(message) => message,
            Ok(()) => {
                let sent =
                    self.service
                        .call(Patience::Worker, request, |mut stub, request| async move {
                            stub.respond_workflow_task_completed(request).await
                        });
                match sent.await {
                    Ok(response) => return Ok(response.activity_tasks),
                    Err(status) if is_too_large(&status) => status.message().to_owned(),
                    Err(status) => return Err(answer_error(&status)),
                }
            }
        };
        let cause = WorkflowTaskFailedCause::PayloadsTooLarge;
        let failure = limits::too_large(too_large.clone());
        self.fail_workflow_task(token, WorkflowTaskFailure { cause, failure })
            .await?;
        Err(EngineError::WorkflowTaskRefused {
            cause,
            message: too_large,
        })
    }

    fn completion_out(
        &self,
        token: &WorkflowToken,
        completion: WorkflowTaskCompletion,
    ) -> Wired<RespondWorkflowTaskCompletedRequest> {
        let answer = self.wire.answer_out(completion.commands, &token.requests)?;
        let results = completion.query_results.into_iter();
        let query_results = results.map(|(id, result)| Ok((id, self.query_result_out(result)?)));
        Ok(RespondWorkflowTaskCompletedRequest {
            task_token: token.token.clone(),
            commands: answer.commands,
            messages: answer.messages,
            identity: token.identity.clone(),
            sticky_attributes: Some(StickyExecutionAttributes {
                worker_task_queue: sticky_queue(&token.sticky_queue, &token.task_queue),
                schedule_to_start_timeout: Some(duration_out(self.sticky_timeout)),
            }),
            force_create_new_workflow_task: completion.force_new_workflow_task,
            query_results: query_results.collect::<Wired<_>>()?,
            namespace: self.namespace(),
            sdk_metadata: Some(WorkflowTaskCompletedMetadata {
                sdk_name: "steadfast".to_owned(),
                sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
                ..WorkflowTaskCompletedMetadata::default()
            }),
            capabilities: Some(Capabilities {
                discard_speculative_workflow_task_with_events: true,
            }),
            ..RespondWorkflowTaskCompletedRequest::default()
        })
    }

    fn query_result_out(&self, result: Result<Payload, Failure>) -> Wired<WorkflowQueryResult> {
        Ok(match result {
            Ok(answer) => {
                let result = WorkflowQueryResult {
                    result_type: QueryResultType::Answered.into(),
                    answer: self.wire.single_out(Some(answer))?,
                    ..WorkflowQueryResult::default()
                };
                match self.limits.check("the answer to a query", &result) {
                    Ok(()) => result,
                    Err(message) => self.query_result_out(Err(limits::too_large(message)))?,
                }
            }
            Err(failure) => {
                let failure = self.wire.failure_out(failure)?;
                WorkflowQueryResult {
                    result_type: QueryResultType::Failed.into(),
                    error_message: failure.message.clone(),
                    failure: Some(failure),
                    ..WorkflowQueryResult::default()
                }
            }
        })
    }

    async fn answer_query(
        &self,
        token: WorkflowToken,
        result: Result<Payload, Failure>,
    ) -> Result<(), EngineError> {
        let result = self.query_result_out(result)?;
        let request = RespondQueryTaskCompletedRequest {
            task_token: token.token,
            completed_type: result.result_type,
            query_result: result.answer,
            error_message: result.error_message,
            failure: result.failure,
            namespace: self.namespace(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        let sent = self
            .service
            .call(Patience::Client, request, |mut stub, request| async move {
                stub.respond_query_task_completed(request).await
            });
        sent.await.map_err(|status| error_of(&status))?;
        Ok(())
    }

    /// Reports a failure. The service hands the task out again at once, so that the report of a task
    /// that failed before waits a while, and nobody waits for the report.
    pub(super) async fn fail_workflow_task(
        self: &Arc<Self>,
        token: WorkflowToken,
        failure: WorkflowTaskFailure,
    ) -> Result<(), EngineError> {
        if token.query_only {
            return self.answer_query(token, Err(failure.failure)).await;
        }
        let wait = penance(token.attempt);
        let request = RespondWorkflowTaskFailedRequest {
            task_token: token.token,
            cause: TASK_FAILED_CAUSES.number(failure.cause),
            failure: Some(self.wire.failure_out(failure.failure)?),
            identity: token.identity,
            namespace: self.namespace(),
            ..RespondWorkflowTaskFailedRequest::default()
        };
        let connection = Arc::clone(self);
        let report = async move {
            let sent = connection.service.call(
                Patience::Worker,
                request,
                |mut stub, request| async move { stub.respond_workflow_task_failed(request).await },
            );
            sent.await.map_err(|status| error_of(&status))
        };
        if wait.is_zero() {
            report.await?;
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                if let Err(error) = report.await {
                    tracing::debug!(%error, "the failure of a workflow task was not accepted");
                }
            });
        }
        Ok(())
    }

    pub(super) async fn complete_activity_task(
        &self,
        token: ActivityToken,
        outcome: ActivityOutcome,
    ) -> Result<(), EngineError> {
        let ActivityToken { token, identity } = token;
        let status = match outcome {
            ActivityOutcome::Completed { result } => {
                let result = match self.wire.single_out(result) {
                    Ok(result) => result,
                    Err(error) => return self.fail_conversion(token, identity, &error).await,
                };
                let request = RespondActivityTaskCompletedRequest {
                    task_token: token.clone(),
                    result,
                    identity: identity.clone(),
                    namespace: self.namespace(),
                    ..RespondActivityTaskCompletedRequest::default()
                };
                if let Err(message) = self.limits.check("the result of an activity", &request) {
                    let failure = limits::too_large(message);
                    return self.fail_activity(token, identity, failure, None).await;
                }
                let sent =
                    self.service
                        .call(Patience::Worker, request, |mut stub, request| async move {
                            stub.respond_activity_task_completed(request).await
                        });
                match sent.await {
                    Ok(_) => return Ok(()),
                    Err(status) => status,
                }
            }
            ActivityOutcome::Failed {
                failure,
                last_heartbeat_details,
            } => {
                return self
                    .fail_activity(token, identity, failure, last_heartbeat_details)
                    .await;
            }
            ActivityOutcome::Cancelled { details } => {
                let request = RespondActivityTaskCanceledRequest {
                    task_token: token.clone(),
                    details: self.wire.payloads_out(details)?,
                    identity: identity.clone(),
                    namespace: self.namespace(),
                    ..RespondActivityTaskCanceledRequest::default()
                };
                let sent =
                    self.service
                        .call(Patience::Worker, request, |mut stub, request| async move {
                            stub.respond_activity_task_canceled(request).await
                        });
                match sent.await {
                    Ok(_) => return Ok(()),
                    Err(status) => status,
                }
            }
        };
        Err(error_of(&status))
    }

    async fn fail_conversion(
        &self,
        token: Vec<u8>,
        identity: String,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let failure = Failure::application(error.to_string(), "Conversion");
        self.fail_activity(token, identity, failure, None).await
    }

    async fn fail_activity(
        &self,
        token: Vec<u8>,
        identity: String,
        failure: Failure,
        last_heartbeat_details: Option<Vec<Payload>>,
    ) -> Result<(), EngineError> {
        let details = last_heartbeat_details.unwrap_or_default();
        let mut request = RespondActivityTaskFailedRequest {
            task_token: token,
            failure: Some(self.wire.failure_out(failure.clone())?),
            identity,
            namespace: self.namespace(),
            last_heartbeat_details: self.wire.payloads_out(details.clone())?,
            ..RespondActivityTaskFailedRequest::default()
        };
        if !details.is_empty() && self.limits.check(WHAT_FAILED, &request).is_err() {
            // Each fits, and both in one message do not.
            request.last_heartbeat_details = None;
            let token = ActivityToken {
                token: request.task_token.clone(),
                identity: request.identity.clone(),
            };
            if let Err(error) = self.record_heartbeat(token, details).await {
                tracing::warn!(%error, "the last heartbeat of an activity could not be delivered");
            }
        }
        if self.limits.check(WHAT_FAILED, &request).is_err() {
            // The codec made it larger than it was.
            let least = PayloadLimit::new(0).fit(WHAT_FAILED, failure);
            request.failure = Some(self.wire.failure_out(least)?);
        }
        let sent = self
            .service
            .call(Patience::Worker, request, |mut stub, request| async move {
                stub.respond_activity_task_failed(request).await
            });
        sent.await.map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn record_heartbeat(
        &self,
        token: ActivityToken,
        details: Vec<Payload>,
    ) -> Result<HeartbeatReply, EngineError> {
        let request = RecordActivityTaskHeartbeatRequest {
            task_token: token.token,
            details: self.wire.payloads_out(details)?,
            identity: token.identity,
            namespace: self.namespace(),
            ..RecordActivityTaskHeartbeatRequest::default()
        };
        let sent = self
            .service
            .call(Patience::Client, request, |mut stub, request| async move {
                stub.record_activity_task_heartbeat(request).await
            });
        let reply = sent.await.map_err(|status| error_of(&status))?;
        Ok(HeartbeatReply {
            cancel_requested: reply.cancel_requested,
            paused: reply.activity_paused,
            reset: reply.activity_reset,
        })
    }
}

/// Asks for the first activities of a queue in the answer itself, which saves them the way through the
/// queue.
fn ask_eagerly(commands: &mut [Command], task_queue: &str, mut eager: usize) {
    for command in commands {
        let Some(Attributes::ScheduleActivityTaskCommandAttributes(activity)) =
            &mut command.attributes
        else {
            continue;
        };
        let queue = activity.task_queue.as_ref();
        if eager > 0 && queue.is_some_and(|queue| queue.name == task_queue) {
            activity.request_eager_execution = true;
            eager -= 1;
        }
    }
}

/// How long the failure of a task waits that failed before.
fn penance(attempt: u32) -> Duration {
    let (shortest, longest) = PENANCE;
    match attempt {
        0 | 1 => Duration::ZERO,
        attempt => shortest
            .saturating_mul(2_u32.saturating_pow(attempt.min(16) - 2))
            .min(longest),
    }
}
