//! Polls that lose no task (E7).
//!
//! A request to the service may bring a task although nobody waits any more. So requests belong to a
//! [`Source`] and not to whoever waits: what they bring is put down there, and whoever comes next
//! takes it. There are only as many requests as somebody waits for, and with a sticky queue at
//! least one for either queue. When a worker stops, the service is told to answer its requests, and
//! what they still bring is for the worker, as is what an answer to another task brings along.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use steadfast_engine::EngineError;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tonic::Status;

use super::{
    service::{Backoff, may_pass},
    status::error_of,
};

/// Which of a worker's queues is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Queue {
    /// The one that everybody knows.
    Normal,
    /// The one for runs that the worker has in memory.
    Sticky,
}

/// Asks a queue once; `None` when it had nothing.
pub(super) type Fetch<T> =
    Box<dyn Fn(Queue) -> BoxFuture<'static, Result<Option<T>, Status>> + Send + Sync>;

/// Tasks of one kind for one worker.
pub(super) struct Source<T> {
    /// Whose tasks they are, for the logs.
    task_queue: String,
    fetch: Fetch<T>,
    sticky: bool,
    /// One permit for each task that was put down.
    ready: Semaphore,
    /// How many answers to other tasks may still bring some.
    promises: watch::Sender<usize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    brought: VecDeque<Result<T, EngineError>>,
    waiting: usize,
    normal: usize,
    sticky: usize,
    requests: JoinSet<()>,
    /// Whether the last request to end failed.
    failing: bool,
    closed: bool,
    emptied: bool,
}

impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Source<T> {
    pub(super) fn new(task_queue: &str, sticky: bool, fetch: Fetch<T>) -> Arc<Self> {
        Arc::new(Self {
            task_queue: task_queue.to_owned(),
            fetch,
            sticky,
            ready: Semaphore::new(0),
            promises: watch::Sender::new(0),
            state: Mutex::new(State {
                brought: VecDeque::new(),
                waiting: 0,
                normal: 0,
                sticky: 0,
                requests: JoinSet::new(),
                failing: false,
                closed: false,
                emptied: false,
            }),
        })
    }

    /// Waits for a task; `None` when the source has ended. Nothing is lost when this is dropped.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Result<T, EngineError>> {
        let _waiting = Waiting::new(self);
        let permit = self.ready.acquire().await.ok()?;
        let task = self.lock().brought.pop_front();
        permit.forget();
        task
    }

    /// Makes no more requests. What those under way bring is for whoever waits. `true` when that was so before.
    pub(super) fn close(&self) -> bool {
        std::mem::replace(&mut self.lock().closed, true)
    }

    /// Waits for the requests and promises that are under way, at most for a time. `false` when some are left.
    pub(super) async fn rest(&self, at_most: Duration) -> bool {
        let mut requests = std::mem::take(&mut self.lock().requests);
        let mut promises = self.promises.subscribe();
        let all = async {
            while requests.join_next().await.is_some() {}
            let _ = promises.wait_for(|promises| *promises == 0).await;
        };
        let ended = tokio::time::timeout(at_most, all).await.is_ok();
        self.lock().requests = requests;
        ended
    }

    /// Gives what was brought and not taken, gives up the requests that are left, and wakes whoever waits.
    pub(super) fn end(&self) -> Vec<T> {
        self.ready.close();
        let mut state = self.lock();
        state.emptied = true;
        state.requests.abort_all();
        state.brought.drain(..).filter_map(Result::ok).collect()
    }

    /// Starts as many requests as are wanted and not under way.
    fn ask(self: &Arc<Self>) {
        let mut state = self.lock();
        while state.requests.try_join_next().is_some() {}
        while let Some(queue) = state.wanted(self.sticky) {
            *state.under_way(queue) += 1;
            let request = request(Arc::downgrade(self), queue);
            state.requests.spawn(request);
        }
    }

    /// Lets an answer to another task bring tasks along, up to a number: as many as could be taken at once, with one
    /// to spare for a request that brings one. `None` when that is no task.
    pub(super) fn promise(self: &Arc<Self>, at_most: usize) -> Option<Promise<T>> {
        let state = self.lock();
        let spare = state.waiting.saturating_sub(state.brought.len() + 1);
        let tasks = spare.min(at_most);
        if state.closed || tasks == 0 {
            return None;
        }
        self.promises.send_modify(|promises| *promises += 1);
        Some(Promise {
            source: Arc::clone(self),
            tasks,
        })
    }

    /// Puts down a task for whoever waits, or for the end; gives it back when that is over.
    fn offer(&self, task: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.emptied {
            return Err(task);
        }
        state.brought.push_back(Ok(task));
        self.ready.add_permits(1);
        Ok(())
    }

    /// Puts down what a request brought.
    fn put(&self, task: Result<T, EngineError>) {
        self.lock().brought.push_back(task);
        self.ready.add_permits(1);
    }

    /// Which queue is asked next by a request that ended; `None` when it is over.
    fn again(&self, queue: Queue) -> Option<Queue> {
        let mut state = self.lock();
        *state.under_way(queue) -= 1;
        let next = state.wanted(self.sticky)?;
        *state.under_way(next) += 1;
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tasks that an answer may bring along. The source waits for it before it ends.
#[derive(Debug)]
pub(super) struct Promise<T> {
    source: Arc<Source<T>>,
    tasks: usize,
}

impl<T: Send + 'static> Promise<T> {
    /// How many tasks there may be.
    pub(super) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Puts down a task; gives it back when the source did not wait for it any more.
    pub(super) fn keep(&self, task: T) -> Result<(), T> {
        self.source.offer(task)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.source.promises.send_modify(|promises| *promises -= 1);
    }
}

