//! The threads that run workflow code.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    sync::Arc,
};

use steadfast_core::event::HistoryEvent;
use tokio::task::AbortHandle;

use super::{
    mailbox::WorkflowThread, owed::OwedTask, seen::News, settings::ThreadSettings,
    watchdog::Watchdog, workflow_thread::Message,
};

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
