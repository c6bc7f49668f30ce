//! A step of a saga: how it runs, and what its outcome means for whoever undoes it.
//!
//! ```text
//!            the step's future polls it            it ends
//!   Running ──────────────────────────▶ Running ───────────▶ Ended(what to undo) ──▶ Taken
//!      │                                                        ▲
//!      └─ the future is dropped: cancelled, and the ledger ─────┘
//!         polls it when it undoes
//! ```
//!
//! When its saga has gone well, no ledger has a step that still runs: it is left to its future, which has it
//! undone if it ends without a value.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::future::LocalBoxFuture;
use steadfast_core::{
    failure::{Failure, FailureKind},
    mark::Mark,
    scope::ScopeKind,
};

use super::ledger::{Compensate, Entry, Ledger, Settle, Undo, boxed};
use crate::{
    definition::{ActivityDefinition, WorkflowDefinition},
    error::{ActivityExecutionError, ChildWorkflowError, WorkflowResult},
    workflow::{ActivityOptions, Scope, ScopeFuture, WorkflowContext, cell::RunCell},
};

/// A step that was prepared and not yet started: an activity or a child workflow.
#[must_use = "a step starts when it is told how it is undone"]
pub struct SagaStep<W: WorkflowDefinition, T, E> {
    saga: Rc<Ledger<W>>,
    name: &'static str,
    run: LocalBoxFuture<'static, Result<T, E>>,
    only_attempt: bool,
    look_up: Option<LookUp<W, T>>,
}

type LookUp<W, T> =
    Box<dyn FnOnce(WorkflowContext<W>) -> LocalBoxFuture<'static, WorkflowResult<Option<T>>>>;

impl<W: WorkflowDefinition, T, E> fmt::Debug for SagaStep<W, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaStep({})", self.name)
    }
}

type FromOutput<W, T> = Box<dyn FnOnce(&T) -> Compensate<W>>;

/// How a step is undone.
enum How<W: WorkflowDefinition, T> {
    /// With something that is known before it.
    Known(Compensate<W>),
    /// With its output.
    Output(FromOutput<W, T>),
    Never,
}

