//! Sagas: steps, and what undoes them.
//!
//! Invariants: a step is in its saga's ledger before it starts, and its operation is the ledger's, so
//! that whatever becomes of the step's future the saga can wait for its outcome (G1). Undoing is a task
//! of the run in a disconnected scope (G2), which outlives the saga's future and which the run waits
//! for before it closes. No compensation starts while its step may still be running (G3); last step
//! first unless the saga says otherwise (G4). Whatever was due and is not undone is in the report.

mod step;

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{self, Either, LocalBoxFuture, join_all};
use steadfast_core::{
    options::{ActivityCancellationType, ChildWorkflowCancellationType},
    scope::ScopeKind,
};

pub use self::step::{SagaStep, StepError};
use self::step::{Settle, Undo};
use super::{
    ActivityOptions, ChildWorkflowOptions, Scope, TaskHandle, WorkflowContext, cell::RunCell,
};
use crate::{
    definition::{ActivityDefinition, RunDefinition, WorkflowDefinition},
    error::{ActivityExecutionError, ChildWorkflowError, WorkflowError, WorkflowResult},
};

type Compensate<W> =
    Box<dyn FnOnce(WorkflowContext<W>) -> LocalBoxFuture<'static, WorkflowResult<()>>>;

/// An entry of the ledger.
struct Registered<W: WorkflowDefinition> {
    step: String,
    what: What<W>,
    /// It belonged to a nested saga that was dropped.
    orphaned: bool,
}

enum What<W: WorkflowDefinition> {
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

struct Inner<W: WorkflowDefinition> {
    context: WorkflowContext<W>,
    registered: RefCell<Vec<Registered<W>>>,
    parallel: Cell<bool>,
    stop_on_failure: Cell<bool>,
    deadline: Cell<Option<Duration>>,
}

/// Steps, and what undoes them. Made by [`WorkflowContext::saga`].
pub struct Saga<W: WorkflowDefinition>(Rc<Inner<W>>);

impl<W: WorkflowDefinition> fmt::Debug for Saga<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saga({} steps)", self.0.registered.borrow().len())
    }
}

impl<W: WorkflowDefinition> Saga<W> {
    pub(crate) fn new(context: WorkflowContext<W>) -> Self {
        Self(Rc::new(Inner {
            context,
            registered: RefCell::new(Vec::new()),
            parallel: Cell::new(false),
            stop_on_failure: Cell::new(false),
            deadline: Cell::new(None),
        }))
    }

    /// Runs compensations side by side instead of last step first.
    pub fn parallel(&mut self) -> &mut Self {
        self.0.parallel.set(true);
        self
    }

    /// Stops at the first compensation that fails instead of going on with the others. Those that are
    /// left are in the report as skipped (G7).
    pub fn stop_on_failed_compensation(&mut self) -> &mut Self {
        self.0.stop_on_failure.set(true);
        self
    }

    /// Gives all compensations together so much time, from when undoing begins (G8). Without it they
    /// have no limit but their own options. When it is over, what runs is cancelled, what has not begun
    /// is skipped, and the report has both.
    pub fn compensation_deadline(&mut self, limit: Duration) -> &mut Self {
        self.0.deadline.set(Some(limit));
        self
    }

    /// Prepares a step; say next how it is undone. Whatever the options say, the step waits for the
    /// outcome of its activity when it is cancelled (G3).
    ///
    /// A step that fails is taken not to have happened if its first attempt ended with an error. If there were
    /// earlier attempts, one of them may have done the work, so the step is undone unless its error says
    /// [`nothing_happened`](crate::error::ApplicationFailure::nothing_happened) (G5). A panic, and a result that
    /// cannot be written, recorded or read, do not say that nothing happened either: the step is undone.
    pub fn step<A: ActivityDefinition>(
        &self,
        activity: A,
        input: A::Input,
        options: impl Into<ActivityOptions>,
    ) -> SagaStep<W, A::Output, ActivityExecutionError> {
        let mut options = options.into();
        options.cancellation_type = ActivityCancellationType::WaitCancellationCompleted;
        let only_attempt = options
            .retry_policy
            .as_ref()
            .is_some_and(|policy| policy.maximum_attempts == 1);
        let context = self.0.context.clone();
        SagaStep::new(
            Rc::clone(&self.0),
            A::ACTIVITY_TYPE,
            Box::pin(async move { context.start_activity(activity, input, options).await }),
            only_attempt,
        )
    }

    /// Prepares a step that a child workflow does; say next how it is undone. Whatever the options
    /// say, the step waits for the end of the child when it is cancelled (G3).
    ///
    /// A child that fails is taken to have undone what it did, as an activity that fails is; one that
    /// was cancelled, timed out or was terminated after its start is compensated (G5), and so is one that failed
    /// with a retry policy, because how its earlier runs ended is not known.
    pub fn child_workflow<R: RunDefinition>(
        &self,
        run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<ChildWorkflowOptions>,
    ) -> SagaStep<W, <R::Workflow as WorkflowDefinition>::Output, ChildWorkflowError> {
        let mut options = options.into();
        options.cancellation_type = ChildWorkflowCancellationType::WaitCancellationCompleted;
        let only_attempt = options
            .retry_policy
            .as_ref()
            .is_none_or(|policy| policy.maximum_attempts == 1);
        let context = self.0.context.clone();
        SagaStep::new(
            Rc::clone(&self.0),
            R::Workflow::WORKFLOW_TYPE,
            Box::pin(async move { context.start_child_workflow(run, input, options).await }),
            only_attempt,
        )
    }

