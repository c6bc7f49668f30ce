//! The workers of other processes, as far as they are known: which polls are open, and what they say of themselves.
//!
//! All of it is in memory: a worker that is there says so again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use temporalio_protos::temporal::api::worker::v1::WorkerHeartbeat;
use tokio::sync::Notify;

/// For how long a worker is remembered that says nothing.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The workers of other processes.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    /// By the key of the worker: what ends its polls.
    polling: Mutex<BTreeMap<String, Arc<Notify>>>,
    /// By the key of the worker: what it said, and when.
    said: Mutex<BTreeMap<String, (Instant, WorkerHeartbeat)>>,
}

impl Workers {
    /// Waits for something on behalf of a worker; `None` when the worker shuts down first, or when a time passes.
    pub(crate) async fn wait<T>(
        &self,
        worker: &str,
        at_most: Duration,
        something: impl Future<Output = T>,
    ) -> Option<T> {
        let polling = Polling::begin(self, worker);
        let ended = polling.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        tokio::select! {
            biased;
            something = something => Some(something),
            () = ended => None,
            () = tokio::time::sleep(at_most) => None,
        }
    }

    /// Ends the polls of a worker.
    pub(crate) fn end_polls(&self, worker: &str) {
        if let Some(ended) = lock(&self.polling).get(worker) {
            ended.notify_waiters();
        }
    }

    /// Takes note of what a worker says of itself.
    pub(crate) fn note(&self, heartbeat: WorkerHeartbeat) {
        let now = Instant::now();
        let mut said = lock(&self.said);
        said.retain(|_, (when, _)| now.duration_since(*when) < REMEMBERED);
        said.insert(heartbeat.worker_instance_key.clone(), (now, heartbeat));
    }

    /// What the workers said that spoke not long ago, in the order of their keys.
    pub(crate) fn known(&self) -> Vec<WorkerHeartbeat> {
        let now = Instant::now();
        let said = lock(&self.said);
        let known = said
            .values()
            .filter(|(when, _)| now.duration_since(*when) < REMEMBERED);
        known.map(|(_, heartbeat)| heartbeat.clone()).collect()
    }
}

/// A poll that is open.
struct Polling<'a> {
    workers: &'a Workers,
    worker: &'a str,
    ended: Arc<Notify>,
}

impl<'a> Polling<'a> {
    fn begin(workers: &'a Workers, worker: &'a str) -> Self {
        let ended = match worker {
            // Nobody can end the polls of a worker without a key.
            "" => Arc::default(),
            worker => Arc::clone(lock(&workers.polling).entry(worker.to_owned()).or_default()),
        };
        Self {
            workers,
            worker,
            ended,
        }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let mut polling = lock(&self.workers.polling);
        // This one and the map have it: it was the last.
        if Arc::strong_count(&self.ended) <= 2 {
            polling.remove(self.worker);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn polls_end_with_their_worker_or_their_time() {
        let workers = Workers::default();
        let minute = Duration::from_secs(60);
        let (one, other, ()) = tokio::join!(
            workers.wait("one", minute, pending::<()>()),
            workers.wait("other", 2 * minute, pending::<()>()),
            async {
                tokio::time::sleep(minute / 2).await;
                workers.end_polls("one");
                assert_eq!(workers.wait("one", minute, async { 7 }).await, Some(7));
            }
        );
        assert_eq!((one, other), (None, None));
        assert!(lock(&workers.polling).is_empty());
    }
}
