//! The ledger of a saga: what was done and how it is undone.
//!
//! Invariants: undoing is a task of the run in a disconnected scope (G2), which outlives the saga's future
//! and which the run waits for before it closes. No compensation starts while its step may still run (G3).

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{self, Either, LocalBoxFuture, join_all};
use steadfast_core::scope::ScopeKind;

use super::report::{Compensated, NotUndone, STILL_RUNS, STOPPED, SagaReport, TOO_LATE, UNKNOWN};
use crate::{
    definition::WorkflowDefinition,
    error::{WorkflowError, WorkflowResult},
    workflow::{Scope, TaskHandle, WorkflowContext, cell::RunCell},
};

/// What undoes something.
pub(super) type Compensate<W> =
    Box<dyn FnOnce(WorkflowContext<W>) -> LocalBoxFuture<'static, WorkflowResult<()>>>;

/// An entry of the ledger.
pub(super) struct Registered<W: WorkflowDefinition> {
    pub(super) step: String,
    pub(super) what: What<W>,
    /// It belonged to a nested saga that was dropped.
    pub(super) orphaned: bool,
}

pub(super) enum What<W: WorkflowDefinition> {
    /// A step, whose outcome decides.
    Step(Rc<dyn Settle<W>>),
    /// Something that was done outside a step.
    Done(Compensate<W>),
}

impl<W: WorkflowDefinition> Registered<W> {
    fn is_dropped(&self) -> bool {
        self.orphaned || matches!(&self.what, What::Step(step) if step.is_dropped())
    }
}

/// What has to be done about a step that has ended.
pub(super) enum Undo<W: WorkflowDefinition> {
    /// It has not happened, or nothing undoes it.
    Nothing,
    Compensate(Compensate<W>),
    /// It may have happened, and what undoes it needs the output, which nobody knows.
    Unknown,
}

/// A step in the ledger, whatever it gives.
pub(super) trait Settle<W: WorkflowDefinition> {
    /// Asks a step that runs to stop.
    fn cancel(&self);

    /// Waits until the step has ended, and takes what is to be done about it.
    fn poll_settled(&self, context: &mut Context<'_>) -> Poll<Undo<W>>;

    /// Whether nobody waits for the step any more, and it had not ended.
    fn is_dropped(&self) -> bool;
}

/// What a saga did and how it is undone.
pub(super) struct Ledger<W: WorkflowDefinition> {
    pub(super) context: WorkflowContext<W>,
    pub(super) registered: RefCell<Vec<Registered<W>>>,
    pub(super) parallel: Cell<bool>,
    pub(super) stop_on_failure: Cell<bool>,
    pub(super) deadline: Cell<Option<Duration>>,
}

/// Whoever a saga leaves its ledger to, if it is dropped unfinished (G1): the saga above, or the run.
pub(super) struct Heir<W: WorkflowDefinition> {
    pub(super) ledger: Rc<Ledger<W>>,
    pub(super) above: Option<Rc<Ledger<W>>>,
    pub(super) ended: bool,
}

impl<W: WorkflowDefinition> Drop for Heir<W> {
    fn drop(&mut self) {
        if self.ended || self.ledger.context.cell().is_evicting() {
            return;
        }
        let left = self.ledger.registered.take();
        if left.is_empty() {
            return;
        }
        match &self.above {
            Some(above) => above
                .registered
                .borrow_mut()
                .extend(left.into_iter().map(|entry| Registered {
                    orphaned: true,
                    ..entry
                })),
            None => self.ledger.start_undoing(left).detach(),
        }
    }
}

/// A compensation of any code.
pub(super) fn boxed<W: WorkflowDefinition>(
    compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
) -> Compensate<W> {
    Box::new(move |mut context| Box::pin(async move { compensation(&mut context).await }))
}

impl<W: WorkflowDefinition> Ledger<W> {
    /// Takes the steps that nobody has the outcome of.
    pub(super) fn take_dropped(&self) -> Vec<Registered<W>> {
        self.registered
            .borrow_mut()
            .extract_if(.., |entry| entry.is_dropped())
            .collect()
    }

    /// Undoes entries of the ledger, and waits for that. It goes on if nobody waits any more.
    pub(super) async fn undo(self: &Rc<Self>, entries: Vec<Registered<W>>) -> SagaReport {
        if entries.is_empty() {
            return SagaReport::default();
        }
        self.start_undoing(entries).await
    }

