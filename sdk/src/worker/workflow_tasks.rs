//! Polls workflow tasks, spreads them over the workflow threads, and gives the answers to the
//! engine.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use steadfast_core::{
    event::WorkflowTaskFailedCause,
    failure::Failure,
    ids::{EventId, Identity, RunId, TaskQueue},
    task::{TaskToken, WorkflowTask, WorkflowTaskFailure},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    local_activities::LocalActivities,
    options::WorkerOptions,
    registry::Registry,
    shutdown::Shutdown,
    workflow_thread::{Reply, WorkflowThread},
};
use crate::{
    engine::{
        Engine, EngineError, ExecutionRef, HistoryRequest, HistoryWait, PollWorkflowTaskRequest,
    },
    tracing_context::Propagation,
};

/// How many threads workflow code may keep before the worker stops replacing them.
const MAX_ABANDONED_THREADS: usize = 64;
/// How many events of a history are fetched at a time.
const HISTORY_PAGE: usize = 10_000;

/// Runs the workflow tasks of one queue.
pub(super) struct WorkflowTasks {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) registry: Arc<Registry>,
    pub(super) task_queue: TaskQueue,
    pub(super) identity: Identity,
    pub(super) options: WorkerOptions,
    pub(super) slots: Arc<Semaphore>,
    pub(super) local_slots: Arc<Semaphore>,
    pub(super) shutdown: Shutdown,
    pub(super) threads: Mutex<Threads>,
    pub(super) propagation: Propagation,
}

/// The threads that run workflow code. A run goes to the one that its id chooses.
#[derive(Default)]
pub(super) struct Threads {
    threads: Vec<WorkflowThread>,
    abandoned: usize,
}

impl WorkflowTasks {
    /// Starts the threads.
    pub(super) fn start_threads(&self) -> std::io::Result<()> {
        let count = self.options.workflow_threads.max(1);
        let threads = (0..count)
            .map(|number| self.new_thread(number))
            .collect::<std::io::Result<Vec<_>>>()?;
        self.lock().threads = threads;
        Ok(())
    }

    pub(super) fn stop_threads(&self) {
        for thread in self.lock().threads.drain(..) {
            thread.stop();
        }
    }

    fn new_thread(&self, number: usize) -> std::io::Result<WorkflowThread> {
        let local = LocalActivities {
            registry: Arc::clone(&self.registry),
            slots: Arc::clone(&self.local_slots),
            runtime: tokio::runtime::Handle::current(),
            propagation: self.propagation.clone(),
        };
        WorkflowThread::start(
            format!("steadfast-workflow-{number}"),
            Arc::clone(&self.engine),
            self.task_queue.clone(),
            self.options
                .max_cached_runs
                .div_ceil(self.options.workflow_threads.max(1)),
            local,
        )
    }

