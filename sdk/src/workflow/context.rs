//! The context: everything that workflow code asks of its run.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::SystemTime,
};

use futures_util::future::LocalBoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::{
    command::{ContinueAsNewWorkflowExecution, StartChildWorkflowExecution},
    ids::{ActivityType, InvalidId, PatchId, WorkflowId, WorkflowType},
    options::WorkflowTimeouts,
    payload::{Payload, PayloadMap},
    scope::{ScopeId, ScopeKind},
};

use super::{
    buffered_signal::BufferedSignal,
    cell::RunCell,
    operation::{
        ActivityFuture, ActivityOptions, ChildWorkflow, ChildWorkflowOptions, ConditionFuture,
        ExternalWorkflow, LocalActivityOptions, RawOperation, TimedConditionFuture, TimerFuture,
        TimerOptions, activity_type,
    },
    scope::{
        CancelReason, CancellationRequestedFuture, CancelledFuture, Scope, ScopeFuture, TaskHandle,
        TimeoutFuture,
    },
    unwinding,
    view::WorkflowContextView,
};
use crate::{
    convert::{self, ConvertError},
    definition::{ActivityDefinition, RunDefinition, WorkflowDefinition},
    error::{WorkflowError, WorkflowResult, failure_of},
    system_time::to_system_time,
    untyped::UntypedWorkflow,
};

/// What the contexts of one run share that depends on the workflow's type.
pub(crate) struct Shared<W> {
    pub(crate) cell: Rc<RunCell>,
    pub(crate) state: RefCell<Option<W>>,
    pub(crate) started: RefCell<Option<steadfast_core::event::WorkflowExecutionStarted>>,
}

const BORROWED: &str = "the workflow's state is lent already: `state` and `state_mut` cannot be called inside of \
                        `state_mut`, nor `state_mut` inside of `state`; use the closure's own argument, or call one after the other";

const RECORDING: &str = "the context is used inside of `side_effect`, whose closure a replay does not run: take what \
                         it needs before, or call the method outside of it";

/// Everything that workflow code asks of its run: operations, scopes, its state, time and chance.
///
/// Contexts are cheap to clone and all alike: an operation belongs to the scope whose body is
/// running when it is started, through whichever context that happens (D1).
pub struct WorkflowContext<W: WorkflowDefinition> {
    shared: Rc<Shared<W>>,
}

impl<W: WorkflowDefinition> Clone for WorkflowContext<W> {
    fn clone(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<W: WorkflowDefinition> fmt::Debug for WorkflowContext<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkflowContext({:?})", self.shared.cell)
    }
}

impl<W: WorkflowDefinition> WorkflowContext<W> {
    pub(crate) fn new(shared: Rc<Shared<W>>) -> Self {
        Self { shared }
    }

    /// Every call of workflow code comes by here.
    pub(crate) fn cell(&self) -> &Rc<RunCell> {
        unwinding::check(&self.shared.cell);
        assert!(!self.shared.cell.is_recording(), "{RECORDING}");
        &self.shared.cell
    }

    // Operations.

