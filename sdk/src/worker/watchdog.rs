//! What can be seen of a thread for workflow code from outside, and who looks: a thread that the code keeps, or
//! that is dead, is replaced.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::ids::{RunId, WorkflowExecution};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::{
    WorkerError,
    owed::OwedTask,
    threads::{ThreadSettings, WorkflowThread},
};

/// How many threads workflow code may keep before the worker stops replacing them.
const MAX_ABANDONED: usize = 64;

/// What the watchdog waits for.
#[derive(Default)]
pub(super) struct News {
    /// A thread began to run workflow code.
    busy: Notify,
    /// A thread died.
    died: Notify,
    /// How many threads that were given up are still kept by workflow code.
    kept: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What can be seen of a thread from outside, until another takes its place.
#[derive(Default)]
pub(super) struct Seen {
    /// The task that workflow code is running for, and since when.
    busy: Mutex<Option<(Arc<OwedTask>, Instant)>>,
    /// Tasks that wait for local activities.
    waiting: Mutex<HashMap<RunId, Arc<OwedTask>>>,
    /// Whether another thread is in its place. Becomes true only while workflow code is running, or when
    /// the thread is dead.
    abandoned: Arc<AtomicBool>,
    /// The same, for local activities of the runs that it has in memory.
    lost: watch::Sender<bool>,
    dead: AtomicBool,
    news: Arc<News>,
}

impl Seen {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self {
            news,
            ..Self::default()
        }
    }

    /// The flag that says so.
    pub(super) fn abandoned(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.abandoned)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Waits until another thread is in its place.
    pub(super) async fn is_lost(&self) {
        let mut lost = self.lost.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Workflow code begins to run for a task.
    pub(super) fn begins(&self, task: &Arc<OwedTask>) {
        *lock(&self.busy) = Some((Arc::clone(task), Instant::now()));
        self.news.busy.notify_one();
    }

    /// Workflow code has come to rest.
    pub(super) fn rests(&self) {
        *lock(&self.busy) = None;
    }

    /// A task waits for local activities.
    pub(super) fn waits(&self, task: &Arc<OwedTask>) {
        let run_id = task.task.execution.run_id.clone();
        lock(&self.waiting).insert(run_id, Arc::clone(task));
    }

    /// A task waits no longer.
    pub(super) fn goes_on(&self, run_id: &RunId) {
        lock(&self.waiting).remove(run_id);
    }

    /// The thread ends. Code that kept it does not any more.
    pub(super) fn ends(&self) {
        if self.is_abandoned() && !self.dead.load(Ordering::Acquire) {
            self.news.kept.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(super) fn dies(&self) {
        self.dead.store(true, Ordering::Release);
        self.news.died.notify_one();
    }

    fn is_busy(&self) -> bool {
        lock(&self.busy).is_some()
    }

    /// Gives the thread up if it is dead or busy for too long. Says why.
    fn give_up(&self, limit: Duration) -> Option<Loss> {
        let busy = lock(&self.busy);
        let loss = if self.dead.load(Ordering::Acquire) {
            Loss::Died
        } else if busy
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() >= limit)
        {
            self.news.kept.fetch_add(1, Ordering::AcqRel);
            Loss::Kept
        } else {
            return None;
        };
        self.abandoned.store(true, Ordering::Release);
        self.lost.send_replace(true);
        Some(loss)
    }

    /// Fails what the thread will not answer any more; it comes again.
    fn fail_all(&self, loss: Loss, limit: Duration) {
        if let Some((task, _)) = lock(&self.busy).take() {
            let workflow_type = &task.task.workflow_type;
            let WorkflowExecution {
                workflow_id,
                run_id,
            } = &task.task.execution;
            let (log, what, error_type) = match loss {
                Loss::Kept => (
                    "workflow code keeps its thread; move what blocks into an activity, and see that loops wait",
                    format!(
                        "kept its thread for {limit:?}; move what blocks into an activity, and see to it that \
                         every loop waits for something"
                    ),
                    "Deadlock",
                ),
                Loss::Died => (
                    "the thread of workflow code panicked",
                    "was running when its thread panicked".to_owned(),
                    "Panic",
                ),
            };
            tracing::error!(?workflow_type, ?workflow_id, %run_id, "{log}");
            let message = format!("workflow `{workflow_type}` (`{workflow_id}`) {what}");
            task.fail_unhandled(message, error_type);
        }
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        for task in waiting.into_values() {
            let message = "another workflow kept the thread; move what blocks into an activity";
            task.fail_unhandled(message.to_owned(), "Deadlock");
        }
    }
}

/// Why a thread is given up.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Workflow code keeps it.
    Kept,
    /// It panicked.
    Died,
}

/// Replaces threads that are lost.
pub(super) struct Watchdog {
    threads: Arc<[WorkflowThread]>,
    settings: Arc<ThreadSettings>,
    news: Arc<News>,
}

impl Watchdog {
    pub(super) fn start(
        threads: Arc<[WorkflowThread]>,
        settings: Arc<ThreadSettings>,
        news: Arc<News>,
    ) -> AbortHandle {
        let watchdog = Self {
            threads,
            settings,
            news,
        };
        tokio::spawn(watchdog.watch()).abort_handle()
    }