    /// Polls until the worker is to stop.
    pub(super) async fn poll_all(self: Arc<Self>) -> Result<(), EngineError> {
        loop {
            let Some(Ok(slot)) = self
                .shutdown
                .unless_stopping(self.slots.clone().acquire_owned())
                .await
            else {
                return Ok(());
            };
            let request = PollWorkflowTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.identity.clone(),
            };
            let poll = self.engine.poll_workflow_task(request);
            let Some(polled) = self.shutdown.unless_stopping(poll).await else {
                return Ok(());
            };
            let task = match polled {
                Ok(task) => task,
                Err(error) => {
                    super::wait_after(&error).await?;
                    continue;
                }
            };
            self.take(task, slot);
        }
    }

    /// Works through a task that came when the worker had begun to stop.
    pub(super) async fn take_untaken(self: &Arc<Self>, task: WorkflowTask) {
        if let Ok(slot) = self.slots.clone().acquire_owned().await {
            self.take(task, slot);
        }
    }

    fn take(self: &Arc<Self>, task: WorkflowTask, slot: OwnedSemaphorePermit) {
        // Handed over here and not in the task that waits: that saves a switch of threads.
        let token = task.token.clone();
        let again = task.clone_without_events();
        let thread = self.thread_of(&again.execution.run_id);
        let reply = thread.send(Box::new(task));
        let tasks = Arc::clone(self);
        self.shutdown.track(async move {
            tasks.await_answer(token, again, thread, reply).await;
            drop(slot);
        });
    }

    async fn await_answer(
        &self,
        token: TaskToken,
        task: WorkflowTask,
        thread: WorkflowThread,
        reply: Option<oneshot::Receiver<Reply>>,
    ) {
        let run_id = task.execution.run_id.clone();
        let (reply, thread) = self.work_through(task, thread, reply).await;
        let answered = match reply {
            Reply::Answered { accepted, forget } => {
                let result = accepted.await;
                if forget {
                    Err(None)
                } else {
                    result.map_err(Some)
                }
            }
            Reply::Failed(failure) => self
                .engine
                .fail_workflow_task(token, failure)
                .await
                .map_err(Some),
            Reply::NeedsHistory(_) => Ok(()),
        };
        if let Err(error) = answered {
            thread.forget(run_id.clone());
            match error {
                None => {}
                // Refused because something arrived meanwhile, or closed from outside: both are
                // part of a normal life.
                Some(
                    error
                    @ (EngineError::WorkflowTaskRefused { .. } | EngineError::NotFound { .. }),
                ) => {
                    tracing::debug!(%run_id, %error, "the answer to a workflow task was refused");
                }
                Some(error) => {
                    tracing::error!(%run_id, %error, "the answer to a workflow task was not accepted");
                }
            }
        }
    }

    /// Has a thread work through a task, on another one if workflow code keeps the first.
    async fn work_through(
        &self,
        task: WorkflowTask,
        thread: WorkflowThread,
        reply: Option<oneshot::Receiver<Reply>>,
    ) -> (Reply, WorkflowThread) {
        let run_id = task.execution.run_id.clone();
        let mut again = task;
        let mut sent = Some((thread, reply));
        loop {
            let (thread, reply) = match sent.take() {
                Some(sent) => sent,
                None => {
                    let thread = self.thread_of(&run_id);
                    match self.with_history(&again).await {
                        Ok(task) => {
                            let reply = thread.send(Box::new(task));
                            (thread, reply)
                        }
                        Err(error) => return (history_failed(&error), thread),
                    }
                }
            };
            let Some(mut reply) = reply else {
                if self.replace(&thread, &run_id) {
                    continue;
                }
                return (stopped(), thread);
            };
            let reply = loop {
                tokio::select! {
                    biased;
                    reply = &mut reply => break reply.ok(),
                    () = thread.abandoned() => break None,
                    () = tokio::time::sleep(self.options.deadlock_timeout) => {
                        let stuck = thread
                            .busy_with(&run_id)
                            .is_some_and(|since| since.elapsed() >= self.options.deadlock_timeout);
                        if stuck {
                            self.replace(&thread, &run_id);
                            return (deadlocked(&again, self.options.deadlock_timeout), thread);
                        }
                    }
                }
            };
            match reply {
                Some(Reply::NeedsHistory(needy)) => again = *needy,
                Some(reply) => return (reply, thread),
                None if thread.is_abandoned() => {}
                None => return (stopped(), thread),
            }
        }
    }

    /// The task with its whole history: what the engine has recorded, and then the events that the
    /// task itself brought, some of which may not be recorded before the answer.
    async fn with_history(&self, task: &WorkflowTask) -> Result<WorkflowTask, EngineError> {
        let brought = task.events.first().map(|event| event.event_id);
        let mut events = Vec::new();
        let mut next = Some(EventId(1));
        while let Some(from) = next {
            let request = HistoryRequest {
                execution: ExecutionRef {
                    workflow_id: task.execution.workflow_id.clone(),
                    run_id: Some(task.execution.run_id.clone()),
                    first_execution_run_id: None,
                },
                from,
                page_size: HISTORY_PAGE,
                wait: HistoryWait::No,
            };
            let page = self.engine.workflow_history(request).await?;
            events.extend(page.events);
            next = page
                .next
                .filter(|next| brought.is_none_or(|first| *next < first));
        }
        match brought {
            Some(first) => {
                events.retain(|event| event.event_id < first);
                events.extend_from_slice(&task.events);
            }
            None if task.started_event_id.is_some() => {
                events.retain(|event| event.event_id <= task.started_event_id);
            }
            None => {}
        }
        Ok(WorkflowTask {
            events,
            ..task.clone_without_events()
        })
    }

    fn thread_of(&self, run_id: &RunId) -> WorkflowThread {
        let mut hasher = DefaultHasher::new();
        run_id.hash(&mut hasher);
        let threads = self.lock();
        let count = u64::try_from(threads.threads.len()).unwrap_or(1).max(1);
        let index = usize::try_from(hasher.finish() % count).unwrap_or(0);
        threads.threads[index].clone()
    }

    /// Gives up a thread that workflow code keeps, and starts another in its place.
    fn replace(&self, thread: &WorkflowThread, run_id: &RunId) -> bool {
        let mut threads = self.lock();
        if !thread.abandon() {
            return true;
        }
        threads.abandoned += 1;
        if threads.abandoned > MAX_ABANDONED_THREADS {
            tracing::error!(%run_id, "too many threads are kept by workflow code; the worker stops");
            self.shutdown.stop();
            return false;
        }
        for number in 0..threads.threads.len() {
            if threads.threads[number].is_abandoned() {
                match self.new_thread(number) {
                    Ok(fresh) => threads.threads[number] = fresh,
                    Err(error) => {
                        tracing::error!(%error, "a workflow thread cannot be replaced");
                        self.shutdown.stop();
                        return false;
                    }
                }
            }
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(message: String, error_type: &str) -> Reply {
    Reply::Failed(WorkflowTaskFailure {
        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        failure: Failure::application(message, error_type),
    })
}

fn deadlocked(task: &WorkflowTask, limit: Duration) -> Reply {
    tracing::error!(
        workflow_type = ?task.workflow_type,
        workflow_id = ?task.execution.workflow_id,
        run_id = %task.execution.run_id,
        "workflow code keeps its thread; move what blocks into an activity"
    );
    failure(
        format!(
            "workflow `{}` (`{}`) kept its thread for {limit:?}; move what blocks into an activity",
            task.workflow_type, task.execution.workflow_id
        ),
        "Deadlock",
    )
}

fn history_failed(error: &EngineError) -> Reply {
    failure(format!("the history cannot be read: {error}"), "Engine")
}

fn stopped() -> Reply {
    failure("the worker is shutting down".to_owned(), "WorkerShutdown")
}
