//! Cancellation scopes, as workflow code opens, keeps and cancels them.
//!
//! The tree itself is in `core`; here are the futures that run a body inside a scope.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use steadfast_core::scope::{ScopeId, ScopeKind};

use super::{cell::RunCell, operation::TimerFuture, unwinding};
use crate::error::{Cancelled, TimedOut, WorkflowError};

/// Why something was cancelled. Displays as the reason that was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CancelReason(pub(crate) Arc<str>);

impl CancelReason {
    /// The reason as text; empty when none was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Code that took a request and has cleaned up ends with it: `return Err(Cancelled::from(reason).into())`. The execution
/// then closes as cancelled (F2).
impl From<CancelReason> for Cancelled {
    fn from(reason: CancelReason) -> Self {
        Self::new(reason.0)
    }
}

/// Waits for the cancellation of a scope, and accepts it (D4, D5).
///
/// A request is accepted by being taken: this has to be polled, and resolve, before the workflow's
/// code comes to rest. One that is merely kept while the code awaits something else takes nothing,
/// and the default happens.
#[must_use = "a request is only accepted while this is awaited"]
pub struct CancelledFuture {
    cell: Rc<RunCell>,
    scope: ScopeId,
    waiter: Option<u64>,
}

impl fmt::Debug for CancelledFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelledFuture({:?})", self.scope)
    }
}

impl CancelledFuture {
    pub(crate) fn new(cell: Rc<RunCell>, scope: ScopeId) -> Self {
        Self {
            cell,
            scope,
            waiter: None,
        }
    }
}

impl Future for CancelledFuture {
    type Output = CancelReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CancelReason> {
        let scope = self.scope;
        unwinding::check(&self.cell);
        let reason = match self.waiter {
            None => self.cell.with_run(|run| run.wait_for_cancel(scope)),
            Some(_) => self.cell.with_run(|run| run.accept_cancel(scope)),
        };
        match reason {
            Some(reason) => {
                if let Some(waiter) = self.waiter.take() {
                    self.cell.remove_scope_waiter(scope, waiter);
                }
                self.cell.taken(scope, &reason);
                Poll::Ready(CancelReason(reason))
            }
            None => {
                self.waiter = Some(
                    self.cell
                        .add_scope_waker(scope, self.waiter, context.waker()),
                );
                Poll::Pending
            }
        }
    }
}

impl Drop for CancelledFuture {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.cell.remove_scope_waiter(self.scope, waiter);
        }
    }
}

/// Hears of the cancellation of a scope, and accepts nothing (D10).
#[must_use = "it only hears of a request while it is awaited"]
pub struct CancellationRequestedFuture {
    cell: Rc<RunCell>,
    scope: ScopeId,
    waiter: Option<u64>,
}

impl fmt::Debug for CancellationRequestedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancellationRequestedFuture({:?})", self.scope)
    }
}

impl CancellationRequestedFuture {
    pub(crate) fn new(cell: Rc<RunCell>, scope: ScopeId) -> Self {
        Self {
            cell,
            scope,
            waiter: None,
        }
    }
}

impl Future for CancellationRequestedFuture {
    type Output = CancelReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CancelReason> {
        let scope = self.scope;
        unwinding::check(&self.cell);
        let reason = self.cell.with_run(|run| run.see_cancel(scope));
        match reason {
            Some(reason) => Poll::Ready(CancelReason(reason)),
            None => {
                self.waiter = Some(
                    self.cell
                        .add_scope_waker(scope, self.waiter, context.waker()),
                );
                Poll::Pending
            }
        }
    }
}

impl Drop for CancellationRequestedFuture {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.cell.remove_scope_waker(self.scope, waiter);
        }
    }
}

/// A scope that can be kept, cloned, and cancelled from anywhere in the workflow (S4).
#[derive(Clone)]
pub struct Scope(Rc<OpenScope>);

struct OpenScope {
    cell: Rc<RunCell>,
    id: ScopeId,
}

impl Drop for OpenScope {
    fn drop(&mut self) {
        if !self.cell.is_evicting() {
            self.cell.with_run(|run| run.close_scope(self.id));
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", self.0.id)
    }
}

impl Scope {
    pub(crate) fn open(cell: &Rc<RunCell>, kind: ScopeKind) -> Self {
        Self(Rc::new(OpenScope {
            cell: Rc::clone(cell),
            id: cell.open_scope(kind),
        }))
    }

