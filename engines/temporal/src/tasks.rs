//! Tasks come in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use steadfast_core::{
    failure::Failure,
    ids::{Identity, TaskQueue},
    task::{
        ActivityOutcome, ActivityTask, Query, TaskToken, Update, WorkflowTask, WorkflowTaskFailure,
    },
};
use steadfast_engine::ActivityLease;
use steadfast_wire::{
    EventReader, Wired, request_of,
    values::{
        activity_timeouts, attempt, event_id, execution_in, id, lacks, normal_queue, optional_id,
        retry_policy_in, sticky_queue, time_in, type_name,
    },
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

/// The question of a task that is only a question.
pub(super) const ONLY_QUERY: &str = "query";

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
        let token = WorkflowToken {
            token: std::mem::take(&mut response.task_token),
            identity: self.identity.clone(),
            sticky_queue: self.sticky_queue.clone(),
            task_queue: self.task_queue.clone(),
            query_only: response.query.is_some(),
            attempt: attempt(response.attempt),
            requests: std::mem::take(&mut response.messages),
        };
        match self.connection.workflow_task_in(&token, response) {
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
            .activity_task_in(&token, &self.task_queue, response)
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

impl Connection {
    fn workflow_task_in(
        &self,
        token: &WorkflowToken,
        response: PollWorkflowTaskQueueResponse,
    ) -> Wired<WorkflowTask> {
        let mut queries = BTreeMap::new();
        let only = response.query.map(|query| (ONLY_QUERY.to_owned(), query));
        for (key, query) in response.queries.into_iter().chain(only) {
            let query = Query {
                name: id(&query.query_type)?,
                input: self.wire.payloads_in(query.query_args)?,
            };
            queries.insert(key, query);
        }
        let mut updates = Vec::new();
        for message in &token.requests {
            let request = request_of(message)?;
            let meta = request.meta.unwrap_or_default();
            let input = request.input.unwrap_or_default();
            updates.push(Update {
                update_id: id(&meta.update_id)?,
                name: id(&input.name)?,
                input: self.wire.payloads_in(input.args)?,
                header: self.wire.header_in(input.header)?,
                identity: optional_id(&meta.identity)?,
            });
        }
        Ok(WorkflowTask {
            token: seal(token),
            execution: execution_in(response.workflow_execution)?,
            workflow_type: id(&type_name(response.workflow_type))?,
            previous_started_event_id: event_id(response.previous_started_event_id),
            started_event_id: event_id(response.started_event_id),
            attempt: token.attempt,
            events: EventReader::new(&self.wire).read(response.history)?,
            queries,
            updates,
        })
    }

    fn activity_task_in(
        &self,
        token: &ActivityToken,
        task_queue: &str,
        response: PollActivityTaskQueueResponse,
    ) -> Wired<ActivityTask> {
        Ok(ActivityTask {
            token: seal(token),
            namespace: id(&response.workflow_namespace)?,
            execution: execution_in(response.workflow_execution)?,
            workflow_type: id(&type_name(response.workflow_type))?,
            activity_id: id(&response.activity_id)?,
            activity_type: id(&response
                .activity_type
                .ok_or_else(|| lacks("activity type"))?
                .name)?,
            task_queue: id(task_queue)?,
            input: self.wire.payloads_in(response.input)?,
            header: self.wire.header_in(response.header)?,
            attempt: attempt(response.attempt),
            scheduled_time: time_in(response.scheduled_time),
            current_attempt_scheduled_time: time_in(response.current_attempt_scheduled_time),
            started_time: time_in(response.started_time),
            timeouts: activity_timeouts(
                response.schedule_to_close_timeout,
                None,
                response.start_to_close_timeout,
                response.heartbeat_timeout,
            ),
            retry_policy: retry_policy_in(response.retry_policy),
            heartbeat_details: self.wire.payloads_in(response.heartbeat_details)?,
        })
    }
}