impl<T> State<T> {
    /// The queue that one more request should go to.
    fn wanted(&self, has_sticky: bool) -> Option<Queue> {
        let waiting = self.waiting.saturating_sub(self.brought.len());
        match (waiting, has_sticky) {
            _ if self.closed => None,
            (0, _) => None,
            (_, false) => (self.normal < waiting).then_some(Queue::Normal),
            (_, true) if self.normal == 0 => Some(Queue::Normal),
            (_, true) if self.sticky == 0 => Some(Queue::Sticky),
            (_, true) if self.normal + self.sticky >= waiting => None,
            (_, true) if self.normal < self.sticky => Some(Queue::Normal),
            (_, true) => Some(Queue::Sticky),
        }
    }

    fn under_way(&mut self, queue: Queue) -> &mut usize {
        match queue {
            Queue::Normal => &mut self.normal,
            Queue::Sticky => &mut self.sticky,
        }
    }
}

/// Counts whoever waits.
struct Waiting<'a, T>(&'a Source<T>);

impl<'a, T: Send + 'static> Waiting<'a, T> {
    fn new(source: &'a Arc<Source<T>>) -> Self {
        source.lock().waiting += 1;
        let waiting = Self(source);
        source.ask();
        waiting
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
    }
}

/// Asks a queue for as long as that is wanted. What may pass is tried again with backoff.
async fn request<T: Send + 'static>(source: Weak<Source<T>>, mut queue: Queue) {
    let mut backoff = Backoff::default();
    loop {
        let fetched = match source.upgrade() {
            Some(source) => (source.fetch)(queue),
            None => return,
        };
        let fetched = fetched.await;
        let Some(source) = source.upgrade() else {
            return;
        };
        match fetched {
            Ok(task) => {
                if std::mem::take(&mut source.lock().failing) {
                    tracing::info!(
                        task_queue = source.task_queue,
                        "the Temporal Service answers again"
                    );
                }
                backoff = Backoff::default();
                if let Some(task) = task {
                    source.put(Ok(task));
                }
            }
            Err(status) if may_pass(&status) => {
                if !std::mem::replace(&mut source.lock().failing, true) {
                    tracing::warn!(
                        task_queue = source.task_queue,
                        code = ?status.code(),
                        error = status.message(),
                        "polling the Temporal Service failed; it is tried again"
                    );
                }
                if source.lock().closed {
                    return;
                }
                let wait = backoff.after(&status);
                drop(source);
                tokio::time::sleep(wait).await;
                continue;
            }
            Err(status) => source.put(Err(error_of(&status))),
        }
        match source.again(queue) {
            Some(next) => queue = next,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::sync::mpsc;

    use super::*;

    /// A source whose requests each take one task from a channel.
    fn source(tasks: mpsc::UnboundedReceiver<u32>) -> Arc<Source<u32>> {
        let tasks = Arc::new(tokio::sync::Mutex::new(tasks));
        let fetch: Fetch<u32> = Box::new(move |_| {
            let tasks = Arc::clone(&tasks);
            Box::pin(async move { Ok(tasks.lock().await.recv().await) })
        });
        Source::new("queue", true, fetch)
    }

    #[tokio::test(start_paused = true)]
    async fn polls_that_are_dropped_lose_no_task_e7() {
        let (send, tasks) = mpsc::unbounded_channel();
        let source = source(tasks);
        let mut found = BTreeSet::new();
        for number in 0..100 {
            // Given up at once, or just when the task may have come.
            let poll = tokio::time::timeout(Duration::from_millis(number % 3), source.next());
            if let Ok(task) = poll.await {
                found.insert(task.unwrap().unwrap());
            }
            send.send(u32::try_from(number).unwrap()).unwrap();
            tokio::task::yield_now().await;
        }
        while found.len() < 100 {
            found.insert(source.next().await.unwrap().unwrap());
        }
        assert_eq!(found, (0..100).collect());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_the_end_is_taken_or_given_back_e7() {
        let (send, tasks) = mpsc::unbounded_channel();
        let source = source(tasks);
        let waiting = {
            let source = Arc::clone(&source);
            tokio::spawn(async move { source.next().await })
        };
        tokio::task::yield_now().await;
        source.close();
        send.send(7).unwrap();
        send.send(8).unwrap();
        assert!(source.rest(Duration::from_secs(1)).await);
        assert_eq!(waiting.await.unwrap().unwrap().unwrap(), 7);
        assert_eq!(source.end(), [8]);
        assert!(source.next().await.is_none());
    }

    /// A task that an answer brings while the worker stops would else have to wait for its time limit.
    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_what_was_promised_e7() {
        let (_send, tasks) = mpsc::unbounded_channel();
        let source = source(tasks);
        assert!(source.promise(3).is_none(), "nobody could take a task");
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let source = Arc::clone(&source);
                tokio::spawn(async move { source.next().await.is_none() })
            })
            .collect();
        tokio::task::yield_now().await;
        let promise = source.promise(3).unwrap();
        assert_eq!(promise.tasks(), 2, "one to spare for a request");
        source.close();
        assert!(source.promise(3).is_none(), "the source ends");
        for waiting in waiting {
            waiting.abort();
        }
        let ends = source.rest(Duration::from_secs(60));
        let brings = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            promise.keep(7).unwrap();
            drop(promise);
        };
        let _ = tokio::join!(ends, brings);
        assert_eq!(source.end(), [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_and_nothing_is_asked() {
        let (send, tasks) = mpsc::unbounded_channel();
        let source = source(tasks);
        send.send(1).unwrap();
        assert_eq!(source.next().await.unwrap().unwrap(), 1);
        let state = source.lock();
        assert!(
            state.normal + state.sticky <= 1,
            "the other queue's request"
        );
        assert_eq!(state.waiting, 0);
    }
}
