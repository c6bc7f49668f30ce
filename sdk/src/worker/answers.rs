//! What is left of calls that bring answers to the engine: it is driven by one task of the runtime.
//!
//! The engine takes most answers a moment later, with a commit, and many at once. To start, wake and end
//! a task of the runtime for each of them would cost more than all the rest of an answer.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Wake, Waker},
};

use futures_util::future::BoxFuture;
use tokio::{runtime::Handle, sync::mpsc};

/// Drives answers; cheap to clone. What is still waiting when the runtime ends is dropped.
#[derive(Clone)]
pub(crate) struct Answers {
    woken: mpsc::UnboundedSender<Arc<Answer>>,
    runtime: Handle,
}

struct Answer {
    /// Until it is done.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    woken: mpsc::UnboundedSender<Arc<Self>>,
}

impl Answers {
    /// Starts the task that drives them, which ends with the last of the clones and of the answers.
    pub(crate) fn start() -> Self {
        let (woken, mut answers) = mpsc::unbounded_channel::<Arc<Answer>>();
        tokio::spawn(async move {
            while let Some(answer) = answers.recv().await {
                answer.poll();
            }
        });
        Self {
            woken,
            runtime: Handle::current(),
        }
    }

    /// Polls an answer here and now, on any thread, and elsewhere as soon as it is woken. Says whether it
    /// is done already.
    pub(crate) fn drive(&self, answer: impl Future<Output = ()> + Send + 'static) -> bool {
        let _runtime = self.runtime.enter();
        let answer = Arc::new(Answer {
            future: Mutex::new(Some(Box::pin(answer))),
            woken: self.woken.clone(),
        });
        answer.poll()
    }
}

impl Answer {
    fn poll(self: &Arc<Self>) -> bool {
        let mut future = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = future.as_mut() else {
            return true;
        };
        let waker = Waker::from(Arc::clone(self));
        let poll = AssertUnwindSafe(|| waiting.as_mut().poll(&mut Context::from_waker(&waker)));
        // The panic of one answer, which the panic hook reports, must not take the others along.
        let done = catch_unwind(poll).map_or(true, |poll| poll.is_ready());
        if done {
            *future = None;
        }
        done
    }
}

impl Wake for Answer {
    fn wake(self: Arc<Self>) {
        let woken = self.woken.clone();
        // Without a runtime nobody waits for answers any more.
        let _ = woken.send(self);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_ready_is_done_at_once_and_the_rest_when_it_is_woken() {
        let answers = Answers::start();
        let (done, mut is_done) = mpsc::unbounded_channel();
        let (engine, taken) = oneshot::channel::<()>();
        let (at_once, later) = (done.clone(), done);
        assert!(answers.drive(async move { at_once.send("at once").unwrap() }));
        assert!(!answers.drive(async move {
            taken.await.unwrap();
            later.send("later").unwrap();
        }));
        assert_eq!(is_done.recv().await, Some("at once"));
        engine.send(()).unwrap();
        assert_eq!(is_done.recv().await, Some("later"));
    }

    #[tokio::test]
    async fn one_that_panics_leaves_the_others_alone() {
        let answers = Answers::start();
        let (engine, taken) = oneshot::channel::<()>();
        let (engine_of_other, taken_of_other) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        answers.drive(async move { taken.await.expect("an engine that answers") });
        answers.drive(async move {
            taken_of_other.await.unwrap();
            done.send(()).unwrap();
        });
        drop(engine);
        engine_of_other.send(()).unwrap();
        is_done.await.unwrap();
    }
}
