//! Sagas: steps, and what undoes them.
//!
//! Invariants: a compensation is registered together with its step (G1); compensations run in a
//! disconnected scope (G2), none while its step's activity may still be running (G3), last step
//! first unless the saga says otherwise (G4).

use std::{cell::RefCell, error::Error, fmt, rc::Rc};

use futures_util::future::{LocalBoxFuture, join_all};
use steadfast_core::{
    failure::{Failure, FailureKind},
    options::ActivityCancellationType,
    retry::RetryPolicy,
};

use super::{ActivityOptions, WorkflowContext};
use crate::{
    definition::{ActivityDefinition, WorkflowDefinition},
    error::{ActivityExecutionError, WorkflowError, WorkflowResult},
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
    ) -> SagaStep<W, A> {
        let mut options = options.into();
        options.cancellation_type = ActivityCancellationType::WaitCancellationCompleted;
        SagaStep {
            saga: Rc::clone(&self.0),
            activity,
            input,
            options,
        }
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
                    Err(error)
                } else {
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

/// A step that was prepared and not yet started.
#[must_use = "a step starts when it is told how it is undone"]
pub struct SagaStep<W: WorkflowDefinition, A: ActivityDefinition> {
    saga: Rc<Inner<W>>,
    activity: A,
    input: A::Input,
    options: ActivityOptions,
}

impl<W: WorkflowDefinition, A: ActivityDefinition> fmt::Debug for SagaStep<W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaStep({})", A::ACTIVITY_TYPE)
    }
}

impl<W: WorkflowDefinition, A: ActivityDefinition> SagaStep<W, A> {
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
    ) -> Result<A::Output, ActivityExecutionError> {
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
        input: impl FnOnce(&A::Output) -> C::Input,
        options: impl Into<ActivityOptions>,
    ) -> Result<A::Output, ActivityExecutionError> {
        let Self {
            saga,
            activity,
            input: step_input,
            options: step_options,
        } = self;
        let policy = step_options.retry_policy.clone();
        let result = saga
            .context
            .start_activity(activity, step_input, step_options)
            .await;
        match &result {
            Ok(output) => {
                let input = input(output);
                let options = options.into();
                let undo = boxed(async move |ctx: &mut WorkflowContext<W>| {
                    ctx.start_activity(compensation, input, options).await?;
                    Ok(())
                });
                saga.register(A::ACTIVITY_TYPE.to_owned(), Some(undo));
            }
            Err(error) if may_have_happened(error.failure(), policy.as_ref()) => {
                saga.register(A::ACTIVITY_TYPE.to_owned(), None);
            }
            Err(_) => {}
        }
        result
    }

    /// Runs the step; workflow code of any kind undoes it.
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn compensate(
        self,
        compensation: impl AsyncFnOnce(&mut WorkflowContext<W>) -> WorkflowResult<()> + 'static,
    ) -> Result<A::Output, ActivityExecutionError> {
        let Self {
            saga,
            activity,
            input,
            options,
        } = self;
        let policy = options.retry_policy.clone();
        let result = saga.context.start_activity(activity, input, options).await;
        let due = match &result {
            Ok(_) => true,
            Err(error) => may_have_happened(error.failure(), policy.as_ref()),
        };
        if due {
            saga.register(A::ACTIVITY_TYPE.to_owned(), Some(boxed(compensation)));
        }
        result
    }
}

/// Whether an activity that ended without a result may have done its work all the same (G1, G5).
///
/// It has not when it never started, or when it said itself that it failed.
///
/// One that was cancelled between two attempts has, for all that history says, not started; only a
/// policy of one attempt makes that sure.
fn may_have_happened(failure: &Failure, retry_policy: Option<&RetryPolicy>) -> bool {
    let only_attempt = retry_policy.is_some_and(|policy| policy.maximum_attempts == 1);
    let attempted = failure.chain().any(|failure| match &failure.kind {
        FailureKind::Activity(info) => {
            info.scheduled_event_id.is_some() && (info.started_event_id.is_some() || !only_attempt)
        }
        _ => false,
    });
    let reported = failure
        .chain()
        .any(|failure| matches!(failure.kind, FailureKind::Application { .. }));
    attempted && !reported
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
