//! Where the tasks of the workers of this process come from, and what becomes of them when a worker
//! stops.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use steadfast_core::{
    ids::{Identity, TaskQueue},
    task::WorkflowTask,
};
use steadfast_engine::{ActivityLease, UntakenTasks};
use temporalio_protos::temporal::api::workflowservice::v1::PollActivityTaskQueueResponse;

use super::{
    Connection,
    polls::{Fetch, Promise, Source},
    tasks::Poller,
};

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
        self.poller.set_limit(limit);
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
