//! The mailbox of a thread that runs workflow code.
//!
//! It outlives the thread: whoever replaces it goes on with what was sent. Only the runs that it had in memory are
//! lost, and are built again from their histories.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use super::{
    seen::{News, Seen},
    settings::ThreadSettings,
    workflow_thread::{Message, ThreadWorker},
};

/// A mailbox, and the thread that reads it now.
pub(super) struct WorkflowThread {
    name: String,
    mailbox: mpsc::Sender<Message>,
    /// Locked for the moment of taking one, or while the thread has nothing to do.
    messages: Arc<Mutex<mpsc::Receiver<Message>>>,
    seen: Mutex<Arc<Seen>>,
}

impl WorkflowThread {
    pub(super) fn start(
        number: usize,
        settings: &Arc<ThreadSettings>,
        news: &Arc<News>,
    ) -> io::Result<Self> {
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

    pub(super) fn tell(&self, message: Message) {
        // The receiver lives as long as the sender.
        let _ = self.mailbox.send(message);
    }
}