/// What undoes a step, for people.
#[derive(Clone, Copy)]
enum By {
    Activity(&'static str),
    Code,
    Nothing,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activity(activity_type) => write!(f, "activity `{activity_type}`"),
            Self::Code => f.write_str("workflow code"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> SagaStep<W, T, E> {
    pub(super) fn new(
        saga: Rc<Ledger<W>>,
        name: &'static str,
        run: LocalBoxFuture<'static, Result<T, E>>,
        only_attempt: bool,
    ) -> Self {
        Self {
            saga,
            name,
            run,
            only_attempt,
            look_up: None,
        }
    }

    /// Runs the step; an activity with an input that is known before undoes it (G6).
    ///
    /// This is the surest way: give the step a key of your own, and undo what was done under the key,
    /// whether the step was heard of or not.
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
        let compensate = boxed(async move |ctx: &mut WorkflowContext<W>| {
            ctx.start_activity(compensation, input, options).await?;
            Ok(())
        });
        self.finish(How::Known(compensate), By::Activity(C::ACTIVITY_TYPE))
            .await
    }

    /// Says which activity finds out what became of the step when its outcome is unknown: its output
    /// if it happened, or `None` if it did not. For steps that are undone with their output.
    pub fn look_up<L: ActivityDefinition<Output = Option<T>>>(
        mut self,
        look_up: L,
        input: L::Input,
        options: impl Into<ActivityOptions>,
    ) -> Self {
        let options = options.into();
        self.look_up = Some(Box::new(move |context| {
            Box::pin(async move { Ok(context.start_activity(look_up, input, options).await?) })
        }));
        self
    }

    /// Runs the step; an activity whose input is made from the step's output undoes it (G6).
    ///
    /// A step whose outcome is unknown has no output. [`look_up`](Self::look_up) can find it; without
    /// one the step is reported as one that may have happened and could not be undone, and the run's
    /// error says so.
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn compensate_with_output<C: ActivityDefinition>(
        self,
        compensation: C,
        input: impl FnOnce(&T) -> C::Input + 'static,
        options: impl Into<ActivityOptions>,
    ) -> Result<T, E> {
        let options = options.into();
        let how = How::Output(Box::new(move |output| {
            let input = input(output);
            boxed(async move |ctx: &mut WorkflowContext<W>| {
                ctx.start_activity(compensation, input, options).await?;
                Ok(())
            })
        }));
        self.finish(how, By::Activity(C::ACTIVITY_TYPE)).await
    }

    /// Runs the step; nothing undoes it. Like every step it is waited for to its end, whatever is
    /// being cancelled (G3).
    ///
    /// # Errors
    ///
    /// When the step ends without a result.
    pub async fn without_compensation(self) -> Result<T, E> {
        self.finish(How::Never, By::Nothing).await
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
        self.finish(How::Known(boxed(compensation)), By::Code).await
    }

    /// Puts the step into the ledger, and runs it (G1).
    async fn finish(self, how: How<W, T>, by: By) -> Result<T, E> {
        if !self.saga.is_open() {
            return Err(E::refused(SAGA_HAS_ENDED));
        }
        let cell = Rc::clone(self.saga.context().cell());
        let scope = Scope::open(&cell, ScopeKind::Connected);
        let record = Rc::new(Record {
            cell,
            state: RefCell::new(State::Running {
                run: ScopeFuture::new(scope.clone(), self.run),
                how,
                look_up: self.look_up,
            }),
            scope,
            only_attempt: self.only_attempt,
            by,
            dropped: Cell::new(false),
            left: Cell::new(false),
        });
        let awaited = Awaited {
            saga: self.saga,
            name: self.name,
            record,
            ended: false,
        };
        awaited.saga.push(awaited.entry());
        awaited.await
    }
}

const SAGA_HAS_ENDED: &str = "the saga of this step has ended and would not undo it, so it was not started; \
    run it while the saga's body runs, or in a saga of its own";

struct Record<W: WorkflowDefinition, T, E> {
    cell: Rc<RunCell>,
    state: RefCell<State<W, T, E>>,
    scope: Scope,
    only_attempt: bool,
    by: By,
    dropped: Cell<bool>,
    /// No ledger has it any more, so its own future sees to it that it is undone.
    left: Cell<bool>,
}

enum State<W: WorkflowDefinition, T, E> {
    Running {
        run: ScopeFuture<'static, Result<T, E>>,
        how: How<W, T>,
        look_up: Option<LookUp<W, T>>,
    },
    Ended(Undo<W>),
    Taken,
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> Record<W, T, E> {
    /// Polls the operation of a step that runs.
    fn poll_run(&self, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        // User code runs meanwhile, which may look at the saga.
        let state = self.state.replace(State::Taken);
        let State::Running {
            mut run,
            how,
            look_up,
        } = state
        else {
            self.state.replace(state);
            return Poll::Pending;
        };
        let polled = Pin::new(&mut run).poll(context);
        let next = match &polled {
            Poll::Pending => State::Running { run, how, look_up },
            Poll::Ready(result) => State::Ended(self.undo(result.as_ref(), how, look_up)),
        };
        self.state.replace(next);
        if polled.is_ready() {
            // Whoever undoes may wait for it.
            self.cell.stir();
        }
        polled
    }

    fn undo(
        &self,
        result: Result<&T, &E>,
        how: How<W, T>,
        look_up: Option<LookUp<W, T>>,
    ) -> Undo<W> {
        match (result, how, look_up) {
            (_, How::Never, _) => Undo::Nothing,
            (Err(error), ..) if !may_have_happened(error, self.only_attempt) => Undo::Nothing,
            (_, How::Known(compensate), _) => Undo::Compensate(compensate),
            (Ok(output), How::Output(make), _) => Undo::Compensate(make(output)),
            (Err(_), How::Output(make), Some(look_up)) => Undo::Compensate(boxed(
                async move |ctx: &mut WorkflowContext<W>| match look_up(ctx.clone()).await? {
                    Some(output) => make(&output)(ctx.clone()).await,
                    None => Ok(()),
                },
            )),
            (Err(_), How::Output(_), None) => Undo::Unknown,
        }
    }
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> Settle<W> for Record<W, T, E> {
    fn begin_undoing(&self) {
        if matches!(&*self.state.borrow(), State::Running { .. }) {
            self.scope.cancel("its saga is undone");
        }
    }

    fn let_go(&self) {
        self.left.set(true);
    }

    fn poll_settled(&self, context: &mut Context<'_>) -> Poll<Undo<W>> {
        // Only one polls the operation: the step's own future for as long as there is one.
        if self.dropped.get() {
            let _ = self.poll_run(context);
        }
        match self.state.replace(State::Taken) {
            State::Ended(undo) => Poll::Ready(undo),
            state => {
                self.state.replace(state);
                Poll::Pending
            }
        }
    }

    fn is_dropped(&self) -> bool {
        self.dropped.get()
    }

    fn has_compensation(&self) -> bool {
        let state = self.state.borrow();
        !matches!(
            &*state,
            State::Running {
                how: How::Never,
                ..
            }
        )
    }

    fn in_words(&self) -> Option<String> {
        let by = self.by;
        match &*self.state.borrow() {
            State::Running { .. } => Some(format!("has not ended; {by} would undo it")),
            State::Ended(Undo::Compensate(_)) => Some(format!("{by} undoes it")),
            State::Ended(Undo::Unknown) => {
                Some("may have happened, and its output is not known".to_owned())
            }
            State::Ended(Undo::Nothing) | State::Taken => None,
        }
    }
}

/// The future of a step.
struct Awaited<W: WorkflowDefinition, T: 'static, E: StepError> {
    saga: Rc<Ledger<W>>,
    name: &'static str,
    record: Rc<Record<W, T, E>>,
    ended: bool,
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> Awaited<W, T, E> {
    fn entry(&self) -> Entry<W> {
        let step = Rc::clone(&self.record) as Rc<dyn Settle<W>>;
        Entry::Step(self.name, step)
    }

    /// Has a step undone that ends, without a result, after its saga (G1).
    fn undo_if_left(&self) {
        if self.record.left.get() {
            self.saga.start_undoing(vec![self.entry()]).detach();
        }
    }
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> Future for Awaited<W, T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.record.poll_run(context);
        if let Poll::Ready(result) = &polled {
            self.ended = true;
            if result.is_err() {
                self.undo_if_left();
            }
        }
        polled
    }
}

impl<W: WorkflowDefinition, T: 'static, E: StepError> Drop for Awaited<W, T, E> {
    fn drop(&mut self) {
        if !self.ended && !self.record.cell.is_evicting() {
            self.record.dropped.set(true);
            self.record.scope.cancel("no longer awaited");
            self.record.cell.stir();
            self.undo_if_left();
        }
    }
}

/// How a step of a saga ends without a result; says whether it may have happened all the same.
pub trait StepError: Sized + 'static {
    /// What history records.
    fn failure(&self) -> &Failure;

    /// The number of the last attempt, from 1; 0 when that is not known.
    fn attempt(&self) -> u32;

    /// Whether the step has completed, and only its result could not be read.
    fn has_completed(&self) -> bool;

    /// The error of a step that was not started.
    fn refused(why: &str) -> Self;
}

fn refusal(why: &str) -> Failure {
    Failure::application(why, "SagaEnded").non_retryable()
}

impl StepError for ActivityExecutionError {
    fn failure(&self) -> &Failure {
        Self::failure(self)
    }

