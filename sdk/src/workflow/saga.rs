//! Sagas: steps, and what undoes them.
//!
//! Invariants: a compensation is registered together with its step (G1); compensations run in a
//! disconnected scope (G2), none while its step's activity may still be running (G3), last step
//! first unless the saga says otherwise (G4).

use std::{cell::RefCell, error::Error, fmt, rc::Rc};

use futures_util::future::{LocalBoxFuture, join_all};
use steadfast_core::{
    failure::{Failure, FailureKind},
    options::{ActivityCancellationType, ChildWorkflowCancellationType},
};

use super::{ActivityOptions, ChildWorkflowOptions, WorkflowContext};
use crate::{
    definition::{ActivityDefinition, RunDefinition, WorkflowDefinition},
    error::{ActivityExecutionError, ChildWorkflowError, WorkflowError, WorkflowResult},
};

type Compensate<W> =
    Box<dyn FnOnce(WorkflowContext<W>) -> LocalBoxFuture<'static, WorkflowResult<()>>>;

struct Registered<W: WorkflowDefinition> {
    step: String,
    /// `None` when the step may have happened and only its output, which is unknown, could say
    /// what to undo.
    compensate: Option<Compensate<W>>,
}

struct Inner<W: WorkflowDefinition> {
    context: WorkflowContext<W>,
    registered: RefCell<Vec<Registered<W>>>,
    parallel: std::cell::Cell<bool>,
    stop_on_failure: std::cell::Cell<bool>,
}

/// Steps, and what undoes them. Made by [`WorkflowContext::saga`].
pub struct Saga<W: WorkflowDefinition>(Rc<Inner<W>>);

impl<W: WorkflowDefinition> fmt::Debug for Saga<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Saga({} compensations)",
            self.0.registered.borrow().len()
        )
    }
}

impl<W: WorkflowDefinition> Saga<W> {
    pub(crate) fn new(context: WorkflowContext<W>) -> Self {
        Self(Rc::new(Inner {
            context,
            registered: RefCell::new(Vec::new()),
            parallel: std::cell::Cell::new(false),
            stop_on_failure: std::cell::Cell::new(false),
        }))
    }

    /// Runs compensations side by side instead of last step first.
    pub fn parallel(&mut self) -> &mut Self {
        self.0.parallel.set(true);
        self
    }

    /// Stops at the first compensation that fails instead of going on with the others.
    pub fn stop_on_failed_compensation(&mut self) -> &mut Self {
        self.0.stop_on_failure.set(true);
        self
    }

    /// Prepares a step; say next how it is undone. Whatever the options say, the step waits for the
    /// outcome of its activity when it is cancelled (G3).
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
        SagaStep {
            saga: Rc::clone(&self.0),
            name: A::ACTIVITY_TYPE,
            run: Box::pin(async move { context.start_activity(activity, input, options).await }),
            failure: ActivityExecutionError::failure,
            only_attempt,
        }
    }

    /// Prepares a step that a child workflow does; say next how it is undone. Whatever the options
    /// say, the step waits for the end of the child when it is cancelled (G3).
    ///
    /// A child that fails is taken to have undone what it did, as an activity that fails is; one that
    /// was cancelled, timed out or was terminated after its start is compensated (G5).
    pub fn child_workflow<R: RunDefinition>(
        &self,
        run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<ChildWorkflowOptions>,
    ) -> SagaStep<W, <R::Workflow as WorkflowDefinition>::Output, ChildWorkflowError> {
        let mut options = options.into();
        options.cancellation_type = ChildWorkflowCancellationType::WaitCancellationCompleted;
        let context = self.0.context.clone();
        SagaStep {
            saga: Rc::clone(&self.0),
            name: R::Workflow::WORKFLOW_TYPE,
            run: Box::pin(async move { context.start_child_workflow(run, input, options).await }),
            failure: ChildWorkflowError::failure,
            only_attempt: true,
        }
    }

    /// Runs a saga as a part of this one. If it ends with an error it is undone at once; if it
    /// succeeds, what it did is undone with this saga, should that fail later.
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
        let value = inner.run(body).await?;
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
        self.0.register(step.into(), Some(boxed(compensation)));
    }

    /// Undoes now what was done so far, and says how that went.
    pub async fn unwind(&self) -> SagaReport {
        self.0.unwind().await
    }

    pub(crate) async fn run<T, E: Into<WorkflowError>>(
        mut self,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> WorkflowResult<T> {
        match body(&mut self).await {
            Ok(value) => Ok(value),
            Err(error) => {
                let error: WorkflowError = error.into();
                if error.is_continue_as_new() {
                    return Err(error);
                }
                let report = self.0.unwind().await;
                if report.failed().next().is_none() {
                    tracing::info!(%report, "the saga was undone");
                    Err(error)
                } else {
                    tracing::error!(%report, "the saga could not be undone wholly");
                    Err(SagaError::new(error, &report).into())
                }
            }
        }
    }
}

fn boxed<W: WorkflowDefinition>(
    compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
) -> Compensate<W> {
    Box::new(move |mut context| Box::pin(async move { compensation(&mut context).await }))
}

impl<W: WorkflowDefinition> Inner<W> {
    fn register(&self, step: String, compensate: Option<Compensate<W>>) {
        self.registered
            .borrow_mut()
            .push(Registered { step, compensate });
    }

