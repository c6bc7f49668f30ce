//! Tasks come in.

use std::sync::{Arc, Mutex, PoisonError};

use steadfast_core::{
    failure::Failure,
    ids::{Identity, TaskQueue},
    task::{ActivityOutcome, TaskToken, WorkflowTask, WorkflowTaskFailure},
};
use steadfast_engine::ActivityLease;
use steadfast_wire::{
    admitted_updates,
    values::{attempt, normal_queue, sticky_queue},
};
use temporalio_protos::temporal::api::{
    enums::v1::TaskQueueType,
    taskqueue::v1::TaskQueueMetadata,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollActivityTaskQueueRequest,
        PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        ShutdownWorkerRequest,
    },
};
use tonic::Status;
use uuid::Uuid;

use super::{
    Connection,
    polls::Queue,
    service::{CALL_TIMEOUT, POLL_TIMEOUT, Patience},
    token::{ActivityToken, WorkflowToken, open, seal},
};

/// Who polls, and where.
#[derive(Debug)]
pub(super) struct Poller {
    connection: Arc<Connection>,
    pub(super) task_queue: String,
    sticky_queue: String,
    identity: String,
    /// By which the service knows the polls of this worker.
    instance: String,
    /// How many activity tasks the queue may give in a second.
    limit: Mutex<Option<f64>>,
}

impl Poller {
    pub(super) fn new(
        connection: &Arc<Connection>,
        task_queue: &TaskQueue,
        worker: &Identity,
    ) -> Self {
        Self {
            connection: Arc::clone(connection),
            task_queue: task_queue.as_str().to_owned(),
            sticky_queue: format!("steadfast-{}", Uuid::new_v4()),
            identity: worker.as_str().to_owned(),
            instance: Uuid::new_v4().to_string(),
            limit: Mutex::new(None),
        }
    }