    /// Never ends. Costs nothing while no workflow code runs, and two looks in the time that code may take
    /// while some does.
    async fn watch(self) {
        let limit = self.settings.options.deadlock_timeout;
        loop {
            // To be woken whenever code begins to run would slow that code down.
            let code_has_run = async {
                self.news.busy.notified().await;
                tokio::time::sleep(limit / 2).await;
            };
            tokio::select! {
                () = code_has_run => {}
                () = self.news.died.notified() => {}
            }
            for number in 0..self.threads.len() {
                let seen = self.threads[number].seen();
                if let Some(loss) = seen.give_up(limit) {
                    self.replace(number);
                    seen.fail_all(loss, limit);
                } else if seen.is_busy() {
                    self.news.busy.notify_one();
                }
            }
        }
    }

    fn replace(&self, number: usize) {
        let error = if self.news.kept.load(Ordering::Acquire) > MAX_ABANDONED {
            WorkerError::ThreadsKept {
                count: MAX_ABANDONED,
            }
        } else {
            match self.threads[number].start_again(&self.settings, &self.news) {
                Ok(()) => return,
                Err(error) => WorkerError::System(error),
            }
        };
        tracing::error!(%error, "the worker stops");
        // The worker may have ended for another reason.
        let _ = self.settings.fatal.send(error);
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use steadfast_core::{
        event::EventKind,
        ids::{Identity, TaskQueue},
    };
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        client::{Client, WorkflowStartOptions},
        engine::{
            Engine as _, ExecutionRef, HistoryRequest, HistoryWait, PollWorkflowTaskRequest,
            embedded::EmbeddedEngine,
        },
        tracing_context::Propagation,
        worker::{
            Shutdown, WorkerOptions, answers::Answers, local_activities::LocalActivities,
            registry::Registry, threads::Threads,
        },
    };

    fn queue() -> TaskQueue {
        TaskQueue::new("q").expect("it is not empty")
    }

    fn settings(engine: &Arc<EmbeddedEngine>) -> ThreadSettings {
        ThreadSettings {
            engine: Arc::clone(engine) as _,
            task_queue: queue(),
            options: WorkerOptions {
                workflow_threads: 1,
                ..WorkerOptions::default()
            },
            local: LocalActivities {
                engine: Arc::clone(engine) as _,
                shutdown: Shutdown::new(),
                registry: Arc::new(Registry::default()),
                slots: Arc::new(Semaphore::new(1)),
                runtime: tokio::runtime::Handle::current(),
                propagation: Propagation::default(),
            },
            fatal: tokio::sync::mpsc::unbounded_channel().0,
        }
    }

    /// The task that the thread died of fails at once, so that it comes again, and another thread reads the
    /// mailbox.
    #[tokio::test]
    async fn a_thread_that_dies_is_replaced() {
        let engine = EmbeddedEngine::in_memory().unwrap();
        let client = Client::new(Arc::clone(&engine) as _);
        let options = WorkflowStartOptions::new("q", "w");
        let started = client.start_workflow_by_name("Flow", Vec::new(), options);
        let workflow_id = started.await.unwrap().workflow_id().clone();
        let poll = PollWorkflowTaskRequest {
            task_queue: queue(),
            worker: Identity::new("test").unwrap(),
        };
        let task = engine.poll_workflow_task(poll).await.unwrap();
        let slots = Arc::new(Semaphore::new(1));
        let occupied = (
            Arc::clone(&slots).try_acquire_owned().unwrap(),
            Shutdown::new().track(),
        );
        let threads = Threads::start(settings(&engine)).unwrap();
        let answers = Answers::start();
        let owed = Arc::new(OwedTask::new(
            task,
            occupied,
            Arc::clone(&engine) as _,
            answers,
        ));

        let dying = threads.first().seen();
        dying.begins(&owed);
        dying.dies();
        // Until the failed task is answered for.
        let _slot = slots.acquire().await.unwrap();
        assert!(dying.is_abandoned());
        assert!(!Arc::ptr_eq(&threads.first().seen(), &dying));
        let history = HistoryRequest {
            execution: ExecutionRef::current(workflow_id),
            from: steadfast_core::ids::EventId(1),
            page_size: 10,
            wait: HistoryWait::No,
        };
        let events = engine.workflow_history(history).await.unwrap().events;
        let failed = events.iter().any(|event| {
            matches!(&event.kind, EventKind::WorkflowTaskFailed { failure, .. }
                if format!("{failure:?}").contains("its thread panicked"))
        });
        assert!(failed, "{events:?}");
    }

    /// Or they would stay when whoever ran the worker lost interest.
    #[tokio::test]
    async fn threads_end_with_their_worker() {
        let engine = EmbeddedEngine::in_memory().unwrap();
        let others = Arc::strong_count(&engine);
        let threads = Threads::start(settings(&engine)).unwrap();
        assert!(Arc::strong_count(&engine) > others);
        drop(threads);
        while Arc::strong_count(&engine) > others {
            tokio::task::yield_now().await;
        }
    }
}
