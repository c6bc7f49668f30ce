//! Sagas: steps, and what undoes them.
//!
//! Invariants: a step is in its saga's ledger before it starts, and its operation is the ledger's, so
//! that whatever becomes of the step's future the saga can wait for its outcome (G1). Undoing is a task
//! of the run in a disconnected scope (G2), which outlives the saga's future and which the run waits
//! for before it closes. No compensation starts while its step may still be running (G3); last step
//! first unless the saga says otherwise (G4). Whatever was due and is not undone is in the report.

mod ledger;
mod report;
mod step;

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use steadfast_core::options::{ActivityCancellationType, ChildWorkflowCancellationType};

use self::ledger::{Heir, Ledger, Registered, What, boxed};
pub use self::{
    report::{Compensated, SagaError, SagaReport},
    step::{SagaStep, StepError},
};
use super::{ActivityOptions, ChildWorkflowOptions, WorkflowContext};
use crate::{
    definition::{ActivityDefinition, RunDefinition, WorkflowDefinition},
    error::{ActivityExecutionError, ChildWorkflowError, WorkflowError, WorkflowResult},
};

/// Steps, and what undoes them. Made by [`WorkflowContext::saga`].
pub struct Saga<W: WorkflowDefinition>(Rc<Ledger<W>>);

impl<W: WorkflowDefinition> fmt::Debug for Saga<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saga({} steps)", self.0.registered.borrow().len())
    }
}

impl<W: WorkflowDefinition> Saga<W> {
    pub(crate) fn new(context: WorkflowContext<W>) -> Self {
        Self(Rc::new(Ledger {
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
        above: Option<Rc<Ledger<W>>>,
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
