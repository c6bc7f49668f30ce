//! Queries and updates: requests that a worker answers, if there is one.
//!
//! The service ends a query by itself after 30 seconds, and keeps an update for as long as it runs: a worker that comes
//! later still gets it. Its caller is told earlier, and why.

use std::{fmt, time::Duration};

use steadfast_core::{
    ids::{QueryName, UpdateId, UpdateName},
    payload::Payload,
};
use steadfast_engine::{
    EngineError, QueryWorkflowRequest, UpdateReply, UpdateStage, UpdateWorkflowRequest,
};
use steadfast_wire::values::{execution_in, normal_queue, text};
use temporalio_protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{
        QueryRejectCondition, TaskQueueType, UpdateWorkflowExecutionLifecycleStage as Stage,
    },
    query::v1::WorkflowQuery,
    update::v1 as update,
    workflowservice::v1 as proto,
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    Connection,
    client::current,
    service::{CALL_TIMEOUT, POLL_TIMEOUT, Waiting},
    status::{error_of, query_error},
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
        let mut wait = Wait::new(request.answer_timeout);
        let asked = Asked::Update(request.name.clone(), request.update_id.clone());
        let execution = current(&request.execution);
        let stage = match request.wait_for {
            UpdateStage::Accepted => Stage::Accepted,
            UpdateStage::Completed => Stage::Completed,
        };
        let args = self.wire.payloads_out(request.input)?;
        // A service passes on what a worker may not accept.
        if let Some(args) = &args {
            let checked = self.limits.check("the arguments of an update", args);
            checked.map_err(EngineError::invalid)?;
        }
        let request = proto::UpdateWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: execution.clone(),
            first_execution_run_id: text(request.execution.first_execution_run_id),
            wait_policy: Some(update::WaitPolicy {
                lifecycle_stage: stage.into(),
            }),
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
        };
        let mut waiting = Waiting::default();
        loop {
            // The same update id gets the same update, so that asking again is waiting on.
            let held = self.service.hold(
                wait.left(),
                request.clone(),
                |mut stub, request| async move { stub.update_workflow_execution(request).await },
            );
            let status = match held.await {
                Ok(answer) if answer.stage >= i32::from(stage) => {
                    let reference = answer.update_ref.unwrap_or_default();
                    return Ok(UpdateReply {
                        execution: execution_in(reference.workflow_execution)?,
                        outcome: self.wire.outcome_in(answer.outcome)?,
                    });
                }
                Ok(answer) => {
                    waiting = Waiting::default();
                    if answer.stage >= i32::from(Stage::Accepted) {
                        wait = Wait::new(Duration::MAX);
                    }
                    Status::deadline_exceeded("no worker accepted it yet")
                }
                Err(status) => status,
            };
            if wait.is_over() {
                match self.is_accepted(&request).await {
                    Ok(true) => {
                        wait = Wait::new(Duration::MAX);
                        continue;
                    }
                    Ok(false) => {
                        return Err(self.unanswered(&asked, wait, execution, &status).await);
                    }
                    // Nobody says whether it was taken: that is not known to have ended.
                    Err(_) => {}
                }
            } else if status.code() == Code::DeadlineExceeded {
                continue;
            }
            waiting
                .after(status)
                .await
                .map_err(|status| error_of(&status))?;
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