    /// Schedules an activity, at once and in the running scope.
    ///
    /// See [`ActivityFuture`] for what holds after a cancellation. In a scope that is cancelled it
    /// is not scheduled and resolves to cancelled at once (D3).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn start_activity<A: ActivityDefinition>(
        &self,
        _activity: A,
        input: A::Input,
        options: impl Into<ActivityOptions>,
    ) -> ActivityFuture<A::Output> {
        match A::arguments().encode(&input) {
            Err(error) => {
                ActivityFuture::refused(&error, |result| A::output_codec().decode(result))
            }
            Ok(payloads) => {
                let request = options.into().request(activity_type::<A>(), payloads);
                let operation = RawOperation::start(self.cell(), |run, scope| {
                    run.schedule_activity(scope, request)
                });
                ActivityFuture::started(operation, |result| A::output_codec().decode(result))
            }
        }
    }

    /// Starts an activity of which only the name is known here: in another language, say. The arguments
    /// are encoded with [`to_payload`](crate::convert::to_payload), one each.
    pub fn start_activity_by_name<T: DeserializeOwned>(
        &self,
        activity_type: impl AsRef<str>,
        input: Vec<Payload>,
        options: impl Into<ActivityOptions>,
    ) -> ActivityFuture<T> {
        let activity_type = match ActivityType::new(activity_type) {
            Ok(activity_type) => activity_type,
            Err(error) => return ActivityFuture::misnamed(&error, convert::from_payload),
        };
        let request = options.into().request(activity_type, input);
        let operation = RawOperation::start(self.cell(), |run, scope| {
            run.schedule_activity(scope, request)
        });
        ActivityFuture::started(operation, convert::from_payload)
    }

    /// Runs an activity in the worker's own process, without a task queue: for short work whose
    /// result alone is recorded. It hears of a cancellation at once, without heartbeats (A7).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn start_local_activity<A: ActivityDefinition>(
        &self,
        _activity: A,
        input: A::Input,
        options: impl Into<LocalActivityOptions>,
    ) -> ActivityFuture<A::Output> {
        match A::arguments().encode(&input) {
            Err(error) => {
                ActivityFuture::refused(&error, |result| A::output_codec().decode(result))
            }
            Ok(payloads) => {
                let request = options.into().0.request(activity_type::<A>(), payloads);
                let operation = RawOperation::start(self.cell(), |run, scope| {
                    run.schedule_local_activity(scope, request)
                });
                ActivityFuture::started(operation, |result| A::output_codec().decode(result))
            }
        }
    }

    /// Starts a timer. It survives the worker and costs nothing while it runs.
    pub fn timer(&self, options: impl Into<TimerOptions>) -> TimerFuture {
        self.start_timer(&options.into())
    }

    fn start_timer(&self, options: &TimerOptions) -> TimerFuture {
        TimerFuture::new(RawOperation::start(self.cell(), |run, scope| {
            run.start_timer(scope, options.duration, options.user_metadata())
        }))
    }

    /// Waits. The same as [`timer`](Self::timer).
    pub fn sleep(&self, options: impl Into<TimerOptions>) -> TimerFuture {
        self.timer(options)
    }

    /// Waits until a condition of the state holds. It is looked at whenever something happened in
    /// the workflow.
    pub fn wait_condition<'a>(
        &'a self,
        mut condition: impl FnMut(&W) -> bool + 'a,
    ) -> ConditionFuture<'a> {
        self.condition(move || {
            self.shared
                .state
                .borrow()
                .as_ref()
                .is_some_and(&mut condition)
        })
    }

    /// Waits until every signal and update handler that was called has finished (M4): what a run does
    /// before it ends or continues as new, so that no handler is left in the middle of its work. Whether
    /// that is so now says [`WorkflowContextView::all_handlers_finished`].
    ///
    /// A handler that awaits this waits for itself, and never ends.
    pub fn all_handlers_finished(&self) -> ConditionFuture<'_> {
        self.condition(|| self.cell().all_handlers_finished())
    }

    fn condition<'a>(&self, holds: impl FnMut() -> bool + 'a) -> ConditionFuture<'a> {
        let operation = RawOperation::start(self.cell(), steadfast_core::run::Run::start_internal);
        ConditionFuture::new(operation, Box::new(holds))
    }

    /// Waits until a condition of the state holds, or a time is over. Resolves to whether it holds.
    pub fn wait_condition_timeout<'a>(
        &'a self,
        timeout: impl Into<TimerOptions>,
        condition: impl FnMut(&W) -> bool + 'a,
    ) -> TimedConditionFuture<'a> {
        let timer = self.timer(timeout);
        TimedConditionFuture::new(self.wait_condition(condition), timer)
    }

    /// Starts a child workflow.
    ///
    /// See [`ChildWorkflow`] for what holds after a cancellation.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn start_child_workflow<R: RunDefinition>(
        &self,
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<ChildWorkflowOptions>,
    ) -> ChildWorkflow<R::Workflow> {
        match R::Workflow::arguments().encode(&input) {
            Ok(payloads) => {
                let workflow_type = WorkflowType::new(R::Workflow::WORKFLOW_TYPE)
                    .expect("the macro refuses empty and overlong names");
                self.start_child(workflow_type, payloads, options.into())
            }
            Err(error) => ChildWorkflow::refused(&error),
        }
    }

    /// Starts a child workflow of which only the name is known here. The arguments are encoded with
    /// [`to_payload`](crate::convert::to_payload), one each.
    ///
    /// # Errors
    ///
    /// When the name is not valid.
    pub fn start_child_workflow_by_name(
        &self,
        workflow_type: impl AsRef<str>,
        input: Vec<Payload>,
        options: impl Into<ChildWorkflowOptions>,
    ) -> Result<ChildWorkflow<UntypedWorkflow>, InvalidId> {
        let workflow_type = WorkflowType::new(workflow_type)?;
        Ok(self.start_child(workflow_type, input, options.into()))
    }

    fn start_child<C: WorkflowDefinition>(
        &self,
        workflow_type: WorkflowType,
        payloads: Vec<Payload>,
        options: ChildWorkflowOptions,
    ) -> ChildWorkflow<C> {
        let view = self.view();
        let cancellation_type = options.cancellation_type;
        let mut workflow_id = None;
        let request = |default_id: WorkflowId| {
            let id = options.workflow_id.unwrap_or(default_id);
            workflow_id = Some(id.clone());
            StartChildWorkflowExecution {
                workflow_id: id,
                workflow_type,
                task_queue: options
                    .task_queue
                    .unwrap_or_else(|| view.task_queue().clone()),
                input: payloads,
                header: PayloadMap::new(),
                timeouts: options.timeouts,
                parent_close_policy: options.parent_close_policy,
                workflow_id_reuse_policy: options.workflow_id_reuse_policy,
                retry_policy: options.retry_policy,
                memo: options.memo,
                search_attributes: options.search_attributes,
                user_metadata: convert::user_metadata(
                    options.static_summary.as_deref(),
                    options.static_details.as_deref(),
                ),
                priority: None,
                cron_schedule: options.cron_schedule.map(String::into_boxed_str),
            }
        };
        let operation = RawOperation::start(self.cell(), |run, scope| {
            run.start_child_workflow(scope, request, cancellation_type)
        });
        ChildWorkflow::started_as(operation, workflow_id)
    }

    /// Points at another execution, to signal or cancel it.
    #[must_use]
    pub fn external_workflow(&self, workflow_id: WorkflowId) -> ExternalWorkflow {
        ExternalWorkflow::new(Rc::clone(self.cell()), workflow_id)
    }

    // Scopes and cancellation.

    /// Waits for the cancellation of the running scope, and accepts it: nothing is cancelled by
    /// default then, the code decides (D4, D5).
    pub fn cancelled(&self) -> CancelledFuture {
        CancelledFuture::new(Rc::clone(self.cell()), self.cell().scope())
    }

    /// Resolves when the cancellation of the running scope is requested, and accepts nothing (D10): for
    /// logs, metrics and tasks beside the work. Whoever is to decide what happens awaits
    /// [`cancelled`](Self::cancelled).
    pub fn cancellation_requested(&self) -> CancellationRequestedFuture {
        CancellationRequestedFuture::new(Rc::clone(self.cell()), self.cell().scope())
    }

    /// Whether the cancellation of the running scope was requested. Accepts nothing.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel_reason().is_some()
    }

    /// Why the cancellation of the running scope was requested, if it was. Accepts nothing.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        let cell = self.cell();
        unwinding::check(cell);
        cell.peek(|run| run.scopes().reason(cell.scope()).cloned().map(CancelReason))
    }

    /// Runs a body in a scope of its own, which is cancelled with the running one (S1).
    pub fn scope<'a, T: 'a>(
        &self,
        body: impl AsyncFnOnce(&mut Self) -> T + 'a,
    ) -> ScopeFuture<'a, T> {
        self.run_in(Scope::open(self.cell(), ScopeKind::Connected), body)
    }

    /// Runs a body in a scope that no cancellation from above reaches: for cleanup (S2).
    pub fn disconnected<'a, T: 'a>(
        &self,
        body: impl AsyncFnOnce(&mut Self) -> T + 'a,
    ) -> ScopeFuture<'a, T> {
        self.run_in(Scope::open(self.cell(), ScopeKind::Disconnected), body)
    }

    /// Runs a body in a scope that is cancelled after some time (S3).
    ///
    /// If the body ends with a cancellation because of that, the error says that it timed out; if
    /// the cancellation came from above, it says cancelled.
    pub fn with_timeout<'a, T: 'a, E: Into<WorkflowError> + 'a>(
        &self,
        timeout: impl Into<TimerOptions>,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, E> + 'a,
    ) -> TimeoutFuture<'a, T, E> {
        let timeout = timeout.into();
        let timer = TimerFuture::new(RawOperation::start(self.cell(), |run, _| {
            run.start_unscoped_timer(timeout.duration, timeout.user_metadata())
        }));
        let body = self.scope::<Result<T, E>>(body);
        TimeoutFuture::new(body, timer, timeout.duration)
    }

    /// Opens a scope to be kept, connected to the running one; run bodies in it with
    /// [`in_scope`](Self::in_scope) (S4).
    #[must_use]
    pub fn new_scope(&self) -> Scope {
        Scope::open(self.cell(), ScopeKind::Connected)
    }

    /// Opens a scope to be kept that no cancellation from above reaches.
    #[must_use]
    pub fn new_disconnected_scope(&self) -> Scope {
        Scope::open(self.cell(), ScopeKind::Disconnected)
    }

    /// Runs a body in a scope that was opened before.
    pub fn in_scope<'a, T: 'a>(
        &self,
        scope: &Scope,
        body: impl AsyncFnOnce(&mut Self) -> T + 'a,
    ) -> ScopeFuture<'a, T> {
        self.run_in(scope.clone(), body)
    }

    fn run_in<'a, T: 'a>(
        &self,
        scope: Scope,
        body: impl AsyncFnOnce(&mut Self) -> T + 'a,
    ) -> ScopeFuture<'a, T> {
        let mut context = self.clone();
        let body: LocalBoxFuture<'a, T> = Box::pin(async move { body(&mut context).await });
        ScopeFuture::new(scope, body)
    }

    /// Registers cleanup that runs if the run function ends with a cancellation: in a disconnected
    /// scope, before the execution closes, last registered first (S5). Go's `defer`.
    pub fn on_cancel<R: CleanupResult>(&self, cleanup: impl AsyncFnOnce(&mut Self) -> R + 'static) {
        let context = self.clone();
        self.cell().add_cleanup(Box::new(move || {
            Box::pin(async move {
                let body = context.disconnected(cleanup);
                if let Err(error) = body.await.into_cleanup_result() {
                    tracing::warn!(%error, "a cleanup of the cancelled workflow failed");
                }
            })
        }));
    }

    /// Runs a task beside this one, in a scope that is connected to the running one. Tasks are
    /// polled in the order in which they were woken, the same in every replay.
    pub fn spawn<T: 'static>(
        &self,
        body: impl AsyncFnOnce(&mut Self) -> T + 'static,
    ) -> TaskHandle<T> {
        let scope = Scope::open(self.cell(), ScopeKind::Connected);
        let mut context = self.clone();
        TaskHandle::spawn(
            self.cell(),
            scope,
            Box::pin(async move { body(&mut context).await }),
        )
    }

    // State.

    /// Looks at the workflow's state.
    ///
    /// # Panics
    ///
    /// When called within `state_mut`.
    pub fn state<R>(&self, look: impl FnOnce(&W) -> R) -> R {
        unwinding::check(&self.shared.cell);
        let state = self.shared.state.try_borrow().expect(BORROWED);
        let state = Ref::map(state, |state| state.as_ref().expect(INITIALIZED));
        look(&state)
    }

    /// Changes the workflow's state, and has conditions looked at again.
    ///
    /// # Panics
    ///
    /// When called within `state` or `state_mut`.
    pub fn state_mut<R>(&self, change: impl FnOnce(&mut W) -> R) -> R {
        self.cell().stir();
        let mut state = self.shared.state.try_borrow_mut().expect(BORROWED);
        change(state.as_mut().expect(INITIALIZED))
    }

    /// Calls a handler with the state and a context that cannot wait.
    pub(crate) fn call_sync<R>(
        &self,
        call: impl FnOnce(&mut W, &mut SyncWorkflowContext<W>) -> R,
    ) -> R {
        let mut context = SyncWorkflowContext {
            context: self.clone(),
        };
        self.state_mut(|state| call(state, &mut context))
    }

    pub(crate) fn with_state<R>(&self, look: impl FnOnce(&W, &WorkflowContextView) -> R) -> R {
        let view = self.view();
        self.state(|state| look(state, &view))
    }

    // What the run knows.

    /// What the workflow can know about itself now.
    ///
    /// # Panics
    ///
    /// Never: a context exists only once the run has started.
    #[must_use]
    pub fn view(&self) -> WorkflowContextView {
        let started = self.shared.started.borrow();
        let started = started.as_ref().expect(INITIALIZED);
        WorkflowContextView::of(self.cell(), started)
    }

    /// The workflow's id.
    #[must_use]
    pub fn workflow_id(&self) -> WorkflowId {
        self.cell().peek(|run| run.execution().workflow_id.clone())
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> steadfast_core::ids::RunId {
        self.cell().peek(|run| run.execution().run_id.clone())
    }

    /// The time of the workflow task at hand: the same in every replay.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.cell().peek(|run| to_system_time(run.now()))
    }

    /// Whether the code runs again to rebuild its state, and what it asks for was asked before.
    /// For logs and metrics only; `tracing` events are left out by themselves.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.cell().peek(steadfast_core::run::Run::is_replaying)
    }

    /// Signals that came without a handler, in their order. They are kept and a warning is logged.
    #[must_use]
    pub fn unhandled_signals(&self) -> Vec<BufferedSignal> {
        self.cell().unhandled_signals()
    }

    /// A random number that is the same in every replay. Not for secrets.
    #[must_use]
    pub fn random_u64(&self) -> u64 {
        self.cell().with_run(|run| run.random().next_u64())
    }

    /// A random number from 0 up to, but not, 1 that is the same in every replay.
    #[must_use]
    pub fn random_f64(&self) -> f64 {
        // 53 bits are what a double holds without rounding.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let number = (self.random_u64() >> 11) as f64;
        number / (1_u64 << 53) as f64
    }

    /// A random (version 4) UUID as text that is the same in every replay. Not for secrets.
    #[must_use]
    pub fn uuid4(&self) -> String {
        let bits = (u128::from(self.random_u64()) << 64) | u128::from(self.random_u64());
        uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// A value that is made once and recorded: for what is cheap and differs from run to run, such
    /// as reading the configuration. In a replay the recorded value comes back, and the closure is not run.
    ///
    /// # Panics
    ///
    /// When the closure asks a context for anything: a replay would not.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized or is too large, or the recorded one is of another type.
    pub fn side_effect<T: Serialize + DeserializeOwned>(
        &self,
        make: impl FnOnce() -> T,
    ) -> Result<T, ConvertError> {
        let recorded = self
            .cell()
            .with_run(steadfast_core::run::Run::recorded_side_effect);
        let made = recorded.unwrap_or_else(|| {
            let recording = self.cell().record();
            let made = make();
            drop(recording);
            let made = convert::to_payload(&made);
            made.map_err(|error| failure_of(&error, "ConvertError"))
        });
        let recorded = self.cell().with_run(|run| run.record_side_effect(made));
        match recorded {
            Ok(payload) => convert::from_payload(Some(&payload)),
            Err(failure) => Err(ConvertError::SideEffect(Box::new(failure))),
        }
    }

    /// Guards changed code: `true` in new runs, `false` where a replay goes on with a run that took
    /// the old way. The answer for an id never changes within a run.
    ///
    /// # Panics
    ///
    /// When the id is empty or longer than 1,000 bytes.
    #[must_use]
    pub fn patched(&self, id: &str) -> bool {
        let id = PatchId::new(id).expect("a patch id has 1 to 1,000 bytes");
        self.cell().with_run(|run| run.patched(&id, false))
    }

    /// Says that every run that took the old way has ended, and the guard can go.
    ///
    /// # Panics
    ///
    /// When the id is empty or longer than 1,000 bytes.
    pub fn deprecate_patch(&self, id: &str) {
        let id = PatchId::new(id).expect("a patch id has 1 to 1,000 bytes");
        self.cell().with_run(|run| run.patched(&id, true));
    }

    /// Changes what the execution is found by.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized, or is too large.
    pub fn upsert_search_attribute<T: Serialize>(
        &self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<(), ConvertError> {
        let values = BTreeMap::from([(key.into(), convert::to_payload(value)?)]);
        Ok(self
            .cell()
            .with_run(|run| run.upsert_search_attributes(values))?)
    }

    /// Changes what is shown with the execution.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized, or is too large.
    pub fn upsert_memo<T: Serialize>(
        &self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<(), ConvertError> {
        let values = BTreeMap::from([(key.into(), convert::to_payload(value)?)]);
        Ok(self.cell().with_run(|run| run.upsert_memo(values))?)
    }

    /// Says where the workflow stands, in Markdown and in any number of lines: for people who look at it with
    /// Temporal's tools. It is part of the workflow's state, not of its history, and the next run begins without.
    pub fn set_current_details(&self, details: impl Into<String>) {
        self.cell().set_current_details(details.into());
    }

    /// What was said last of where the workflow stands.
    #[must_use]
    pub fn current_details(&self) -> String {
        self.cell().current_details()
    }

    /// Ends this run and starts the next one of the same execution, with a new history. Return what
    /// this gives from the run function:
    ///
    /// ```ignore
    /// return ctx.continue_as_new(next_input, ContinueAsNewOptions::default());
    /// ```
    ///
    /// Signals that come after this run's code has ended, and a request to cancel of which the run function was never told,
    /// are handed over to the next run.
    ///
    /// # Errors
    ///
    /// Always: that is how the run function ends. When the input is too large for the engine the error says so,
    /// and not that there is a next run.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the run function ends with it"
    )]
    pub fn continue_as_new<T>(
        &self,
        input: W::Input,
        options: ContinueAsNewOptions,
    ) -> WorkflowResult<T> {
        let view = self.view();
        let next = ContinueAsNewWorkflowExecution {
            workflow_type: view.workflow_type().clone(),
            task_queue: options
                .task_queue
                .unwrap_or_else(|| view.task_queue().clone()),
            input: W::arguments().encode(&input)?,
            header: PayloadMap::new(),
            timeouts: options.timeouts,
            retry_policy: None,
            memo: options.memo,
            search_attributes: options.search_attributes,
        };
        self.cell()
            .peek(|run| run.check_next_run(&next))
            .map_err(ConvertError::from)?;
        Err(WorkflowError::continue_as_new(next))
    }
}

