//! Task queues: what is ready for workers, in order, and the workers that wait for it.
//!
//! A task stays in its queue until a poll takes it in the same step in which the poll ends, so a
//! poll that is dropped loses nothing (E7). An entry is only a pointer: whoever takes it looks
//! whether it still means something.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    ids::{Identity, TaskQueue},
    time::Timestamp,
};
use steadfast_engine::Poller;
use tokio::sync::Notify;

use super::fast_map::FastMap;

/// For how long it is known who polled a queue, as on a Temporal Service.
const REMEMBERED: Duration = Duration::from_secs(300);
/// For how long a worker is expected to poll again, as on a Temporal Service.
const EXPECTED: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Queues<T> {
    queues: FastMap<TaskQueue, Queue<T>>,
}

/// The queues of which nothing is handed out.
pub(crate) type Paused = BTreeSet<TaskQueue>;

#[derive(Debug)]
struct Queue<T> {
    ready: VecDeque<T>,
    pollers: Vec<Polling>,
    arrived: Arc<Notify>,
    waiting: Arc<AtomicUsize>,
}

/// A worker that polls a queue.
#[derive(Debug)]
struct Polling {
    worker: Identity,
    last: Timestamp,
    /// How many of its polls wait for something to arrive.
    waiting: Arc<AtomicUsize>,
}

impl Polling {
    fn is_by(&self, worker: &Identity) -> bool {
        self.worker == *worker
    }

    fn waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    fn is_known(&self, now: Timestamp) -> bool {
        self.waits() || now.since(self.last) < REMEMBERED
    }
}

/// What a poll that found nothing waits on.
pub(crate) struct Arrivals {
    arrived: Arc<Notify>,
    /// Counts the polls of the queue that wait, and those of the worker.
    waiting: [Arc<AtomicUsize>; 2],
}

impl Arrivals {
    pub(crate) async fn wait(&self) {
        struct Waiting<'a>(&'a [Arc<AtomicUsize>]);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                for waiting in self.0 {
                    waiting.fetch_sub(1, Ordering::AcqRel);
                }
            }
        }
        for waiting in &self.waiting {
            waiting.fetch_add(1, Ordering::AcqRel);
        }
        let _waiting = Waiting(&self.waiting);
        self.arrived.notified().await;
    }
}

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self {
            queues: FastMap::default(),
        }
    }
}

impl<T> Queues<T> {
    fn queue(&mut self, name: &TaskQueue) -> &mut Queue<T> {
        self.queues.entry(name.clone()).or_insert_with(|| Queue {
            ready: VecDeque::new(),
            pollers: Vec::new(),
            arrived: Arc::new(Notify::new()),
            waiting: Arc::default(),
        })
    }

    /// Takes note of a poll.
    pub(crate) fn polled_by(&mut self, name: &TaskQueue, worker: &Identity, now: Timestamp) {
        let pollers = &mut self.queue(name).pollers;
        match pollers.iter_mut().find(|polling| polling.is_by(worker)) {
            Some(polling) => polling.last = now,
            None => {
                pollers.retain(|polling| polling.is_known(now));
                pollers.push(Polling {
                    worker: worker.clone(),
                    last: now,
                    waiting: Arc::default(),
                });
            }
        }
    }

    /// Who polled a queue not long ago, or waits for its tasks.
    pub(crate) fn pollers(&self, name: &TaskQueue, now: Timestamp) -> Vec<Poller> {
        let pollers = self
            .queues
            .get(name)
            .into_iter()
            .flat_map(|queue| &queue.pollers);
        let known = pollers.filter(|polling| polling.is_known(now));
        known
            .map(|polling| Poller {
                identity: polling.worker.clone(),
                last_access_time: if polling.waits() { now } else { polling.last },
            })
            .collect()
    }

    /// Whether somebody waits for the tasks of a queue, or is about to poll it again.
    pub(crate) fn is_served(&self, name: &TaskQueue, now: Timestamp) -> bool {
        self.queues.get(name).is_some_and(|queue| {
            let mut pollers = queue.pollers.iter();
            pollers.any(|polling| polling.waits() || now.since(polling.last) < EXPECTED)
        })
    }