    async fn unwind(&self) -> SagaReport {
        let mut registered = self.registered.take();
        registered.reverse();
        let compensations = registered.into_iter().map(|Registered { step, compensate }| {
            let context = self.context.clone();
            async move {
                let outcome = match compensate {
                    None => Err(WorkflowError::from(
                        "the step may have happened, but its output, from which it would be undone, is not known",
                    )),
                    Some(compensate) => {
                        context
                            .disconnected(async move |ctx| compensate(ctx.clone()).await)
                            .await
                    }
                };
                Compensated { step, outcome }
            }
        });
        let steps = if self.parallel.get() {
            join_all(compensations).await
        } else {
            let mut steps = Vec::new();
            for compensation in compensations {
                let done = compensation.await;
                let stop = self.stop_on_failure.get() && done.outcome.is_err();
                steps.push(done);
                if stop {
                    break;
                }
            }
            steps
        };
        SagaReport { steps }
    }
}

/// A step that was prepared and not yet started: an activity or a child workflow.
#[must_use = "a step starts when it is told how it is undone"]
pub struct SagaStep<W: WorkflowDefinition, T, E> {
    saga: Rc<Inner<W>>,
    name: &'static str,
    run: LocalBoxFuture<'static, Result<T, E>>,
    failure: fn(&E) -> &Failure,
    only_attempt: bool,
}

impl<W: WorkflowDefinition, T, E> fmt::Debug for SagaStep<W, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaStep({})", self.name)
    }
}

impl<W: WorkflowDefinition, T, E> SagaStep<W, T, E> {
    /// Runs the step; an activity with an input that is known before undoes it (G6).
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn compensate_with<C: ActivityDefinition>(
        self,
        compensation: C,
        input: C::Input,
        options: impl Into<ActivityOptions>,
    ) -> Result<T, E> {
        let options = options.into();
        self.compensate(async move |ctx| {
            ctx.start_activity(compensation, input, options).await?;
            Ok(())
        })
        .await
    }

    /// Runs the step; an activity whose input is made from the step's output undoes it (G6).
    ///
    /// A step whose outcome is unknown has no output: it is reported as not compensated.
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn compensate_with_output<C: ActivityDefinition>(
        self,
        compensation: C,
        input: impl FnOnce(&T) -> C::Input,
        options: impl Into<ActivityOptions>,
    ) -> Result<T, E> {
        let options = options.into();
        self.finish(|outcome| {
            let input = input(outcome?);
            Some(boxed(async move |ctx: &mut WorkflowContext<W>| {
                ctx.start_activity(compensation, input, options).await?;
                Ok(())
            }))
        })
        .await
    }

    /// Runs the step; nothing undoes it. Like every step it is waited for to its end, whatever is
    /// being cancelled (G3).
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn without_compensation(self) -> Result<T, E> {
        self.run.await
    }

    /// Runs the step; workflow code of any kind undoes it.
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn compensate(
        self,
        compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
    ) -> Result<T, E> {
        self.finish(|_| Some(boxed(compensation))).await
    }

    /// Runs the step and registers what undoes it, made from its output if there is one, unless it
    /// is known not to have happened (G1).
    async fn finish(self, undo: impl FnOnce(Option<&T>) -> Option<Compensate<W>>) -> Result<T, E> {
        let result = self.run.await;
        let output = match &result {
            Ok(output) => Some(output),
            Err(error) if may_have_happened((self.failure)(error), self.only_attempt) => None,
            Err(_) => return result,
        };
        self.saga.register(self.name.to_owned(), undo(output));
        result
    }
}

/// Whether a step that ended without a result may have done its work all the same (G1, G5).
///
/// It has not when it never started, or when its last attempt said itself that it failed.
///
/// An activity that was cancelled between two attempts has, for all that history says, not started;
/// only a policy of one attempt makes that sure.
fn may_have_happened(failure: &Failure, only_attempt: bool) -> bool {
    let Some((step, attempted)) = failure.chain().find_map(|failure| match &failure.kind {
        FailureKind::Activity(info) => {
            let started = info.started_event_id.is_some() || !only_attempt;
            Some((failure, info.scheduled_event_id.is_some() && started))
        }
        FailureKind::ChildWorkflow(info) => Some((failure, info.started_event_id.is_some())),
        _ => None,
    }) else {
        return false;
    };
    // What lies deeper is about earlier attempts, or about the steps of the step.
    let said_so = step.cause.as_ref().is_some_and(|cause| {
        matches!(
            cause.kind,
            FailureKind::Application { .. }
                | FailureKind::Activity(_)
                | FailureKind::ChildWorkflow(_)
        )
    });
    attempted && !said_so
}

/// How one step was undone.
#[derive(Debug)]
pub struct Compensated {
    step: String,
    outcome: WorkflowResult<()>,
}

impl Compensated {
    /// The step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Why it could not be undone, if so.
    #[must_use]
    pub fn error(&self) -> Option<&WorkflowError> {
        self.outcome.as_ref().err()
    }
}

/// What a saga undid and what it could not, in the order in which it was tried.
#[derive(Debug)]
pub struct SagaReport {
    steps: Vec<Compensated>,
}

impl SagaReport {
    /// Every step whose compensation was tried.
    #[must_use]
    pub fn steps(&self) -> &[Compensated] {
        &self.steps
    }

    /// The steps that could not be undone.
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
                Err(error) => write!(f, "`{}` not compensated: {error}", step.step)?,
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
