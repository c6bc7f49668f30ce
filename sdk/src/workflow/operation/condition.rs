//! Waiting for the workflow's own state.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{RawOperation, TimerFuture, timer::plain_outcome};
use crate::error::Cancelled;

/// Waits until a condition of the state holds. Resolves to [`Cancelled`] when its scope is
/// cancelled first.
#[must_use = "a condition is only waited for while this is polled"]
pub struct ConditionFuture<'a> {
    operation: RawOperation,
    waiter: u64,
    predicate: Box<dyn FnMut() -> bool + 'a>,
}

impl fmt::Debug for ConditionFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConditionFuture")
            .field(&self.operation)
            .finish()
    }
}

impl<'a> ConditionFuture<'a> {
    pub(crate) fn new(operation: RawOperation, predicate: Box<dyn FnMut() -> bool + 'a>) -> Self {
        let waiter = operation.cell().new_waiter();
        Self {
            operation,
            waiter,
            predicate,
        }
    }
}

impl Future for ConditionFuture<'_> {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A condition that holds already is met even in a cancelled scope: there is nothing to
        // wait for.
        if !self.operation.is_resolved() && (self.predicate)() {
            let cell = self.operation.cell();
            cell.fulfil(self.operation.id());
            cell.stir();
        }
        let polled = self.operation.poll(context).map(plain_outcome);
        let cell = self.operation.cell();
        match polled {
            Poll::Ready(_) => cell.remove_condition(self.waiter),
            Poll::Pending => cell.add_condition(self.waiter, context.waker()),
        }
        polled
    }
}

impl Drop for ConditionFuture<'_> {
    fn drop(&mut self) {
        self.operation.cell().remove_condition(self.waiter);
    }
}

/// Waits until a condition of the state holds or a time is over.
#[derive(Debug)]
#[must_use = "a condition is only waited for while this is polled"]
pub struct TimedConditionFuture<'a> {
    condition: ConditionFuture<'a>,
    timer: TimerFuture,
}

impl<'a> TimedConditionFuture<'a> {
    pub(crate) fn new(condition: ConditionFuture<'a>, timer: TimerFuture) -> Self {
        Self { condition, timer }
    }
}

impl Future for TimedConditionFuture<'_> {
    /// Whether the condition holds.
    type Output = Result<bool, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(met) = Pin::new(&mut self.condition).poll(context) {
            return Poll::Ready(met.map(|()| true));
        }
        Pin::new(&mut self.timer)
            .poll(context)
            .map(|fired| fired.map(|()| false))
    }
}