    fn attempt(&self) -> u32 {
        Self::attempt(self)
    }

    fn has_completed(&self) -> bool {
        self.is_unread()
    }

    fn refused(why: &str) -> Self {
        Self::new(refusal(why), None)
    }
}

impl StepError for ChildWorkflowError {
    fn failure(&self) -> &Failure {
        Self::failure(self)
    }

    fn attempt(&self) -> u32 {
        0
    }

    fn has_completed(&self) -> bool {
        self.is_unread()
    }

    fn refused(why: &str) -> Self {
        Self::new(refusal(why), None)
    }
}

/// Whether a step that ended without a result may have done its work all the same (G1, G5).
///
/// It has not when it never started, or when its first attempt said itself that it failed, or its last
/// one that none of them did anything. Of several attempts an earlier one may have done the work. An attempt
/// that panicked, or returned what could not be recorded or read, says nothing of the kind.
///
/// An activity that was cancelled between two attempts has, for all that history says, not started;
/// only a policy of one attempt makes that sure.
fn may_have_happened(error: &impl StepError, only_attempt: bool) -> bool {
    if error.has_completed() {
        return true;
    }
    let Some((step, attempted)) = error
        .failure()
        .chain()
        .find_map(|failure| match &failure.kind {
            FailureKind::Activity(info) => {
                let started = info.started_event_id.is_some() || !only_attempt;
                Some((failure, info.scheduled_event_id.is_some() && started))
            }
            FailureKind::ChildWorkflow(info) => Some((failure, info.started_event_id.is_some())),
            _ => None,
        })
    else {
        return false;
    };
    // What lies deeper is about earlier attempts, or about the steps of the step.
    let said_so = step.cause.as_ref().is_some_and(|cause| match cause.kind {
        FailureKind::Application { .. }
        | FailureKind::Activity(_)
        | FailureKind::ChildWorkflow(_) => {
            let of_all = only_attempt || error.attempt() == 1;
            let of_itself = of_all && !cause.is_marked(Mark::MayHaveHappened);
            of_itself || cause.is_marked(Mark::NothingHappened)
        }
        _ => false,
    });
    attempted && !said_so
}

#[cfg(test)]
mod tests {
    use steadfast_core::{
        failure::ActivityFailureInfo,
        ids::{ActivityId, ActivityType, EventId},
        retry::RetryState,
    };

