//! What can be seen of a thread for workflow code from outside.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::ids::{RunId, WorkflowExecution};
use tokio::sync::{Notify, watch};

use super::owed::OwedTask;

/// What the watchdog waits for.
#[derive(Default)]
pub(super) struct News {
    /// A thread began to run workflow code.
    pub(super) busy: Notify,
    /// A thread died.
    pub(super) died: Notify,
    /// How many threads that were given up are still kept by workflow code.
    pub(super) kept: AtomicUsize,
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

    pub(super) fn is_busy(&self) -> bool {
        lock(&self.busy).is_some()
    }

    /// Gives the thread up if it is dead or busy for too long. Says why.
    pub(super) fn give_up(&self, limit: Duration) -> Option<Loss> {
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
    pub(super) fn fail_all(&self, loss: Loss, limit: Duration) {
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
pub(super) enum Loss {
    /// Workflow code keeps it.
    Kept,
    /// It panicked.
    Died,
}
