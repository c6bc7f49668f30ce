//! The threads that run workflow code, and the watchdog that replaces one that the code keeps.
//!
//! A thread's mailbox outlives the thread: whoever replaces it goes on with what was sent. Only the runs
//! that it had in memory are lost, and are built again from their histories.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{
    event::HistoryEvent,
    ids::{RunId, TaskQueue, WorkflowExecution},
};
use tokio::{sync::Notify, task::AbortHandle};

use super::{
    local_activities::LocalActivities,
    options::WorkerOptions,
    owed::OwedTask,
    shutdown::Shutdown,
    workflow_thread::{Message, ThreadWorker},
};
use crate::engine::Engine;

/// How many threads workflow code may keep before the worker stops replacing them.
const MAX_ABANDONED: usize = 64;

/// What every thread needs.
pub(super) struct ThreadSettings {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) task_queue: TaskQueue,
    pub(super) options: WorkerOptions,
    pub(super) local: LocalActivities,
    pub(super) shutdown: Shutdown,
}

/// The threads of a worker; they end when this is dropped.
pub(super) struct Threads {
    threads: Arc<[WorkflowThread]>,
    watchdog: AbortHandle,
}

impl Threads {
    pub(super) fn start(settings: ThreadSettings) -> io::Result<Self> {
        let settings = Arc::new(settings);
        let news = Arc::new(News::default());
        let threads = (0..settings.options.workflow_threads.max(1))
            .map(|number| WorkflowThread::start(number, &settings, &news))
            .collect::<io::Result<Arc<[_]>>>()?;
        let watchdog = Watchdog {
            threads: Arc::clone(&threads),
            settings,
            news,
            abandoned: AtomicUsize::new(0),
        };
        Ok(Self {
            threads,
            watchdog: tokio::spawn(watchdog.watch()).abort_handle(),
        })
    }

    /// Gives a task to the thread that has its run, or is to have it.
    pub(super) fn give(&self, events: Vec<HistoryEvent>, task: Arc<OwedTask>) {
        let mut hasher = DefaultHasher::new();
        task.task.execution.run_id.hash(&mut hasher);
        let count = u64::try_from(self.threads.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(hasher.finish() % count).unwrap_or(0);
        self.threads[index].tell(Message::Task { events, task });
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.watchdog.abort();
        for thread in self.threads.iter() {
            thread.tell(Message::Stop);
        }
    }
}

/// What the watchdog waits for.
#[derive(Default)]
struct News {
    /// A thread began to run workflow code.
    busy: Notify,
    /// A thread died.
    died: Notify,
}

/// A mailbox, and the thread that reads it now.
struct WorkflowThread {
    name: String,
    mailbox: mpsc::Sender<Message>,
    /// Locked for the moment of taking one, or while the thread has nothing to do.
    messages: Arc<Mutex<mpsc::Receiver<Message>>>,
    seen: Mutex<Arc<Seen>>,
}

impl WorkflowThread {
    fn start(number: usize, settings: &Arc<ThreadSettings>, news: &Arc<News>) -> io::Result<Self> {
        let (mailbox, messages) = mpsc::channel();
        let thread = Self {
            name: format!("steadfast-workflow-{number}"),
            mailbox,
            messages: Arc::new(Mutex::new(messages)),
            seen: Mutex::default(),
        };
        thread.start_again(settings, news)?;
        Ok(thread)
    }

    /// Has a new thread read the mailbox.
    fn start_again(&self, settings: &Arc<ThreadSettings>, news: &Arc<News>) -> io::Result<()> {
        let seen = Arc::new(Seen::new(Arc::clone(news)));
        let (mailbox, messages) = (self.mailbox.clone(), Arc::clone(&self.messages));
        let (settings, own) = (Arc::clone(settings), Arc::clone(&seen));
        thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                let work =
                    || ThreadWorker::new(mailbox, settings, Arc::clone(&own)).work(&messages);
                // The panic hook has reported it.
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    own.dies();
                }
            })?;
        *lock(&self.seen) = seen;
        Ok(())
    }

    fn tell(&self, message: Message) {
        // The receiver lives as long as the sender.
        let _ = self.mailbox.send(message);
    }
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
    abandoned: AtomicBool,
    dead: AtomicBool,
    news: Arc<News>,
}

impl Seen {
    fn new(news: Arc<News>) -> Self {
        Self {
            news,
            ..Self::default()
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
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

    fn dies(&self) {
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
            Loss::Kept
        } else {
            return None;
        };
        self.abandoned.store(true, Ordering::Release);
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
                    "workflow code keeps its thread; move what blocks into an activity",
                    format!("kept its thread for {limit:?}; move what blocks into an activity"),
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
struct Watchdog {
    threads: Arc<[WorkflowThread]>,
    settings: Arc<ThreadSettings>,
    news: Arc<News>,
    abandoned: AtomicUsize,
}

impl Watchdog {
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
            for thread in self.threads.iter() {
                let seen = Arc::clone(&lock(&thread.seen));
                if let Some(loss) = seen.give_up(limit) {
                    self.replace(thread);
                    seen.fail_all(loss, limit);
                } else if seen.is_busy() {
                    self.news.busy.notify_one();
                }
            }
        }
    }

    fn replace(&self, thread: &WorkflowThread) {
        if self.abandoned.fetch_add(1, Ordering::Relaxed) >= MAX_ABANDONED {
            tracing::error!("too many threads are kept by workflow code; the worker stops");
            self.settings.shutdown.stop();
        } else if let Err(error) = thread.start_again(&self.settings, &self.news) {
            tracing::error!(%error, "a workflow thread cannot be replaced; the worker stops");
            self.settings.shutdown.stop();
        }
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use steadfast_core::event::EventKind;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        engine::{
            ExecutionRef, HistoryRequest, HistoryWait, PollWorkflowTaskRequest,
            embedded::{EmbeddedEngine, EmbeddedOptions, fixture},
        },
        tracing_context::Propagation,
        worker::{answers::Answers, registry::Registry},
    };

    fn settings(engine: &Arc<EmbeddedEngine>) -> ThreadSettings {
        ThreadSettings {
            engine: Arc::clone(engine) as _,
            task_queue: fixture::start().task_queue,
            options: WorkerOptions {
                workflow_threads: 1,
                ..WorkerOptions::default()
            },
            local: LocalActivities {
                registry: Arc::new(Registry::default()),
                slots: Arc::new(Semaphore::new(1)),
                runtime: tokio::runtime::Handle::current(),
                propagation: Propagation::default(),
            },
            shutdown: Shutdown::new(),
        }
    }

    /// The task that the thread died of fails at once, so that it comes again, and another thread reads the
    /// mailbox.
    #[tokio::test]
    async fn a_thread_that_dies_is_replaced() {
        let engine = EmbeddedEngine::open(EmbeddedOptions::in_memory()).unwrap();
        engine.start_workflow(fixture::start()).await.unwrap();
        let poll = PollWorkflowTaskRequest {
            task_queue: TaskQueue::new("q").unwrap(),
            worker: fixture::identity(),
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

        let dying = Arc::clone(&lock(&threads.threads[0].seen));
        dying.begins(&owed);
        dying.dies();
        // Until the failed task is answered for.
        let _slot = slots.acquire().await.unwrap();
        assert!(dying.is_abandoned());
        let next = Arc::clone(&lock(&threads.threads[0].seen));
        assert!(!Arc::ptr_eq(&next, &dying));
        let history = HistoryRequest {
            execution: ExecutionRef::current(fixture::start().workflow_id),
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
}