    /// A worker polls a queue no more.
    pub(crate) fn ended_by(&mut self, name: &TaskQueue, worker: &Identity) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.pollers.retain(|polling| !polling.is_by(worker));
        }
    }

    pub(crate) fn push(&mut self, name: &TaskQueue, entry: T) {
        let queue = self.queue(name);
        queue.ready.push_back(entry);
        queue.arrived.notify_one();
    }

    /// Takes the first entry. Another poll is woken if something is left: one wakeup can stand for
    /// several entries.
    pub(crate) fn pop(&mut self, name: &TaskQueue, paused: &Paused) -> Option<T> {
        if paused.contains(name) {
            return None;
        }
        let queue = self.queues.get_mut(name)?;
        let entry = queue.ready.pop_front()?;
        if !queue.ready.is_empty() {
            queue.arrived.notify_one();
        }
        Some(entry)
    }

    /// Takes out an entry that came last or shortly before that, wherever it stands.
    pub(crate) fn withdraw(&mut self, name: &TaskQueue, entry: &T)
    where
        T: PartialEq,
    {
        if let Some(queue) = self.queues.get_mut(name)
            && let Some(at) = queue.ready.iter().rposition(|ready| ready == entry)
        {
            queue.ready.remove(at);
        }
    }

    /// Drops what stands first and is gone, in all queues: an entry stays when what it points at ends.
    #[expect(
        clippy::iter_over_hash_type,
        reason = "each queue is looked at by itself"
    )]
    pub(crate) fn drop_gone(&mut self, is_gone: impl Fn(&T) -> bool) {
        for queue in self.queues.values_mut() {
            while queue.ready.front().is_some_and(&is_gone) {
                queue.ready.pop_front();
            }
        }
    }

    /// Wakes a poll if there is something for it.
    pub(crate) fn wake(&self, name: &TaskQueue, paused: &Paused) {
        if let Some(queue) = self.queues.get(name)
            && !queue.ready.is_empty()
            && !paused.contains(name)
        {
            queue.arrived.notify_one();
        }
    }

    /// What to wait on after finding nothing.
    pub(crate) fn arrivals(&mut self, name: &TaskQueue, worker: &Identity) -> Arrivals {
        let queue = self.queue(name);
        let polling = queue.pollers.iter().find(|polling| polling.is_by(worker));
        let own = polling.map(|polling| Arc::clone(&polling.waiting));
        Arrivals {
            arrived: Arc::clone(&queue.arrived),
            waiting: [Arc::clone(&queue.waiting), own.unwrap_or_default()],
        }
    }

    /// The same queues with nothing in them; polls that wait go on waiting.
    pub(crate) fn emptied(mut self) -> Self {
        self.queues
            .values_mut()
            .for_each(|queue| queue.ready.clear());
        self
    }

    /// The queues in which something was or is.
    pub(crate) fn names(&self) -> impl Iterator<Item = &TaskQueue> {
        self.queues.keys()
    }

    /// What is ready in a queue.
    pub(crate) fn ready(&self, name: &TaskQueue) -> impl ExactSizeIterator<Item = &T> {
        self.queues
            .get(name)
            .map(|queue| queue.ready.iter())
            .unwrap_or_default()
    }

    /// Whether somebody waits for tasks of a queue.
    pub(crate) fn has_pollers(&self, name: &TaskQueue) -> bool {
        self.queues
            .get(name)
            .is_some_and(|queue| queue.waiting.load(Ordering::Acquire) > 0)
    }

    /// Whether something is ready.
    pub(crate) fn has(&self, name: &TaskQueue, paused: &Paused) -> bool {
        self.queues
            .get(name)
            .is_some_and(|queue| !queue.ready.is_empty() && !paused.contains(name))
    }

    /// Whether anything waits in some queue.
    pub(crate) fn has_ready(&self) -> bool {
        self.queues.values().any(|queue| !queue.ready.is_empty())
    }

    /// Whether something is there that a poll is about to take.
    #[expect(clippy::iter_over_hash_type, reason = "any of them will do")]
    pub(crate) fn is_being_served(&self, paused: &Paused) -> bool {
        for (name, queue) in &self.queues {
            let taken = queue.waiting.load(Ordering::Acquire) > 0 && !paused.contains(name);
            if !queue.ready.is_empty() && taken {
                return true;
            }
        }
        false
    }

    /// Wakes every poll, because the engine stops.
    #[expect(
        clippy::iter_over_hash_type,
        reason = "all are woken, in whatever order"
    )]
    pub(crate) fn wake_all(&self) {
        for queue in self.queues.values() {
            queue.arrived.notify_waiters();
            queue.arrived.notify_one();
        }
    }
}
