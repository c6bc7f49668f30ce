//! An engine with its time, a client, a board, and the workers that a test starts and stops.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::BoxFuture};
use steadfast::{
    core::event::{ExecutionStatus, HistoryEvent},
    engine::{ListFilter, WorkflowDescription},
    prelude::*,
    worker::{WorkerBuilder, WorkerOptions},
};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    flow::{Flow, events, settled},
    script::Script,
    stage::{Board, EVERYTHING, Stage},
};

/// The time of an engine.
pub trait Time: Send + Sync {
    /// Lets time pass.
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// Waits until no task is with a worker or on its way to one.
    fn rest(&self) -> BoxFuture<'_, ()>;

    /// Waits until every execution that was started is listed.
    fn found(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

type Running = (oneshot::Sender<()>, JoinHandle<()>);

/// An engine with everything that a test needs.
pub struct World {
    /// Starts executions.
    pub client: Client,
    /// What activities say, and who lets them go.
    pub board: Arc<Board>,
    time: Box<dyn Time>,
    options: WorkerOptions,
    working: Mutex<BTreeMap<String, Running>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({:?}, {:?})", self.client, self.board)
    }
}

impl World {
    /// A world without workers; those that it gets have these options.
    #[must_use]
    pub fn new(client: Client, time: Box<dyn Time>, options: WorkerOptions) -> Self {
        Self {
            client,
            board: Board::new(),
            time,
            options,
            working: Mutex::default(),
        }
    }

    /// A worker with what every test needs.
    pub fn worker(&self, queue: &str) -> WorkerBuilder {
        Worker::builder(&self.client, queue)
            .register_workflow::<Script>()
            .register_activities(Stage(Arc::clone(&self.board)))
            .options(self.options.clone())
    }

    /// Starts the usual worker of a queue.
    pub fn work(&self, queue: &str) {
        self.work_with(queue, self.worker(queue));
    }

    /// Starts a worker of a queue that knows more.
    pub fn work_with(&self, queue: &str, worker: WorkerBuilder) {
        let worker = worker.build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _ = worker.run_until(stopped).await.unwrap();
        });
        let mut working = self.working.lock().unwrap();
        working.insert(queue.to_owned(), (stop, task));
    }

    /// Whether a worker of a queue was started and not stopped.
    pub fn is_working(&self, queue: &str) -> bool {
        self.working.lock().unwrap().contains_key(queue)
    }

    /// Stops the worker of a queue.
    pub async fn rest(&self, queue: &str) {
        let working = self.working.lock().unwrap().remove(queue);
        if let Some((stop, task)) = working {
            drop(stop);
            task.await.unwrap();
        }
    }

    /// Lets every activity go, and stops every worker.
    pub async fn end(&self) {
        self.board.open(EVERYTHING);
        let queues: Vec<String> = self.working.lock().unwrap().keys().cloned().collect();
        for queue in queues {
            self.rest(&queue).await;
        }
    }

    /// Starts a workflow whose code was defined before.
    pub async fn start_with(&self, body: &str, options: impl Into<WorkflowStartOptions>) -> Flow {
        let started = self
            .client
            .start_workflow(Script::run, body.to_owned(), options);
        Flow::new(&self.client, started.await.unwrap())
    }

    /// The execution of an id.
    pub fn find(&self, id: &str) -> Flow {
        Flow::new(&self.client, self.client.workflow::<Script>(id).unwrap())
    }

    /// Lets time pass, whatever goes on.
    pub async fn pass(&self, duration: Duration) {
        self.time.pass(duration).await;
    }

    /// Waits until no task is with a worker or on its way to one. Not while an activity is held.
    pub async fn idle(&self) {
        self.time.rest().await;
    }

    /// Waits until no workflow task of any of these open runs waits or runs.
    pub async fn settle_those(&self, which: impl Fn(&WorkflowDescription) -> bool) {
        self.time.found().await;
        for described in self.executions(Some(ExecutionStatus::Running)).await {
            if which(&described) {
                settled(&self.client, described.execution).await;
            }
        }
    }

    /// The executions, the oldest first.
    pub async fn executions(&self, status: Option<ExecutionStatus>) -> Vec<WorkflowDescription> {
        let filter = ListFilter {
            status,
            ..ListFilter::default()
        };
        let listed = self.client.list_workflows(filter).try_collect().await;
        let mut executions: Vec<WorkflowDescription> = listed.unwrap();
        executions.reverse();
        executions
    }

    /// Every history as a text, the oldest first.
    pub async fn histories(&self, text: impl Fn(&[HistoryEvent]) -> String) -> Vec<String> {
        let mut histories = Vec::new();
        for described in self.executions(None).await {
            let events = events(&self.client, described.execution.clone()).await;
            let id = described.execution.workflow_id;
            histories.push(format!("{id}: {}", text(&events)));
        }
        histories
    }
}