    pub(crate) fn id(&self) -> ScopeId {
        self.0.id
    }

    /// Cancels the scope: what runs in it, and the connected scopes below it. Its parent and its
    /// siblings go on.
    ///
    /// A scope that accepted an earlier request can be cancelled again: whoever waits for it takes the
    /// new one, or what runs there is cancelled. Otherwise a second call does nothing (O4).
    pub fn cancel(&self, reason: impl AsRef<str>) {
        self.request(reason.as_ref());
    }

    /// Cancels the scope; `false` when that does nothing.
    fn request(&self, reason: &str) -> bool {
        let reason = Arc::from(reason);
        self.0
            .cell
            .with_run(|run| run.cancel_scope(self.0.id, &reason))
    }

    /// Whether the scope was cancelled. Accepts nothing.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel_reason().is_some()
    }

    /// Why the scope was cancelled, if it was. Accepts nothing.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        let cell = &self.0.cell;
        unwinding::check(cell);
        cell.peek(|run| run.scopes().reason(self.0.id).cloned().map(CancelReason))
    }
}

/// A body that runs in a scope of its own. Resolves to what the body returns, unchanged (S7).
///
/// Dropped unfinished, it cancels the scope (S6), also one that had accepted a request.
#[must_use = "the body only runs while this is polled"]
pub struct ScopeFuture<'a, T> {
    scope: Scope,
    body: Option<LocalBoxFuture<'a, T>>,
}

impl<T> fmt::Debug for ScopeFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeFuture({:?})", self.scope.0.id)
    }
}

impl<'a, T> ScopeFuture<'a, T> {
    pub(crate) fn new(scope: Scope, body: LocalBoxFuture<'a, T>) -> Self {
        Self {
            scope,
            body: Some(body),
        }
    }

    /// The scope's handle.
    #[must_use]
    pub fn handle(&self) -> Scope {
        self.scope.clone()
    }
}

impl<T> Future for ScopeFuture<'_, T> {
    type Output = T;

    /// # Panics
    ///
    /// When it is polled after its end.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let cell = Rc::clone(&self.scope.0.cell);
        let id = self.scope.0.id;
        let body = self.body.as_mut().expect("polled after it was ready");
        let polled = cell.in_scope(id, || body.as_mut().poll(context));
        if polled.is_ready() {
            cell.in_scope(id, || self.body = None);
        }
        polled
    }
}

impl<T> Drop for ScopeFuture<'_, T> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            if !self.scope.0.cell.is_evicting() {
                self.scope.cancel("no longer awaited");
            }
            let cell = Rc::clone(&self.scope.0.cell);
            cell.in_scope(self.scope.0.id, || drop(body));
        }
    }
}

/// A body that runs in a scope of its own for a limited time (S3). The limit holds whatever happened
/// before: also for a body that accepted a cancellation and cleans up.
#[must_use = "the body only runs while this is polled"]
pub struct TimeoutFuture<'a, T, E> {
    body: ScopeFuture<'a, Result<T, E>>,
    /// Until it has fired.
    timer: Option<TimerFuture>,
    after: Duration,
    /// The scope was cancelled because of the time limit.
    timed_out: bool,
}

impl<T, E> fmt::Debug for TimeoutFuture<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeoutFuture({:?}, {:?})", self.body, self.after)
    }
}

impl<'a, T, E> TimeoutFuture<'a, T, E> {
    pub(crate) fn new(
        body: ScopeFuture<'a, Result<T, E>>,
        timer: TimerFuture,
        after: Duration,
    ) -> Self {
        Self {
            body,
            timer: Some(timer),
            after,
            timed_out: false,
        }
    }
}

