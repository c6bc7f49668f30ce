//! The ledger of a saga: what was done and how it is undone.
//!
//! Invariants: undoing is a task of the run in a disconnected scope (G2), which outlives the saga's future
//! and which the run waits for before it closes. No compensation starts while its step may still run (G3).

use std::{
    cell::{Cell, Ref, RefCell},
    future::Future,
    pin::{Pin, pin},
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{self, Either, LocalBoxFuture, join_all};
use steadfast_core::scope::ScopeKind;

use super::report::{Compensated, NotUndone, STILL_RUNS, STOPPED, SagaReport, TOO_LATE, UNKNOWN};
use crate::{
    definition::WorkflowDefinition,
    error::{WorkflowError, WorkflowResult},
    workflow::{
        Scope, TaskHandle, WorkflowContext,
        cell::{InWords, RunCell},
    },
};

/// What undoes something.
pub(super) type Compensate<W> =
    Box<dyn FnOnce(WorkflowContext<W>) -> LocalBoxFuture<'static, WorkflowResult<()>>>;

/// How the entries of a ledger are undone.
#[derive(Clone, Copy, Default)]
pub(super) struct Policy {
    pub(super) parallel: bool,
    pub(super) stop_on_failure: bool,
    pub(super) deadline: Option<Duration>,
}

/// An entry of a ledger.
pub(super) enum Entry<W: WorkflowDefinition> {
    /// A step, whose outcome decides.
    Step(&'static str, Rc<dyn Settle<W>>),
    /// Something that was done outside a step.
    Done(String, Compensate<W>),
    /// What a nested saga did, which is undone in its own way.
    Nested {
        policy: Policy,
        entries: Vec<Self>,
        dropped: bool,
    },
    /// Undoing that began before and that nobody waits for any more.
    Undoing(TaskHandle<SagaReport>),
    /// What was undone before, not wholly.
    Undone(SagaReport),
}

impl<W: WorkflowDefinition> Entry<W> {
    fn is_dropped(&self) -> bool {
        match self {
            Self::Step(_, step) => step.is_dropped(),
            Self::Done(..) | Self::Undone(_) => false,
            Self::Nested { dropped, .. } => *dropped,
            Self::Undoing(_) => true,
        }
    }

    fn each_step(&self, act: fn(&dyn Settle<W>)) {
        match self {
            Self::Step(_, step) => act(&**step),
            Self::Nested { entries, .. } => entries.iter().for_each(|entry| entry.each_step(act)),
            Self::Done(..) | Self::Undoing(_) | Self::Undone(_) => {}
        }
    }
}

/// Takes the steps that nobody has the outcome of, and what nobody waits for any more.
fn take_dropped<W: WorkflowDefinition>(entries: &mut Vec<Entry<W>>) -> Vec<Entry<W>> {
    let mut taken = Vec::new();
    for entry in std::mem::take(entries) {
        match entry {
            entry if entry.is_dropped() => taken.push(entry),
            Entry::Nested {
                policy,
                entries: mut kept,
                dropped,
            } => {
                let inside = take_dropped(&mut kept);
                if !inside.is_empty() {
                    taken.push(Entry::Nested {
                        policy,
                        entries: inside,
                        dropped: true,
                    });
                }
                entries.push(Entry::Nested {
                    policy,
                    entries: kept,
                    dropped,
                });
            }
            entry => entries.push(entry),
        }
    }
    taken
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
    /// It is being undone: one that runs is asked to stop.
    fn begin_undoing(&self);

    /// Its saga went well and no ledger has it any more.
    fn let_go(&self);

    /// Waits until the step has ended, and takes what is to be done about it.
    fn poll_settled(&self, context: &mut Context<'_>) -> Poll<Undo<W>>;

    /// Whether nobody waits for the step any more, and it had not ended.
    fn is_dropped(&self) -> bool;

    /// Whether anything undoes it, if it runs.
    fn has_compensation(&self) -> bool;

    /// Where it stands and what would undo it, for people; `None` if nothing would.
    fn in_words(&self) -> Option<String>;
}

/// Entries that wait to be undone, the last one first.
type Left<W> = RefCell<Vec<Entry<W>>>;

/// What a saga did and how it is undone.
pub(super) struct Ledger<W: WorkflowDefinition> {
    context: WorkflowContext<W>,
    entries: RefCell<Vec<Entry<W>>>,
    /// What is being undone: what is left of it.
    undoing: RefCell<Vec<Weak<Left<W>>>>,
    /// The steps whose compensations run.
    compensating: RefCell<Vec<String>>,
    policy: Cell<Policy>,
    /// The saga has not ended, so that a step may begin.
    open: Cell<bool>,
}

/// Sees to it that nothing stays in a ledger when its saga ends, however that ends (G1): what is left goes
/// to the saga above, or is undone by the run.
pub(super) struct Heir<W: WorkflowDefinition> {
    ledger: Rc<Ledger<W>>,
    above: Option<Rc<Ledger<W>>>,
}

impl<W: WorkflowDefinition> Heir<W> {
    pub(super) fn new(ledger: Rc<Ledger<W>>, above: Option<Rc<Ledger<W>>>) -> Self {
        Self { ledger, above }
    }

    /// The saga went well: what it did is the saga's above. With none above it stays done, and a step
    /// that still runs is its own future's.
    pub(super) fn end_well(self) {
        let entries = self.ledger.close();
        match &self.above {
            Some(above) => above.inherit(&self.ledger, entries, false),
            None => entries
                .iter()
                .for_each(|entry| entry.each_step(|step| step.let_go())),
        }
    }
}

impl<W: WorkflowDefinition> Drop for Heir<W> {
    fn drop(&mut self) {
        let left = self.ledger.close();
        if self.ledger.context.cell().is_evicting() {
            return;
        }
        match &self.above {
            Some(above) => above.inherit(&self.ledger, left, true),
            None if left.is_empty() => {}
            None => self.ledger.start_undoing(left).detach(),
        }
    }
}

/// Waits for undoing. Dropped before that has ended, it leaves the wait to the ledger (G4).
struct Wait<'a, W: WorkflowDefinition> {
    ledger: &'a Ledger<W>,
    task: Option<TaskHandle<SagaReport>>,
}

impl<W: WorkflowDefinition> Future for Wait<'_, W> {
    type Output = SagaReport;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SagaReport> {
        let task = self.task.as_mut().expect("polled after it was ready");
        let polled = Pin::new(task).poll(context);
        if polled.is_ready() {
            self.task = None;
        }
        polled
    }
}

impl<W: WorkflowDefinition> Drop for Wait<'_, W> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.ledger.push(Entry::Undoing(task));
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
    pub(super) fn new(context: WorkflowContext<W>) -> Rc<Self> {
        let ledger = Rc::new(Self {
            context,
            entries: RefCell::default(),
            undoing: RefCell::default(),
            compensating: RefCell::default(),
            policy: Cell::default(),
            open: Cell::new(true),
        });
        let shown: Weak<Self> = Rc::downgrade(&ledger);
        ledger.context.cell().show(shown as Weak<dyn InWords>);
        ledger
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy.get()
    }

    pub(super) fn entries(&self) -> Ref<'_, Vec<Entry<W>>> {
        self.entries.borrow()
    }

    /// What is left of what is being undone.
    pub(super) fn being_undone(&self) -> Vec<Rc<Left<W>>> {
        self.undoing
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Shows what is to be undone for as long as that goes on.
    fn show(&self, entries: Vec<Entry<W>>) -> Rc<Left<W>> {
        let left = Rc::new(RefCell::new(entries));
        let mut undoing = self.undoing.borrow_mut();
        undoing.retain(|left| left.strong_count() > 0);
        undoing.push(Rc::downgrade(&left));
        left
    }

    /// The steps whose compensations run.
    pub(super) fn compensating(&self) -> Vec<String> {
        self.compensating.borrow().clone()
    }

    pub(super) fn context(&self) -> &WorkflowContext<W> {
        &self.context
    }

    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    pub(super) fn change_policy(&self, change: impl FnOnce(&mut Policy)) {
        let mut policy = self.policy.get();
        change(&mut policy);
        self.policy.set(policy);
    }

    pub(super) fn push(&self, entry: Entry<W>) {
        self.entries.borrow_mut().push(entry);
    }

    /// Takes over what a nested saga did.
    fn inherit(&self, nested: &Self, entries: Vec<Entry<W>>, dropped: bool) {
        if !entries.is_empty() {
            let policy = nested.policy.get();
            self.push(Entry::Nested {
                policy,
                entries,
                dropped,
            });
        }
    }

    /// No step begins any more.
    fn close(&self) -> Vec<Entry<W>> {
        self.open.set(false);
        self.entries.take()
    }

    /// Undoes everything, and waits for that. It goes on if nobody waits any more.
    pub(super) async fn undo_all(self: &Rc<Self>) -> SagaReport {
        self.undo(self.entries.take()).await
    }

    /// The same at the end of the saga.
    pub(super) async fn close_and_undo(self: &Rc<Self>) -> SagaReport {
        self.undo(self.close()).await
    }

    /// Undoes what nobody has the outcome of, and waits for that. Whether it could; otherwise the ledger keeps
    /// for its own report what became of it.
    pub(super) async fn undo_dropped(self: &Rc<Self>) -> bool {
        loop {
            let dropped = take_dropped(&mut self.entries.borrow_mut());
            if dropped.is_empty() {
                return true;
            }
            let report = self.undo(dropped).await;
            if !report.is_whole() {
                self.push(Entry::Undone(report));
                return false;
            }
        }
    }

    async fn undo(self: &Rc<Self>, entries: Vec<Entry<W>>) -> SagaReport {
        if entries.is_empty() {
            return SagaReport::default();
        }
        let task = Some(self.start_undoing(entries));
        Wait { ledger: self, task }.await
    }

    /// Undoes entries in a task that ends before the run closes.
    pub(super) fn start_undoing(self: &Rc<Self>, entries: Vec<Entry<W>>) -> TaskHandle<SagaReport> {
        let cell = self.context.cell();
        let ledger = Rc::clone(self);
        let scope = Scope::open(cell, ScopeKind::Disconnected);
        TaskHandle::spawn_to_its_end(
            cell,
            scope,
            Box::pin(async move {
                let policy = ledger.policy.get();
                let report = SagaReport {
                    steps: ledger.undo_entries(policy, entries, false).await,
                };
                if !report.is_whole() {
                    tracing::error!(%report, "the saga could not be undone wholly");
                } else if !report.steps().is_empty() {
                    tracing::info!(%report, "the saga was undone");
                }
                report
            }),
        )
    }

    async fn undo_entries(
        &self,
        policy: Policy,
        entries: Vec<Entry<W>>,
        stopped: bool,
    ) -> Vec<Compensated> {
        // Whatever still runs is asked to stop now, and waited for in its turn (G3).
        for entry in &entries {
            entry.each_step(|step| step.begin_undoing());
        }
        let undoing = self.undo_last_first(policy, entries, stopped);
        match policy.deadline {
            None => undoing.await,
            Some(limit) => self
                .context
                .with_timeout(limit, async move |_| WorkflowResult::Ok(undoing.await))
                .await
                .unwrap_or_default(),
        }
    }

    async fn undo_last_first(
        &self,
        policy: Policy,
        entries: Vec<Entry<W>>,
        mut stopped: bool,
    ) -> Vec<Compensated> {
        if policy.parallel {
            let entries = entries.into_iter().rev();
            let all = entries.map(|entry| self.undo_one(entry, stopped));
            return join_all(all).await.into_iter().flatten().collect();
        }
        let left = self.show(entries);
        let mut steps = Vec::new();
        loop {
            let last = left.borrow_mut().pop();
            let Some(entry) = last else { break };
            let done = self.undo_one(entry, stopped).await;
            stopped |= policy.stop_on_failure && done.iter().any(|step| step.outcome.is_err());
            steps.extend(done);
        }
        steps
    }

    /// Undoes one entry, and says of each step in it how that went.
    async fn undo_one(&self, entry: Entry<W>, stopped: bool) -> Vec<Compensated> {
        let (step, compensate) = match entry {
            Entry::Nested {
                policy, entries, ..
            } => return Box::pin(self.undo_entries(policy, entries, stopped)).await,
            Entry::Undoing(task) => return self.undone(task).await.steps,
            Entry::Undone(report) => return report.steps,
            Entry::Done(step, compensate) => (step, Ok(compensate)),
            Entry::Step(step, record) => {
                let compensate = match self.settled(&*record).await {
                    Some(Undo::Nothing) => return Vec::new(),
                    Some(Undo::Compensate(compensate)) => Ok(compensate),
                    Some(Undo::Unknown) => Err(UNKNOWN),
                    None if !record.has_compensation() => return Vec::new(),
                    None => Err(STILL_RUNS),
                };
                (step.to_owned(), compensate)
            }
        };
        let outcome = match compensate {
            Err(why) => Err(NotUndone::Failed(WorkflowError::from(why))),
            Ok(_) if stopped => Err(NotUndone::Skipped(STOPPED)),
            Ok(_) if self.context.is_cancelled() => Err(NotUndone::Skipped(TOO_LATE)),
            // A scope of its own: what one accepts or cancels is not the next one's.
            Ok(compensate) => {
                self.compensating.borrow_mut().push(step.clone());
                let scope = self
                    .context
                    .scope(async move |ctx| compensate(ctx.clone()).await);
                let outcome = scope.await;
                let mut compensating = self.compensating.borrow_mut();
                if let Some(place) = compensating.iter().position(|other| *other == step) {
                    compensating.remove(place);
                }
                outcome.map_err(NotUndone::Failed)
            }
        };
        vec![Compensated { step, outcome }]
    }

    /// Waits for undoing that began before, and ends it when the deadline passes first.
    async fn undone(&self, task: TaskHandle<SagaReport>) -> SagaReport {
        let deadline = pin!(self.context.cancellation_requested());
        match future::select(task, deadline).await {
            Either::Left((report, _)) => report,
            Either::Right((why, task)) => {
                task.cancel(why.as_str());
                task.await
            }
        }
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
