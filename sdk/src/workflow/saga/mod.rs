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
mod words;

use std::{fmt, rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;
use steadfast_core::options::{ActivityCancellationType, ChildWorkflowCancellationType};

use self::ledger::{Entry, Heir, Ledger, boxed};
pub use self::{
    report::{Compensated, SagaError, SagaReport},
    step::{SagaStep, StepError},
};
use super::{ActivityOptions, ChildWorkflowOptions, WorkflowContext};
use crate::{
    definition::{ActivityDefinition, RunDefinition, WorkflowDefinition},
    error::{
        ActivityExecutionError, ApplicationFailure, ChildWorkflowError, WorkflowError,
        WorkflowResult,
    },
};

/// Steps, and what undoes them. Made by [`WorkflowContext::saga`].
pub struct Saga<W: WorkflowDefinition>(Rc<Ledger<W>>);

impl<W: WorkflowDefinition> fmt::Debug for Saga<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saga({} steps)", self.0.len())
    }
}

impl<W: WorkflowDefinition> Saga<W> {
    fn new(context: WorkflowContext<W>) -> Self {
        Self(Ledger::new(context))
    }

    /// Runs compensations side by side instead of last step first.
    pub fn parallel(&mut self) -> &mut Self {
        self.0.change_policy(|policy| policy.parallel = true);
        self
    }

    /// Stops at the first compensation that fails instead of going on with the others. Those that are
    /// left are in the report as skipped (G7).
    pub fn stop_on_failed_compensation(&mut self) -> &mut Self {
        self.0.change_policy(|policy| policy.stop_on_failure = true);
        self
    }

    /// Gives all compensations together so much time, from when undoing begins (G8). Without it they
    /// have no limit but their own options. When it is over, what runs is cancelled, what has not begun
    /// is skipped, and the report has both.
    pub fn compensation_deadline(&mut self, limit: Duration) -> &mut Self {
        self.0.change_policy(|policy| policy.deadline = Some(limit));
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
        let context = self.0.context().clone();
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
        let context = self.0.context().clone();
        SagaStep::new(
            Rc::clone(&self.0),
            R::Workflow::WORKFLOW_TYPE,
            Box::pin(async move { context.start_child_workflow(run, input, options).await }),
            only_attempt,
        )
    }

    /// Runs a saga as a part of this one. If it ends with an error it is undone at once; if it
    /// succeeds, what it did is undone with this saga, should that fail later; if it is dropped, it is
    /// undone when this saga ends, however that ends. What it says about undoing ([`parallel`](Self::parallel) and
    /// so on) is about its own steps, whoever undoes them.
    ///
    /// # Errors
    ///
    /// The error of the body; with what could not be undone as a [`SagaError`].
    pub async fn nested<T, E: Into<WorkflowError>>(
        &self,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> WorkflowResult<T> {
        Self::new(self.0.context().clone())
            .run_below(Some(Rc::clone(&self.0)), body)
            .await
    }

    /// Registers a compensation of any kind, for what was done outside a step.
    pub fn compensate_with(
        &self,
        step: impl Into<String>,
        compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
    ) {
        self.0.push(Entry::Done(step.into(), boxed(compensation)));
    }

    /// Undoes now what was done so far, and says how that went. Undoing goes on if this is dropped, and the saga
    /// waits for it before it ends.
    pub async fn unwind(&self) -> SagaReport {
        self.0.undo_all().await
    }

    async fn run<T, E: Into<WorkflowError>>(
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
        let ledger = Rc::clone(&self.0);
        let heir = Heir::new(Rc::clone(&ledger), above);
        let result = body(&mut self).await.map_err(Into::into);
        let error = match result {
            Err(error) if !error.is_continue_as_new() => error,
            // Nobody has the outcome of a step whose future was dropped, so it is undone also where the saga
            // goes well.
            well if ledger.undo_dropped().await => {
                heir.end_well();
                return well;
            }
            // Whoever sees an error of a saga takes it to be undone.
            _ => ApplicationFailure::new(DROPPED_NOT_UNDONE, "SagaError").into(),
        };
        let report = ledger.close_and_undo().await;
        if report.is_whole() {
            Err(error)
        } else {
            Err(SagaError::new(error, &report).into())
        }
    }
}

impl<W: WorkflowDefinition> WorkflowContext<W> {
    /// Runs steps with compensations: what was done is undone if the body ends with an error,
    /// a cancellation included (G1 to G6). See [`Saga`].
    pub fn saga<'a, T: 'a, E: Into<WorkflowError> + 'a>(
        &self,
        body: impl AsyncFnOnce(&mut Saga<W>) -> Result<T, E> + 'a,
    ) -> LocalBoxFuture<'a, WorkflowResult<T>> {
        let saga = Saga::new(self.clone());
        Box::pin(saga.run(body))
    }
}

const DROPPED_NOT_UNDONE: &str =
    "the saga went well, but steps of it that nobody awaits any more could not be undone";