    /// Runs a saga as a part of this one. If it ends with an error it is undone at once; if it
    /// succeeds, what it did is undone with this saga, should that fail later; if it is dropped, it is
    /// undone when this saga ends, however that ends.
    ///
    /// # Errors
    ///
    /// The error of the body; with what could not be undone as a [`SagaError`].
    pub async fn nested<T, E: Into<WorkflowError>>(
        &self,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> WorkflowResult<T> {
        let inner = Self::new(self.0.context.clone());
        let registered = Rc::clone(&inner.0);
        let value = inner.run_below(Some(Rc::clone(&self.0)), body).await?;
        self.0
            .registered
            .borrow_mut()
            .append(&mut registered.registered.borrow_mut());
        Ok(value)
    }

    /// Registers a compensation of any kind, for what was done outside a step.
    pub fn compensate_with(
        &self,
        step: impl Into<String>,
        compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
    ) {
        self.0.registered.borrow_mut().push(Registered {
            step: step.into(),
            what: What::Done(boxed(compensation)),
            orphaned: false,
        });
    }

    /// Undoes now what was done so far, and says how that went. Undoing goes on if this is dropped.
    pub async fn unwind(&self) -> SagaReport {
        self.0.undo(self.0.registered.take()).await
    }

    pub(crate) async fn run<T, E: Into<WorkflowError>>(
        self,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> WorkflowResult<T> {
        self.run_below(None, body).await
    }

    async fn run_below<T, E: Into<WorkflowError>>(
        mut self,
        above: Option<Rc<Inner<W>>>,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> WorkflowResult<T> {
        let mut heir = Heir {
            ledger: Rc::clone(&self.0),
            above,
            ended: false,
        };
        let result = body(&mut self).await.map_err(Into::into);
        let ledger = Rc::clone(&self.0);
        match result {
            Err(error) if !error.is_continue_as_new() => {
                let report = ledger.undo(ledger.registered.take()).await;
                if report.failed().next().is_none() {
                    Err(error)
                } else {
                    Err(SagaError::new(error, &report).into())
                }
            }
            other => {
                // Nobody has the outcome of a step whose future was dropped, so it is undone also
                // where the saga goes well.
                ledger.undo(ledger.take_dropped()).await;
                heir.ended = true;
                other
            }
        }
    }
}

/// Whoever a saga leaves its ledger to, if it is dropped unfinished (G1): the saga above, or the run.
struct Heir<W: WorkflowDefinition> {
    ledger: Rc<Inner<W>>,
    above: Option<Rc<Inner<W>>>,
    ended: bool,
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

fn boxed<W: WorkflowDefinition>(
    compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
) -> Compensate<W> {
    Box::new(move |mut context| Box::pin(async move { compensation(&mut context).await }))
}

impl<W: WorkflowDefinition> Inner<W> {
    /// Takes the steps that nobody has the outcome of.
    fn take_dropped(&self) -> Vec<Registered<W>> {
        self.registered
            .borrow_mut()
            .extract_if(.., |entry| entry.is_dropped())
            .collect()
    }

    /// Undoes entries of the ledger, and waits for that. It goes on if nobody waits any more.
    async fn undo(self: &Rc<Self>, entries: Vec<Registered<W>>) -> SagaReport {
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

const UNKNOWN: &str = "the step may have happened and could not be undone: its output, from which it \
    would be undone, is not known; undo it with a key that is known before, or give it a `look_up`";
const STILL_RUNS: &str = "the step still ran when the time for compensations was over: it may happen, \
    and is not undone";
const STOPPED: &str = "skipped, because a compensation before it failed";
const TOO_LATE: &str = "skipped, because the time for compensations was over";

#[derive(Debug)]
enum NotUndone {
    Failed(WorkflowError),
    Skipped(&'static str),
}

/// How one step was undone.
#[derive(Debug)]
pub struct Compensated {
    step: String,
    outcome: Result<(), NotUndone>,
}

impl Compensated {
    /// The step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Whether it was not tried, because one before it failed or the time was over (G7, G8).
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self.outcome, Err(NotUndone::Skipped(_)))
    }

    /// Why it could not be undone, if that was tried and failed.
    #[must_use]
    pub fn error(&self) -> Option<&WorkflowError> {
        match &self.outcome {
            Err(NotUndone::Failed(error)) => Some(error),
            Err(NotUndone::Skipped(_)) | Ok(()) => None,
        }
    }
}

/// What a saga undid and what it did not, in the order in which it was tried.
#[derive(Debug, Default)]
pub struct SagaReport {
    steps: Vec<Compensated>,
}

impl SagaReport {
    /// Every step that was to be undone.
    #[must_use]
    pub fn steps(&self) -> &[Compensated] {
        &self.steps
    }

    /// The steps that are not undone, also those that were skipped.
    pub fn failed(&self) -> impl Iterator<Item = &Compensated> {
        self.steps.iter().filter(|step| step.outcome.is_err())
    }
}

impl fmt::Display for SagaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match &step.outcome {
                Ok(()) => write!(f, "`{}` compensated", step.step)?,
                Err(NotUndone::Failed(error)) => {
                    write!(f, "`{}` not compensated: {error}", step.step)?;
                }
                Err(NotUndone::Skipped(why)) => {
                    write!(f, "`{}` not compensated: {why}", step.step)?;
                }
            }
        }
        Ok(())
    }
}

/// A saga that ended with an error and could not undo everything. The original error stays its
/// source, so a cancellation stays one.
#[derive(Debug)]
pub struct SagaError {
    source: Box<dyn Error + Send + Sync>,
    report: String,
}

impl SagaError {
    fn new(error: WorkflowError, report: &SagaReport) -> Self {
        let report = report.to_string();
        Self {
            source: error.into_source(),
            report,
        }
    }
}

impl fmt::Display for SagaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (saga: {})", self.source, self.report)
    }
}

impl Error for SagaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