impl<T, E: Into<WorkflowError>> Future for TimeoutFuture<'_, T, E> {
    type Output = Result<T, WorkflowError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self.body).poll(context) {
                self.timer = None;
                let result = result.map_err(Into::into);
                return Poll::Ready(match result {
                    Err(error) if self.timed_out && error.is_cancelled() => {
                        Err(TimedOut { after: self.after }.into())
                    }
                    other => other,
                });
            }
            if let Some(timer) = &mut self.timer {
                if Pin::new(timer).poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.timer = None;
            }
            if self.timed_out {
                return Poll::Pending;
            }
            // One that was cancelled from above says so. Once it has accepted that, and cleans up, its time is
            // over all the same (S3).
            let reason = format!("timed out after {:?}", self.after);
            self.timed_out = self.body.scope.request(&reason);
            if !self.timed_out {
                return Poll::Pending;
            }
        }
    }
}

/// A task of the workflow that runs beside others. Resolves to what its body returns.
///
/// Dropped, it cancels the task and drops it; `.detach()` lets it run to its own end or the
/// workflow's.
#[must_use = "dropping a task ends it; `.detach()` lets it run"]
pub struct TaskHandle<T> {
    cell: Rc<RunCell>,
    scope: Scope,
    task: super::task_id::TaskId,
    slot: Rc<TaskSlot<T>>,
    detached: bool,
}

pub(crate) struct TaskSlot<T> {
    pub(crate) result: std::cell::RefCell<Option<T>>,
    pub(crate) operation: std::cell::Cell<Option<steadfast_core::activation::OperationId>>,
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskHandle({:?})", self.task)
    }
}

impl<T: 'static> TaskHandle<T> {
    pub(crate) fn spawn(
        cell: &Rc<RunCell>,
        scope: Scope,
        body: LocalBoxFuture<'static, T>,
    ) -> Self {
        let slot = Rc::new(TaskSlot {
            result: std::cell::RefCell::new(None),
            operation: std::cell::Cell::new(None),
        });
        let done = Rc::clone(&slot);
        let task_cell = Rc::clone(cell);
        // The scope stays open for as long as the task runs, also when its handle is gone.
        let open = scope.clone();
        let task = cell.spawn(
            scope.id(),
            Box::pin(async move {
                let _open = open;
                let result = body.await;
                done.result.replace(Some(result));
                if let Some(operation) = done.operation.take() {
                    task_cell.release(operation);
                }
            }),
        );
        Self {
            cell: Rc::clone(cell),
            scope,
            task,
            slot,
            detached: false,
        }
    }

    /// Spawns a task that ends before the run closes, and that goes on when the handle is dropped.
    pub(crate) fn spawn_to_its_end(
        cell: &Rc<RunCell>,
        scope: Scope,
        body: LocalBoxFuture<'static, T>,
    ) -> Self {
        let lasting = cell.hold_closing();
        let mut handle = Self::spawn(
            cell,
            scope,
            Box::pin(async move {
                let _lasting = lasting;
                body.await
            }),
        );
        cell.outlives_the_run_function(handle.task);
        handle.detached = true;
        handle
    }

    /// Cancels the task's scope. The task decides how it ends.
    pub fn cancel(&self, reason: impl AsRef<str>) {
        self.scope.cancel(reason);
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        unwinding::check(&self.cell);
        self.slot.result.borrow().is_some()
    }

    /// Lets the task run without anybody waiting for it.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl<T> Unpin for TaskHandle<T> {}

impl<T: 'static> Future for TaskHandle<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        unwinding::check(&self.cell);
        let ended = self.slot.result.borrow_mut().take();
        if let Some(result) = ended {
            // What it left running is its own, or detached.
            self.detached = true;
            return Poll::Ready(result);
        }
        // The wait itself belongs to no scope: a cancellation reaches the task through the task's
        // own scope, and the task says how it ended.
        let operation = match self.slot.operation.get() {
            Some(operation) => operation,
            None => {
                let operation = self.cell.start(|run, _| run.start_unscoped_internal());
                self.slot.operation.set(Some(operation));
                operation
            }
        };
        let _ = self.cell.poll_operation(operation, context.waker());
        Poll::Pending
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        if let Some(operation) = self.slot.operation.take() {
            self.cell.drop_operation(operation);
        }
        if !self.detached && self.slot.result.borrow().is_none() && !self.cell.is_evicting() {
            self.scope.cancel("no longer awaited");
            self.cell.drop_task(self.task);
        }
    }
}
