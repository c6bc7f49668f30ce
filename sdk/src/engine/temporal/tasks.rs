//! Tasks come in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use steadfast_core::{
    failure::Failure,
    ids::{Identity, TaskQueue},
    task::{
        ActivityOutcome, ActivityTask, Query, TaskToken, Update, WorkflowTask, WorkflowTaskFailure,
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
    commands::request_of,
    events::EventReader,
    polls::{Fetch, Promise, Queue, Source},
    service::{CALL_TIMEOUT, POLL_TIMEOUT, Patience},
    token::{ActivityToken, WorkflowToken, open, seal},
    wire::{
        Wired, activity_timeouts, attempt, event_id, execution_in, id, lacks, normal_queue,
        optional_id, retry_policy_in, sticky_queue, time_in, type_name,
    },
};
use crate::engine::{ActivityLease, UntakenTasks};

/// The question of a task that is only a question.
pub(super) const ONLY_QUERY: &str = "query";

/// How many activities an answer to a workflow task brings at most, as in Temporal's SDKs.
const MAX_EAGER: usize = 3;
/// How long the service may take to answer the last polls of a worker that stops, and how often it is
/// told to. Where there is much to do they come back at once.
const LAST_POLL: Duration = Duration::from_millis(300);
const LAST_POLLS: usize = 3;

/// Where the tasks of the workers come from.
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<BTreeMap<(TaskQueue, Identity), Arc<WorkerSources>>>);

/// Where the tasks of one worker come from.
#[derive(Debug)]
pub(super) struct WorkerSources {
    poller: Arc<Poller>,
    pub(super) workflow: Arc<Source<WorkflowTask>>,
    pub(super) activity: Arc<Source<ActivityLease>>,
}

impl Sources {
    pub(super) fn of(
        &self,
        connection: &Arc<Connection>,
        task_queue: &TaskQueue,
        worker: &Identity,
    ) -> Arc<WorkerSources> {
        let mut sources = self.lock();
        let source = sources
            .entry((task_queue.clone(), worker.clone()))
            .or_insert_with(|| Arc::new(WorkerSources::new(connection, task_queue, worker)));
        Arc::clone(source)
    }

    /// Those of a worker that polls.
    pub(super) fn find(&self, task_queue: &str, worker: &str) -> Option<Arc<WorkerSources>> {
        let key = (
            TaskQueue::new(task_queue).ok()?,
            Identity::new(worker).ok()?,
        );
        self.lock().get(&key).cloned()
    }

    /// Makes no more requests for a worker, and waits for the last ones. What they bring is for whoever waits.
    pub(super) async fn close(&self, task_queue: TaskQueue, worker: Identity) {
        let sources = self.lock().get(&(task_queue, worker)).cloned();
        if let Some(sources) = sources {
            sources.close().await;
        }
    }

    /// Ends the polls of a worker. Who waits for another one of the same name finds new ones.
    pub(super) fn end(&self, task_queue: TaskQueue, worker: Identity) -> UntakenTasks {
        let sources = self.lock().remove(&(task_queue, worker));
        sources.map_or_else(UntakenTasks::default, |sources| sources.end())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(TaskQueue, Identity), Arc<WorkerSources>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerSources {
    fn new(connection: &Arc<Connection>, task_queue: &TaskQueue, worker: &Identity) -> Self {
        let poller = Arc::new(Poller::new(connection, task_queue, worker));
        let workflow_poller = Arc::clone(&poller);
        let fetch: Fetch<WorkflowTask> = Box::new(move |queue| {
            let poller = Arc::clone(&workflow_poller);
            Box::pin(async move { poller.workflow_task(queue).await })
        });
        let workflow = Source::new(&poller.task_queue, true, fetch);
        let activity_poller = Arc::clone(&poller);
        let fetch: Fetch<ActivityLease> = Box::new(move |_| {
            let poller = Arc::clone(&activity_poller);
            Box::pin(async move { poller.activity_task().await })
        });
        Self {
            workflow,
            activity: Source::new(&poller.task_queue, false, fetch),
            poller,
        }
    }

    /// The activities that an answer to a workflow task may bring with it: none where the queue is
    /// limited, because they do not pass it.
    pub(super) fn eager(&self) -> Option<Promise<ActivityLease>> {
        match self.poller.limit() {
            Some(_) => None,
            None => self.activity.promise(MAX_EAGER),
        }
    }

    /// Takes in the activities that an answer brought.
    pub(super) async fn bring(
        &self,
        tasks: Vec<PollActivityTaskQueueResponse>,
        promise: &Promise<ActivityLease>,
    ) {
        for task in tasks {
            let Some(lease) = self.poller.lease(task).await else {
                continue;
            };
            if let Err(lease) = promise.keep(lease) {
                self.poller.give_back(lease.task.token).await;
            }
        }
    }

    /// Limits how many activity tasks the queue gives in a second.
    pub(super) fn limit(&self, limit: Option<f64>) {
        *self
            .poller
            .limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = limit;
    }

    async fn close(&self) {
        if [self.workflow.close(), self.activity.close()] == [true, true] {
            return;
        }
        // The service answers the polls, if it can, and gives the tasks of the sticky queue to others. It does
        // not know of a poll that comes after it was told, and so it is told again.
        for _ in 0..LAST_POLLS {
            if let Err(status) = self.poller.shut_down().await {
                tracing::debug!(
                    error = status.message(),
                    "the service was not told of the shutdown"
                );
                break;
            }
            let (workflow, activity) =
                tokio::join!(self.workflow.rest(LAST_POLL), self.activity.rest(LAST_POLL));
            if workflow && activity {
                break;
            }
        }
    }

    fn end(&self) -> UntakenTasks {
        UntakenTasks {
            workflow_tasks: self.workflow.end(),
            activity_tasks: self.activity.end(),
        }
    }
}

/// Who polls, and where.
#[derive(Debug)]
struct Poller {
    connection: Arc<Connection>,
    task_queue: String,
    sticky_queue: String,
    identity: String,
    /// By which the service knows the polls of this worker.
    instance: String,
    /// How many activity tasks the queue may give in a second.
    limit: Mutex<Option<f64>>,
}

impl Poller {
    fn new(connection: &Arc<Connection>, task_queue: &TaskQueue, worker: &Identity) -> Self {
        Self {
            connection: Arc::clone(connection),
            task_queue: task_queue.as_str().to_owned(),
            sticky_queue: format!("steadfast-{}", Uuid::new_v4()),
            identity: worker.as_str().to_owned(),
            instance: Uuid::new_v4().to_string(),
            limit: Mutex::new(None),
        }
    }

    fn limit(&self) -> Option<f64> {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn shut_down(&self) -> Result<(), Status> {
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

    async fn workflow_task(&self, queue: Queue) -> Result<Option<WorkflowTask>, Status> {
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

    async fn activity_task(&self) -> Result<Option<ActivityLease>, Status> {
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
    async fn give_back(&self, token: TaskToken) {
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
    async fn lease(&self, mut response: PollActivityTaskQueueResponse) -> Option<ActivityLease> {
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