    use super::*;
    use crate::error::failure_of;

    fn failed(cause: Failure, attempt: u32) -> ActivityExecutionError {
        let info = ActivityFailureInfo {
            scheduled_event_id: EventId(5),
            started_event_id: EventId(6),
            identity: None,
            activity_type: ActivityType::new("charge").unwrap(),
            activity_id: ActivityId::new("5").unwrap(),
            retry_state: RetryState::NonRetryableFailure,
        };
        let failure = Failure::new("activity failed", FailureKind::Activity(Box::new(info)));
        ActivityExecutionError::new(failure.with_cause(cause), None).in_attempt(attempt)
    }

    // G5: an activity may hand on what failed elsewhere.
    #[test]
    fn what_an_activity_that_failed_hands_on_says_nothing_of_earlier_attempts() {
        let cause = || {
            failed(Failure::application("no", "No"), 1)
                .failure()
                .clone()
        };
        assert!(may_have_happened(&failed(cause(), 2), false));
        assert!(!may_have_happened(&failed(cause(), 1), false));
    }

    // F4, G5: the mark is about the activity that failed, and not about whoever called it.
    #[test]
    fn a_mark_does_not_pass_from_an_activity_to_its_caller() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not charge")]
        struct Context(#[source] ActivityExecutionError);

        let marked = Failure::application("no", "No").marked(Mark::NothingHappened);
        let cause = failure_of(&Context(failed(marked, 1)), "Context");
        assert!(may_have_happened(&failed(cause, 2), false));
    }
}
