//! Queries and updates: requests that a worker answers, if there is one.
//!
//! The service ends a query by itself after 30 seconds, and keeps an update for as long as it runs: a worker that comes
//! later still gets it. Its caller is told earlier, and why.

use std::{fmt, future::Future, time::Duration};

use steadfast_core::{
    ids::{QueryName, UpdateId, UpdateName},
    payload::Payload,
};
use steadfast_engine::{
    EngineError, ExecutionRef, PollUpdateRequest, QueryWorkflowRequest, StartWorkflowRequest,
    StartedWorkflow, UpdateReply, UpdateStage, UpdateWithStartReply, UpdateWorkflowRequest,
};
use steadfast_wire::{
    update_stage_in, update_stage_out,
    values::{execution_in, id, normal_queue, text},
};
use temporalio_protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{
        QueryRejectCondition, TaskQueueType, UpdateWorkflowExecutionLifecycleStage as Stage,
    },
    query::v1::WorkflowQuery,
    update::v1 as update,
    workflowservice::v1::{
        self as proto,
        execute_multi_operation_request::{self, operation::Operation},
        execute_multi_operation_response::response::Response,
    },
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    Connection,
    client::current,
    service::{CALL_TIMEOUT, POLL_TIMEOUT, Waiting},
    status::{error_of, of_operation, query_error},
};

/// The time that a caller allows.
#[derive(Clone, Copy, Debug)]
struct Wait {
    allowed: Duration,
    /// Never, if it is beyond the end of time.
    until: Option<Instant>,
}

impl Wait {
    fn new(allowed: Duration) -> Self {
        Self {
            allowed,
            until: Instant::now().checked_add(allowed),
        }
    }

    /// How long the service may hold a request.
    fn left(self) -> Duration {
        self.until.map_or(POLL_TIMEOUT, |until| {
            until
                .saturating_duration_since(Instant::now())
                .min(POLL_TIMEOUT)
        })
    }

    fn is_over(self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

/// What nobody answered.
enum Asked {
    Query(QueryName),
    Update(UpdateName, UpdateId),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(name) => write!(f, "the query `{name}` was not answered"),
            Self::Update(name, _) => write!(f, "the update `{name}` was not accepted"),
        }
    }
}

/// Why an update has not come far enough.
enum Refused {
    Unanswered(EngineError),
    Status(Status),
}

impl Refused {
    fn into_error(self, of: impl Fn(&Status) -> EngineError) -> EngineError {
        match self {
            Self::Unanswered(error) => error,
            Self::Status(status) => of(&status),
        }
    }
}

/// What is answered to a start and an update together.
fn both(
    answer: proto::ExecuteMultiOperationResponse,
) -> Result<
    (
        proto::StartWorkflowExecutionResponse,
        proto::UpdateWorkflowExecutionResponse,
    ),
    Status,
> {
    let mut responses = answer.responses.into_iter().map(|answer| answer.response);
    match (responses.next().flatten(), responses.next().flatten()) {
        (Some(Response::StartWorkflow(start)), Some(Response::UpdateWorkflow(update))) => {
            Ok((start, update))
        }
        _ => Err(Status::data_loss(
            "the answer is not that to a start and an update",
        )),
    }
}

fn wait_policy(stage: UpdateStage) -> update::WaitPolicy {
    update::WaitPolicy {
        lifecycle_stage: update_stage_out(stage).into(),
    }
}

/// Whether a time passed, that of the request or one of the service's own.
fn is_late(status: &Status) -> bool {
    matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
}

impl Connection {
    pub(super) async fn query_workflow(
        &self,
        request: QueryWorkflowRequest,
    ) -> Result<Payload, EngineError> {
        let wait = Wait::new(request.answer_timeout);
        let execution = current(&request.execution);
        let asked = Asked::Query(request.name.clone());
        let request = proto::QueryWorkflowRequest {
            namespace: self.namespace(),
            execution: execution.clone(),
            query: Some(WorkflowQuery {
                query_type: text(Some(request.name)),
                query_args: self.wire.payloads_out(request.input)?,
                header: None,
            }),
            query_reject_condition: QueryRejectCondition::None.into(),
        };
        let mut waiting = Waiting::default();
        loop {
            let held = self.service.hold(
                wait.left(),
                request.clone(),
                |mut stub, request| async move { stub.query_workflow(request).await },
            );
            match held.await {
                Ok(answer) => {
                    let answer = self.wire.single_in(answer.query_result)?;
                    return Ok(answer.unwrap_or_else(Payload::null));
                }
                // The service gives up earlier than somebody who is patient.
                Err(status) if status.code() == Code::DeadlineExceeded && !wait.is_over() => {}
                // It has seen no poll for a while, or cannot query before its task succeeds.
                Err(status) if status.code() == Code::FailedPrecondition => {
                    return Err(self.unanswered(&asked, wait, execution, &status).await);
                }
                Err(status) if wait.is_over() => {
                    return Err(if is_late(&status) {
                        self.unanswered(&asked, wait, execution, &status).await
                    } else {
                        error_of(&status)
                    });
                }
                Err(status) => waiting
                    .after(status)
                    .await
                    .map_err(|status| query_error(&self.wire, &status))?,
            }
        }
    }

