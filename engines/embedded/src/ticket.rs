//! Waiting for a commit: everything that is committed together has one list of those who wait.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use steadfast_engine::EngineError;

use super::ended::gone;

/// Says how a commit went to all who wait for it, or that the engine is gone when it is dropped before.
#[derive(Debug, Default)]
pub(crate) struct Promise(Arc<Mutex<Outcome>>);

/// A wait for the commit of everything that was queued so far.
#[derive(Debug)]
#[must_use = "it waits for nothing unless it is awaited"]
pub(crate) struct Ticket {
    outcome: Arc<Mutex<Outcome>>,
    /// Where its waker is.
    place: Option<usize>,
}

#[derive(Debug)]
enum Outcome {
    Open(Vec<Waker>),
    Known(Result<(), EngineError>),
    /// It failed with, and perhaps because of, what others wanted to be written.
    FailedWithOthers(EngineError),
}

impl Default for Outcome {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl Promise {
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket {
            outcome: Arc::clone(&self.0),
            place: None,
        }
    }

    /// Tells everybody, best without a lock: they are woken.
    pub(crate) fn tell(self, result: Result<(), EngineError>) {
        self.settle(Outcome::Known(result));
    }

    /// Tells everybody that it failed, of whom some may have failed because of others.
    pub(crate) fn tell_failed_with_others(self, error: EngineError) {
        self.settle(Outcome::FailedWithOthers(error));
    }

    fn settle(&self, known: Outcome) {
        let mut outcome = lock(&self.0);
        if let Outcome::Open(wakers) = &mut *outcome {
            let wakers = mem::take(wakers);
            *outcome = known;
            drop(outcome);
            for waker in wakers {
                waker.wake();
            }
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Outcome::Known(Err(gone())));
    }
}

impl Ticket {
    /// How it went, and whether it failed with, and perhaps because of, what others wanted.
    pub(crate) async fn outcome(mut self) -> (Result<(), EngineError>, bool) {
        let result = (&mut self).await;
        let with_others = matches!(*lock(&self.outcome), Outcome::FailedWithOthers(_));
        (result, with_others)
    }
}

impl Future for Ticket {
    type Output = Result<(), EngineError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = &mut *self;
        match &mut *lock(&ticket.outcome) {
            Outcome::Known(result) => Poll::Ready(result.clone()),
            Outcome::FailedWithOthers(error) => Poll::Ready(Err(error.clone())),
            Outcome::Open(wakers) => {
                if let Some(waker) = ticket.place.and_then(|place| wakers.get_mut(place)) {
                    waker.clone_from(context.waker());
                } else {
                    ticket.place = Some(wakers.len());
                    wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

fn lock(outcome: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::try_join_all};

    use super::*;

    #[tokio::test]
    async fn everybody_hears_how_the_commit_went() {
        let promise = Promise::default();
        let early = tokio::spawn(try_join_all([promise.ticket(), promise.ticket()]));
        tokio::task::yield_now().await;
        let late = promise.ticket();
        promise.tell(Ok(()));
        early.await.unwrap().unwrap();
        late.now_or_never().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_ticket_wakes_whoever_polled_it_last() {
        let promise = Promise::default();
        let mut ticket = promise.ticket();
        assert!((&mut ticket).now_or_never().is_none());
        let moved = tokio::spawn(ticket);
        tokio::task::yield_now().await;
        promise.tell(Ok(()));
        moved.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_promise_that_is_not_kept_says_so() {
        let promise = Promise::default();
        let ticket = promise.ticket();
        drop(promise);
        let error = ticket.await.unwrap_err();
        assert!(matches!(error, EngineError::Stopped { .. }), "{error}");
    }
}