    fn start_undoing(self: &Rc<Self>, entries: Vec<Registered<W>>) -> TaskHandle<SagaReport> {
        let cell = self.context.cell();
        let ledger = Rc::clone(self);
        let scope = Scope::open(cell, ScopeKind::Disconnected);
        TaskHandle::spawn_to_its_end(
            cell,
            scope,
            Box::pin(async move {
                let report = ledger.undo_within_deadline(entries).await;
                if report.failed().next().is_none() {
                    tracing::info!(%report, "the saga was undone");
                } else {
                    tracing::error!(%report, "the saga could not be undone wholly");
                }
                report
            }),
        )
    }

    async fn undo_within_deadline(&self, mut entries: Vec<Registered<W>>) -> SagaReport {
        // Whatever still runs is asked to stop now, and waited for in its turn (G3).
        for entry in &entries {
            if let What::Step(step) = &entry.what {
                step.cancel();
            }
        }
        entries.reverse();
        let steps = match self.deadline.get() {
            None => self.undo_all(entries).await,
            Some(limit) => self
                .context
                .with_timeout(limit, async |_| {
                    WorkflowResult::Ok(self.undo_all(entries).await)
                })
                .await
                .unwrap_or_default(),
        };
        SagaReport { steps }
    }

    async fn undo_all(&self, entries: Vec<Registered<W>>) -> Vec<Compensated> {
        if self.parallel.get() {
            let all = entries.into_iter().map(|entry| self.undo_one(entry, false));
            return join_all(all).await.into_iter().flatten().collect();
        }
        let mut steps = Vec::new();
        let mut stopped = false;
        for entry in entries {
            if let Some(done) = self.undo_one(entry, stopped).await {
                stopped |= self.stop_on_failure.get() && done.outcome.is_err();
                steps.push(done);
            }
        }
        steps
    }

    /// Undoes one entry. `None` when there is nothing to undo.
    async fn undo_one(&self, entry: Registered<W>, stopped: bool) -> Option<Compensated> {
        let Registered { step, what, .. } = entry;
        let compensate = match what {
            What::Done(compensate) => Ok(compensate),
            What::Step(record) => match self.settled(&*record).await {
                Some(Undo::Nothing) => return None,
                Some(Undo::Compensate(compensate)) => Ok(compensate),
                Some(Undo::Unknown) => Err(UNKNOWN),
                None => Err(STILL_RUNS),
            },
        };
        let outcome = match compensate {
            Err(why) => Err(NotUndone::Failed(WorkflowError::from(why))),
            Ok(_) if stopped => Err(NotUndone::Skipped(STOPPED)),
            Ok(_) if self.context.is_cancelled() => Err(NotUndone::Skipped(TOO_LATE)),
            // A scope of its own: what one accepts or cancels is not the next one's.
            Ok(compensate) => self
                .context
                .scope(async move |ctx| compensate(ctx.clone()).await)
                .await
                .map_err(NotUndone::Failed),
        };
        Some(Compensated { step, outcome })
    }

    /// Waits until a step has ended; `None` when the deadline passes first.
    async fn settled(&self, step: &dyn Settle<W>) -> Option<Undo<W>> {
        let cell = self.context.cell();
        let settled = Settled {
            cell,
            waiter: cell.new_waiter(),
            step,
        };
        let deadline = pin!(self.context.cancellation_requested());
        match future::select(settled, deadline).await {
            Either::Left((undo, _)) => Some(undo),
            Either::Right(_) => None,
        }
    }
}

/// Waits until a step has ended, whoever polls its operation.
struct Settled<'a, W: WorkflowDefinition> {
    cell: &'a RunCell,
    waiter: u64,
    step: &'a dyn Settle<W>,
}

impl<W: WorkflowDefinition> Future for Settled<'_, W> {
    type Output = Undo<W>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Undo<W>> {
        let polled = self.step.poll_settled(context);
        if polled.is_pending() {
            // The step's own future may end it, or be dropped.
            self.cell.add_condition(self.waiter, context.waker());
        }
        polled
    }
}

impl<W: WorkflowDefinition> Drop for Settled<'_, W> {
    fn drop(&mut self) {
        self.cell.remove_condition(self.waiter);
    }
}