    pub(super) async fn update_workflow(
        &self,
        request: UpdateWorkflowRequest,
    ) -> Result<UpdateReply, EngineError> {
        let asked = Asked::Update(request.name.clone(), request.update_id.clone());
        let wait = Wait::new(request.answer_timeout);
        let wanted = request.wait_for;
        let request = self.update_out(request)?;
        let send = |allowed| {
            let request = request.clone();
            self.service
                .hold(allowed, request, |mut stub, request| async move {
                    stub.update_workflow_execution(request).await
                })
        };
        let answer = self
            .until(wanted, &asked, wait, &request, send, |answer| answer.stage)
            .await
            .map_err(|refused| refused.into_error(error_of))?;
        self.update_in(answer.update_ref, answer.stage, answer.outcome)
    }

    pub(super) async fn update_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        update: UpdateWorkflowRequest,
    ) -> Result<UpdateWithStartReply, EngineError> {
        let asked = Asked::Update(update.name.clone(), update.update_id.clone());
        let wait = Wait::new(update.answer_timeout);
        let (update_id, wanted) = (update.update_id.clone(), update.wait_for);
        let update = self.update_out(update)?;
        let operations = [
            Operation::StartWorkflow(self.start_out(start)?),
            Operation::UpdateWorkflow(update.clone()),
        ];
        let request = proto::ExecuteMultiOperationRequest {
            namespace: self.namespace(),
            operations: operations
                .map(|operation| execute_multi_operation_request::Operation {
                    operation: Some(operation),
                })
                .into(),
            ..proto::ExecuteMultiOperationRequest::default()
        };
        let send = |allowed| {
            let request = request.clone();
            let held = self
                .service
                .hold(allowed, request, |mut stub, request| async move {
                    stub.execute_multi_operation(request).await
                });
            async move { held.await.and_then(both) }
        };
        // Its outcome is asked for by its id: if the run ended meanwhile, the same request would be for another one.
        let until = wanted.min(UpdateStage::Accepted);
        let (started, answer) = self
            .until(until, &asked, wait, &update, send, |(_, answer)| {
                answer.stage
            })
            .await
            .map_err(|refused| refused.into_error(|status| error_of(&of_operation(status))))?;
        let started = StartedWorkflow {
            run_id: id(&started.run_id)?,
            started: started.started,
        };
        let mut update = self.update_in(answer.update_ref, answer.stage, answer.outcome)?;
        if update.stage < wanted {
            let request = PollUpdateRequest {
                execution: ExecutionRef::run(update.execution),
                update_id,
                wait_for: wanted,
            };
            update = self.poll_update(request).await?;
        }
        Ok(UpdateWithStartReply { started, update })
    }

    pub(super) async fn poll_update(
        &self,
        request: PollUpdateRequest,
    ) -> Result<UpdateReply, EngineError> {
        let wanted = request.wait_for;
        let request = proto::PollWorkflowExecutionUpdateRequest {
            namespace: self.namespace(),
            update_ref: Some(update::UpdateRef {
                workflow_execution: current(&request.execution),
                update_id: text(Some(request.update_id)),
            }),
            // Without one it answers at once.
            wait_policy: (wanted > UpdateStage::Admitted).then(|| wait_policy(wanted)),
            ..proto::PollWorkflowExecutionUpdateRequest::default()
        };
        let mut waiting = Waiting::default();
        loop {
            let held =
                self.service.hold(
                    POLL_TIMEOUT,
                    request.clone(),
                    |mut stub, request| async move {
                        stub.poll_workflow_execution_update(request).await
                    },
                );
            match held.await {
                Ok(answer) if update_stage_in(answer.stage) >= wanted => {
                    return self.update_in(answer.update_ref, answer.stage, answer.outcome);
                }
                Ok(_) => waiting = Waiting::default(),
                Err(status) if status.code() == Code::DeadlineExceeded => {}
                Err(status) => waiting
                    .after(status)
                    .await
                    .map_err(|status| error_of(&status))?,
            }
        }
    }

    fn update_out(
        &self,
        request: UpdateWorkflowRequest,
    ) -> Result<proto::UpdateWorkflowExecutionRequest, EngineError> {
        let args = self.wire.payloads_out(request.input)?;
        // A service passes on what a worker may not accept.
        if let Some(args) = &args {
            let checked = self.limits.check("the arguments of an update", args);
            checked.map_err(EngineError::invalid)?;
        }
        Ok(proto::UpdateWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&request.execution),
            first_execution_run_id: text(request.execution.first_execution_run_id),
            wait_policy: Some(wait_policy(request.wait_for)),
            request: Some(update::Request {
                meta: Some(update::Meta {
                    update_id: text(Some(request.update_id)),
                    identity: text(Some(request.identity)),
                }),
                input: Some(update::Input {
                    header: self.wire.header_out(request.header)?,
                    name: text(Some(request.name)),
                    args,
                }),
                ..update::Request::default()
            }),
        })
    }

    fn update_in(
        &self,
        reference: Option<update::UpdateRef>,
        stage: i32,
        outcome: Option<update::Outcome>,
    ) -> Result<UpdateReply, EngineError> {
        let reference = reference.unwrap_or_default();
        Ok(UpdateReply {
            execution: execution_in(reference.workflow_execution)?,
            stage: update_stage_in(stage),
            outcome: self.wire.outcome_in(outcome)?,
        })
    }

    /// Sends an update again until it has come far enough: the same update id gets the same update, so that this is waiting
    /// on.
    async fn until<A, F>(
        &self,
        wanted: UpdateStage,
        asked: &Asked,
        mut wait: Wait,
        sent: &proto::UpdateWorkflowExecutionRequest,
        send: impl Fn(Duration) -> F,
        stage: impl Fn(&A) -> i32,
    ) -> Result<A, Refused>
    where
        F: Future<Output = Result<A, Status>>,
    {
        let mut waiting = Waiting::default();
        loop {
            let status = match send(wait.left()).await {
                Ok(answer) => {
                    let reached = update_stage_in(stage(&answer));
                    if reached >= wanted {
                        return Ok(answer);
                    }
                    waiting = Waiting::default();
                    if reached >= UpdateStage::Accepted {
                        wait = Wait::new(Duration::MAX);
                    }
                    Status::deadline_exceeded("no worker accepted it yet")
                }
                Err(status) => status,
            };
            if wait.is_over() {
                match self.is_accepted(sent).await {
                    Ok(true) => {
                        wait = Wait::new(Duration::MAX);
                        continue;
                    }
                    Ok(false) => {
                        let execution = sent.workflow_execution.clone();
                        let error = self.unanswered(asked, wait, execution, &status).await;
                        return Err(Refused::Unanswered(error));
                    }
                    // Nobody says whether it was taken: that is not known to have ended.
                    Err(_) => {}
                }
            } else if status.code() == Code::DeadlineExceeded {
                continue;
            }
            waiting.after(status).await.map_err(Refused::Status)?;
        }
    }

    /// Whether somebody has accepted an update, whose outcome may then take any time.
    async fn is_accepted(
        &self,
        sent: &proto::UpdateWorkflowExecutionRequest,
    ) -> Result<bool, Status> {
        let update_id = sent
            .request
            .as_ref()
            .and_then(|request| request.meta.as_ref());
        let request = proto::PollWorkflowExecutionUpdateRequest {
            namespace: self.namespace(),
            update_ref: Some(update::UpdateRef {
                workflow_execution: sent.workflow_execution.clone(),
                update_id: update_id
                    .map(|meta| meta.update_id.clone())
                    .unwrap_or_default(),
            }),
            // It answers at once then.
            wait_policy: None,
            ..proto::PollWorkflowExecutionUpdateRequest::default()
        };
        let found = self
            .service
            .hold(CALL_TIMEOUT, request, |mut stub, request| async move {
                stub.poll_workflow_execution_update(request).await
            })
            .await?;
        Ok(found.stage >= i32::from(Stage::Accepted))
    }

    /// What somebody hears whom nobody answered.
    async fn unanswered(
        &self,
        asked: &Asked,
        wait: Wait,
        execution: Option<WorkflowExecution>,
        status: &Status,
    ) -> EngineError {
        let why = match self.is_polled(execution).await {
            Some((queue, false)) => format!(
                "no worker polls the task queue `{queue}`; start one with this workflow registered"
            ),
            Some((queue, true)) => format!(
                "workers poll the task queue `{queue}` ({}); see `describe()` whether the workflow task fails, or \
                 allow more time",
                status.message()
            ),
            None => format!("the Temporal Service says: {}", status.message()),
        };
        let then = match asked {
            Asked::Query(_) => String::new(),
            Asked::Update(_, id) => format!(
                "; the service keeps it, and it may still run: send it again under the id `{id}` to hear what came \
                 of it"
            ),
        };
        EngineError::Unanswered {
            message: format!("{asked} within {:?}: {why}{then}", wait.allowed),
        }
    }

    /// The task queue of an execution, and whether anybody polls it; `None` when the service does not tell.
    async fn is_polled(&self, execution: Option<WorkflowExecution>) -> Option<(String, bool)> {
        let request = proto::DescribeWorkflowExecutionRequest {
            namespace: self.namespace(),
            execution,
        };
        let described = self
            .service
            .hold(CALL_TIMEOUT, request, |mut stub, request| async move {
                stub.describe_workflow_execution(request).await
            })
            .await
            .ok()?;
        let name = described.workflow_execution_info?.task_queue;
        let request = proto::DescribeTaskQueueRequest {
            namespace: self.namespace(),
            task_queue: normal_queue(&name),
            task_queue_type: TaskQueueType::Workflow.into(),
            ..proto::DescribeTaskQueueRequest::default()
        };
        let described = self
            .service
            .hold(CALL_TIMEOUT, request, |mut stub, request| async move {
                stub.describe_task_queue(request).await
            })
            .await
            .ok()?;
        Some((name, !described.pollers.is_empty()))
    }
}
