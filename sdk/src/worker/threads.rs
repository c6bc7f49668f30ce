//! The threads that run workflow code.
//!
//! A thread's mailbox outlives the thread: whoever replaces it goes on with what was sent. Only the runs
//! that it had in memory are lost, and are built again from their histories.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use steadfast_core::{event::HistoryEvent, ids::TaskQueue};
use tokio::{sync::mpsc::UnboundedSender, task::AbortHandle};

use super::{
    WorkerError,
    local_activities::LocalActivities,
    options::WorkerOptions,
    owed::OwedTask,
    watchdog::{News, Seen, Watchdog},
    workflow_thread::{Message, ThreadWorker},
};
use crate::engine::Engine;

/// What every thread needs.
pub(super) struct ThreadSettings {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) task_queue: TaskQueue,
    pub(super) options: WorkerOptions,
    pub(super) local: LocalActivities,
    /// Takes what the worker cannot go on after. Dropped last: the worker hears that threads have let go of the
    /// rest.
    pub(super) fatal: UnboundedSender<WorkerError>,
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
        let watchdog = Watchdog::start(Arc::clone(&threads), settings, news);
        Ok(Self { threads, watchdog })
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

#[cfg(test)]
impl Threads {
    pub(super) fn first(&self) -> &WorkflowThread {
        &self.threads[0]
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

/// A mailbox, and the thread that reads it now.
pub(super) struct WorkflowThread {
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

    /// What can be seen of the thread that reads the mailbox now.
    pub(super) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has a new thread read the mailbox.
    pub(super) fn start_again(
        &self,
        settings: &Arc<ThreadSettings>,
        news: &Arc<News>,
    ) -> io::Result<()> {
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
                own.ends();
            })?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(())
    }

    fn tell(&self, message: Message) {
        // The receiver lives as long as the sender.
        let _ = self.mailbox.send(message);
    }
}