const INITIALIZED: &str = "a context exists only after the workflow's state was made";

/// What a plain (not `async`) handler gets beside the state: it can look and start, not wait.
pub struct SyncWorkflowContext<W: WorkflowDefinition> {
    context: WorkflowContext<W>,
}

impl<W: WorkflowDefinition> fmt::Debug for SyncWorkflowContext<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncWorkflowContext({:?})", self.context)
    }
}

impl<W: WorkflowDefinition> SyncWorkflowContext<W> {
    /// The context that can wait: for the future of an `async` handler.
    pub(crate) fn waiting(&self) -> WorkflowContext<W> {
        self.context.clone()
    }

    /// What the workflow can know about itself now.
    #[must_use]
    pub fn view(&self) -> WorkflowContextView {
        self.context.view()
    }

    /// The time of the workflow task at hand: the same in every replay.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.context.now()
    }

    /// Whether the code runs again to rebuild its state.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.context.is_replaying()
    }

    /// A random number that is the same in every replay. Not for secrets.
    #[must_use]
    pub fn random_u64(&self) -> u64 {
        self.context.random_u64()
    }

    /// Whether the cancellation of the execution was requested. Accepts nothing.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let cell = self.context.cell();
        cell.peek(|run| run.scopes().reason(ScopeId::ROOT).is_some())
    }

    /// Says where the workflow stands; see [`WorkflowContext::set_current_details`].
    pub fn set_current_details(&self, details: impl Into<String>) {
        self.context.set_current_details(details);
    }

    /// Runs a task beside the run function.
    pub fn spawn<T: 'static>(
        &self,
        body: impl AsyncFnOnce(&mut WorkflowContext<W>) -> T + 'static,
    ) -> TaskHandle<T> {
        self.context.spawn(body)
    }
}

/// What the next run has otherwise than this one. What is absent is inherited.
#[derive(Clone, Debug, Default)]
pub struct ContinueAsNewOptions {
    /// Where workers pick up its workflow tasks.
    pub task_queue: Option<steadfast_core::ids::TaskQueue>,
    /// Its time limits.
    pub timeouts: WorkflowTimeouts,
    /// Values shown with it.
    pub memo: Option<BTreeMap<String, Payload>>,
    /// Values that it is found by.
    pub search_attributes: Option<BTreeMap<String, Payload>>,
}

/// What a cleanup may return: nothing, or a result whose error is logged.
pub trait CleanupResult {
    /// The error, if there is one.
    ///
    /// # Errors
    ///
    /// What the cleanup returned.
    fn into_cleanup_result(self) -> WorkflowResult<()>;
}

impl CleanupResult for () {
    fn into_cleanup_result(self) -> WorkflowResult<()> {
        Ok(())
    }
}

impl<T, E: Into<WorkflowError>> CleanupResult for Result<T, E> {
    fn into_cleanup_result(self) -> WorkflowResult<()> {
        self.map(|_| ()).map_err(Into::into)
    }
}