    pub(super) fn set_limit(&self, limit: Option<f64>) {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    pub(super) fn limit(&self) -> Option<f64> {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn shut_down(&self) -> Result<(), Status> {
        let request = ShutdownWorkerRequest {
            namespace: self.connection.namespace(),
            sticky_task_queue: self.sticky_queue.clone(),
            identity: self.identity.clone(),
            reason: "the worker stops".to_owned(),
            worker_instance_key: self.instance.clone(),
            task_queue: self.task_queue.clone(),
            task_queue_types: vec![
                TaskQueueType::Workflow.into(),
                TaskQueueType::Activity.into(),
            ],
            ..ShutdownWorkerRequest::default()
        };
        let told =
            self.connection
                .service
                .hold(CALL_TIMEOUT, request, |mut stub, request| async move {
                    stub.shutdown_worker(request).await
                });
        told.await.map(drop)
    }

    pub(super) async fn workflow_task(&self, queue: Queue) -> Result<Option<WorkflowTask>, Status> {
        let request = PollWorkflowTaskQueueRequest {
            namespace: self.connection.namespace(),
            task_queue: match queue {
                Queue::Normal => normal_queue(&self.task_queue),
                Queue::Sticky => sticky_queue(&self.sticky_queue, &self.task_queue),
            },
            identity: self.identity.clone(),
            worker_instance_key: self.instance.clone(),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let polled =
            self.connection
                .service
                .hold(POLL_TIMEOUT, request, |mut stub, request| async move {
                    stub.poll_workflow_task_queue(request).await
                });
        let mut response = polled.await?;
        if response.task_token.is_empty() {
            return Ok(None);
        }
        if let Err(status) = self.rest_of_history(&mut response).await {
            // The run is gone or the task is no longer its turn: somebody else gets it.
            tracing::warn!(
                error = status.message(),
                "the history of a workflow task cannot be read"
            );
            return Ok(None);
        }
        let admitted = admitted_updates(&response);
        response.messages.extend(admitted);
        let token = WorkflowToken {
            token: std::mem::take(&mut response.task_token),
            identity: self.identity.clone(),
            sticky_queue: self.sticky_queue.clone(),
            task_queue: self.task_queue.clone(),
            query_only: response.query.is_some(),
            attempt: attempt(response.attempt),
            requests: std::mem::take(&mut response.messages),
        };
        match self
            .connection
            .wire
            .workflow_task_in(seal(&token), &token.requests, response)
        {
            Ok(task) => Ok(Some(task)),
            Err(error) => {
                tracing::error!(%error, "a workflow task cannot be understood; it fails");
                let failure = WorkflowTaskFailure {
                    cause: steadfast_core::event::WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                    failure: Failure::application(error.to_string(), "Conversion"),
                };
                let failed = self.connection.fail_workflow_task(token, failure);
                if let Err(error) = failed.await {
                    tracing::warn!(%error, "the failure of a workflow task was not accepted");
                }
                Ok(None)
            }
        }
    }

    /// Reads the pages of a history that does not fit into one answer.
    async fn rest_of_history(
        &self,
        response: &mut PollWorkflowTaskQueueResponse,
    ) -> Result<(), Status> {
        let mut token = std::mem::take(&mut response.next_page_token);
        while !token.is_empty() {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: self.connection.namespace(),
                execution: response.workflow_execution.clone(),
                next_page_token: token,
                ..GetWorkflowExecutionHistoryRequest::default()
            };
            let page = self
                .connection
                .service
                .call(Patience::Worker, request, |mut stub, request| async move {
                    stub.get_workflow_execution_history(request).await
                })
                .await?;
            let history = response.history.get_or_insert_default();
            history
                .events
                .extend(page.history.unwrap_or_default().events);
            token = page.next_page_token;
        }
        Ok(())
    }

    pub(super) async fn activity_task(&self) -> Result<Option<ActivityLease>, Status> {
        let request = PollActivityTaskQueueRequest {
            namespace: self.connection.namespace(),
            task_queue: normal_queue(&self.task_queue),
            identity: self.identity.clone(),
            worker_instance_key: self.instance.clone(),
            task_queue_metadata: self.limit().map(|limit| TaskQueueMetadata {
                max_tasks_per_second: Some(limit),
            }),
            ..PollActivityTaskQueueRequest::default()
        };
        let polled =
            self.connection
                .service
                .hold(POLL_TIMEOUT, request, |mut stub, request| async move {
                    stub.poll_activity_task_queue(request).await
                });
        let response = polled.await?;
        if response.task_token.is_empty() {
            return Ok(None);
        }
        Ok(self.lease(response).await)
    }

    /// Lets another worker have an activity that came when this one had long ended.
    pub(super) async fn give_back(&self, token: TaskToken) {
        let outcome = ActivityOutcome::Failed {
            failure: Failure::application("the worker has shut down", "WorkerShutdown"),
            last_heartbeat_details: None,
        };
        let given = match open(&token) {
            Ok(token) => self.connection.complete_activity_task(token, outcome).await,
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            tracing::warn!(%error, "an activity could not be given back");
        }
    }

    /// Makes a lease of a task. One that cannot be understood fails, and is none.
    pub(super) async fn lease(
        &self,
        mut response: PollActivityTaskQueueResponse,
    ) -> Option<ActivityLease> {
        let token = ActivityToken {
            token: std::mem::take(&mut response.task_token),
            identity: self.identity.clone(),
        };
        match self
            .connection
            .wire
            .activity_task_in(seal(&token), &self.task_queue, response)
        {
            Ok(task) => Some(ActivityLease {
                task,
                notices: None,
            }),
            Err(error) => {
                tracing::error!(%error, "an activity task cannot be understood; it fails");
                let outcome = ActivityOutcome::Failed {
                    failure: Failure::application(error.to_string(), "Conversion"),
                    last_heartbeat_details: None,
                };
                let failed = self.connection.complete_activity_task(token, outcome);
                if let Err(error) = failed.await {
                    tracing::warn!(%error, "the failure of an activity was not accepted");
                }
                None
            }
        }
    }
}
