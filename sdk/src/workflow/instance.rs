//! One run of a workflow in memory: gives the jobs of history to the user's code.
//!
//! It is driven by the worker and by the replayer. It decides how errors of user code end a run
//! (F1 to F5) and knows no engine.

use std::{cell::RefCell, collections::BTreeSet, fmt, rc::Rc};

use steadfast_core::{
    activation::{Job, Message, OperationId, SignalJob, UpdateJob},
    command::Command,
    error::RunError,
    event::{HistoryEvent, WorkflowExecutionStarted, WorkflowTaskFailedCause},
    failure::Failure,
    mark::Mark,
    payload::Payload,
    run::{Closing, Run},
    scope::{ScopeId, ScopeKind},
    task::{LocalActivityOutcome, LocalActivityTask, Query, Update, WorkflowTaskFailure},
};
use tracing::dispatcher;

use super::{
    HandlerSet, WorkflowContext, WorkflowContextView, about,
    buffered_signal::BufferedSignal,
    cell::RunCell,
    context::Shared,
    executor::{Executor, ExecutorError},
    task_id::TaskId,
};
use crate::{
    definition::{Handled, WorkflowDefinition, WorkflowImplementation},
    error::WorkflowError,
};

/// Why a workflow task failed; the run has to be rebuilt from its history.
#[derive(Debug)]
pub(crate) enum InstanceError {
    /// The replay failed.
    Run(Box<RunError>),
    /// User code failed in a way that does not end the run (F5).
    Code(ExecutorError),
    /// The input of the run function cannot be decoded.
    Input(crate::convert::ConvertError),
}

impl fmt::Display for InstanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => fmt::Display::fmt(error, f),
            Self::Code(error) => fmt::Display::fmt(error, f),
            Self::Input(error) => write!(f, "the workflow's input: {error}"),
        }
    }
}

impl From<RunError> for InstanceError {
    fn from(error: RunError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<ExecutorError> for InstanceError {
    fn from(error: ExecutorError) -> Self {
        Self::Code(error)
    }
}

impl InstanceError {
    /// What is recorded in history.
    pub(crate) fn to_task_failure(&self) -> WorkflowTaskFailure {
        let (cause, error_type) = match self {
            Self::Run(error) if matches!(**error, RunError::Nondeterminism(_)) => (
                WorkflowTaskFailedCause::NonDeterministicError,
                "Nondeterminism",
            ),
            Self::Run(_) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "RunError",
            ),
            Self::Code(ExecutorError::Panicked(_)) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "Panic",
            ),
            Self::Code(ExecutorError::Foreign(_)) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "ForeignFuture",
            ),
            Self::Code(ExecutorError::Runaway(_)) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "Runaway",
            ),
            Self::Code(ExecutorError::GivenUp) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "Deadlock",
            ),
            Self::Input(_) => (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "ConvertError",
            ),
        };
        WorkflowTaskFailure {
            cause,
            failure: Failure::application(self.to_string(), error_type),
        }
    }
}

/// A run of some workflow, without the workflow's type.
pub(crate) trait WorkflowInstance {
    /// Takes the events of a workflow task, and does all there is to do.
    fn handle_task(
        &mut self,
        events: Vec<HistoryEvent>,
        updates: Vec<Update>,
    ) -> Result<(), InstanceError>;

    /// Takes what the worker says of a local activity, and does all there is to do.
    fn handle_local_activity(
        &mut self,
        id: OperationId,
        outcome: LocalActivityOutcome,
    ) -> Result<(), InstanceError>;

    /// The next local activity to run.
    fn poll_local_activity(&mut self) -> Option<(OperationId, LocalActivityTask)>;

    /// The local activities to stop.
    fn take_stopped_local_activities(&mut self) -> Vec<OperationId>;

    /// Whether the answer to the task at hand waits for a local activity.
    fn has_local_activities(&self) -> bool;

    /// The commands of the task at hand.
    fn take_commands(&mut self) -> Vec<Command>;

    /// Answers a query.
    fn query(&mut self, query: &Query) -> Result<Payload, Failure>;

    /// Whether the closing command was given.
    fn is_closed(&self) -> bool;

    /// The last event that the run has seen.
    fn last_event_id(&self) -> steadfast_core::ids::EventId;
}

/// A run of a workflow in memory.
pub(crate) struct Instance<W: WorkflowImplementation> {
    cell: Rc<RunCell>,
    shared: Rc<Shared<W>>,
    context: WorkflowContext<W>,
    executor: Executor,
    handlers: HandlerSet<W>,
    input: Option<W::Input>,
}

impl<W: WorkflowImplementation> Instance<W> {
    pub(crate) fn new(run: Run) -> Self {
        let cell = RunCell::new(run);
        let shared = Rc::new(Shared {
            cell: Rc::clone(&cell),
            state: RefCell::new(None),
            started: RefCell::new(None),
        });
        Self {
            executor: Executor::new(Rc::clone(&cell)),
            context: WorkflowContext::new(Rc::clone(&shared)),
            shared,
            cell,
            handlers: W::handlers(),
            input: None,
        }
    }

    /// Does all there is to do.
    fn drive(&mut self) -> Result<(), InstanceError> {
        let _current = self.executor.current();
        loop {
            let job = self.cell.with_run(Run::poll_job)?;
            let Some(job) = job else { break };
            // What user code logs while it runs again was logged before.
            if self.cell.peek(Run::is_replaying) {
                dispatcher::with_default(&dispatcher::Dispatch::none(), || self.perform(job))?;
            } else {
                self.perform(job)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, job: Job) -> Result<(), InstanceError> {
        match job {
            Job::InitializeWorkflow(started) => self.initialize(*started)?,
            Job::Messages(messages) => self.messages(messages)?,
            Job::StartWorkflow => self.start_main(),
            Job::CancelWorkflow | Job::ResolveOperations | Job::Reseed => {}
        }
        self.cell.stir();
        self.rest()
    }

    /// Lets code go on until it rests. What outlives the run function goes on after it.
    fn rest(&mut self) -> Result<(), InstanceError> {
        self.end_if_closing();
        loop {
            self.executor.run_until_stalled()?;
            if !self.end_if_closing() {
                break;
            }
        }
        // A handler reaches what another task waits for through the state, if that holds anything.
        let handlers_can_help = self.handlers.can_be_called() && size_of::<W>() > 0;
        self.executor.check_alive(handlers_can_help)?;
        Ok(())
    }

    fn initialize(&mut self, started: WorkflowExecutionStarted) -> Result<(), InstanceError> {
        let input = W::arguments()
            .decode(&started.input)
            .map_err(InstanceError::Input)?;
        let view = WorkflowContextView::of(&self.cell, &started);
        self.shared.started.replace(Some(started));
        match self.executor.enter(|| W::init(&view, input))? {
            Ok((state, input)) => {
                self.shared.state.replace(Some(state));
                self.input = input;
            }
            Err(error) => {
                let failure = Box::new(error.to_failure());
                self.cell
                    .with_run(|run| run.close(Closing::Failed(failure)));
            }
        }
        Ok(())
    }

    fn start_main(&mut self) {
        // The state could not be made, or a handler failed.
        if self.cell.peek(Run::is_closing) {
            return;
        }
        let context = self.context.clone();
        let input = self.input.take();
        let main = Box::pin(async move {
            let result = W::run(context.clone(), input).await;
            if result.as_ref().is_err_and(WorkflowError::is_cancelled) {
                while let Some(cleanup) = context.cell().take_cleanup() {
                    cleanup().await;
                }
            }
            let closing = closing::<W>(result);
            context.cell().with_run(|run| run.close(closing));
        });
        self.executor.add(TaskId::MAIN, ScopeId::ROOT, main);
    }

    /// Gives messages to their handlers, one after the other: each begins before the next one does. Then
    /// they go on, and no other code is polled until all of them have finished or wait (M1).
    fn messages(&mut self, messages: Vec<Message>) -> Result<(), InstanceError> {
        // Without a state there is nothing to call: the run ends for what `init` said.
        if self.shared.state.borrow().is_none() {
            return Ok(());
        }
        let late = self.cell.peek(Run::is_closing);
        let mut handlers = BTreeSet::new();
        for message in messages {
            let started = match message {
                Message::Signal(signal) => {
                    if late {
                        warn_of_late(&signal, self.cell.peek(Run::has_next_run));
                    }
                    self.signal(signal)?
                }
                // Nobody reads any more what it would change; whoever asks can ask the next run.
                Message::Update(update) if late && update.validate => {
                    let failure = Failure::application(ENDING, "WorkflowEnding");
                    self.cell
                        .with_run(|run| run.reject_update(update.update_id, failure));
                    None
                }
                Message::Update(update) => self.update(update)?,
            };
            if let Some(handler) = started {
                self.executor.begin(handler)?;
                handlers.insert(handler);
            }
        }
        if !handlers.is_empty() {
            // One may wait for what a later one did.
            self.cell.stir();
            self.executor.run_only(&handlers)?;
        }
        Ok(())
    }

    /// The task that handles a signal, unless that was done at once.
    fn signal(&self, signal: SignalJob) -> Result<Option<TaskId>, InstanceError> {
        let SignalJob { name, input, .. } = signal;
        let Some(handler) = self.handlers.find_signal(name.as_str()) else {
            tracing::warn!(signal = ?name, "no handler takes this signal; it is kept");
            self.cell.keep_unhandled(BufferedSignal {
                name: name.as_str().to_owned(),
                input,
            });
            return Ok(None);
        };
        let context = self.context.clone();
        let handled = self
            .executor
            .enter(|| handler(context, name.as_str(), &input))?;
        match handled {
            // A signal that cannot be read must not stop the workflow: its sender is at fault.
            Err(error) => {
                tracing::warn!(signal = ?name, %error, "a signal's arguments cannot be decoded; it is kept");
                self.cell.keep_unhandled(BufferedSignal {
                    name: name.as_str().to_owned(),
                    input,
                });
            }
            Ok(Handled::Now(result)) => signal_ended(&self.cell, name.as_str(), result),
            Ok(Handled::Later(future)) => {
                let cell = Rc::clone(&self.cell);
                let signal = name.clone();
                let handler = self.run_handler(
                    format!("signal `{name}`"),
                    Box::pin(async move {
                        signal_ended(&cell, signal.as_str(), future.await);
                    }),
                );
                return Ok(Some(handler));
            }
        }
        Ok(None)
    }

    /// The task that handles an update, unless it was refused.
    fn update(&self, update: UpdateJob) -> Result<Option<TaskId>, InstanceError> {
        let UpdateJob {
            update_id,
            name,
            input,
            validate,
        } = update;
        let context = self.context.clone();
        let handlers = &self.handlers;
        // Accepting it repeats what it carries, which not every engine has looked at (F8).
        let checked = self.cell.peek(|run| {
            let limit = run.payload_limit();
            limit.check("the update's arguments", input.iter())
        });
        if validate && let Err(too_large) = checked {
            self.cell
                .with_run(|run| run.reject_update(update_id, too_large.to_failure()));
            return Ok(None);
        }
        let found = self.executor.enter(|| {
            let handler = handlers.find_update(name.as_str())?;
            handler(&context, name.as_str(), &input, validate)
        })?;
        let handler = match found {
            Ok(handler) => handler,
            Err(error) => {
                self.cell
                    .with_run(|run| run.reject_update(update_id, error.to_failure()));
                return Ok(None);
            }
        };
        self.cell
            .with_run(|run| run.accept_update(update_id.clone(), name.clone(), input));
        let context = self.context.clone();
        let handler = self.run_handler(
            format!("update `{name}`"),
            Box::pin(async move {
                let outcome = handler().await.map_err(|error| error.to_failure());
                context
                    .cell()
                    .with_run(|run| run.complete_update(update_id, outcome));
            }),
        );
        Ok(Some(handler))
    }

    /// Runs a handler as a task in a scope of its own: what it accepts or cancels is not the run
    /// function's.
    fn run_handler(
        &self,
        what: String,
        future: futures_util::future::LocalBoxFuture<'static, ()>,
    ) -> TaskId {
        let scope = self
            .cell
            .in_scope(ScopeId::ROOT, || self.cell.open_scope(ScopeKind::Connected));
        let cell = Rc::clone(&self.cell);
        let number = self.cell.handler_begins(what);
        self.cell.spawn(
            scope,
            Box::pin(async move {
                future.await;
                cell.handler_ends(number);
                cell.with_run(|run| run.close_scope(scope));
            }),
        )
    }

    /// Lets go of everything else if the run function has ended, and at last of what those left that the run
    /// waited for. Whether there was anything, which may have left something to do in its turn.
    fn end_if_closing(&mut self) -> bool {
        if !self.cell.peek(Run::is_closing) {
            return false;
        }
        let unfinished = self.cell.take_handlers();
        if !unfinished.is_empty() {
            tracing::warn!(
                handlers = unfinished.join(", "),
                "the workflow ended while handlers were running; wait for them before returning, with \
                 `ctx.all_handlers_finished().await`"
            );
        }
        self.cell.let_lasting_pass();
        self.executor.drop_passing()
    }
}

/// Decides how a run ends.
fn closing<W: WorkflowDefinition>(result: Result<W::Output, WorkflowError>) -> Closing {
    let error = match result {
        Ok(output) => match W::output_codec().encode(&output) {
            Ok(payload) => return Closing::Completed(Some(payload)),
            Err(error) => {
                let failure = WorkflowError::from(error).to_failure();
                return Closing::Failed(Box::new(failure.marked(Mark::MayHaveHappened)));
            }
        },
        Err(error) => match error.into_continue_as_new() {
            Ok(next) => return Closing::ContinuedAsNew(next),
            Err(error) => error,
        },
    };
    let failure = Box::new(error.to_failure());
    if error.is_cancelled() {
        Closing::Cancelled(failure)
    } else {
        Closing::Failed(failure)
    }
}

/// What an update is told that comes after the run function has ended.
const ENDING: &str = "the workflow's code has ended, and the run waits for what it asked of others before it closes; send \
    the update again once it has closed, if there is a next run";

/// The run function has ended, and the run waits for what it asked of others (F6). If it has asked for another run,
/// signals are handed over to that one, and only what is too much for that comes here.
fn warn_of_late(signal: &SignalJob, has_next: bool) {
    let name = signal.name.as_str();
    if has_next {
        tracing::error!(
            signal = name,
            "a signal came after the run function had asked for another run, and the next run cannot be given more; \
             its handler is called, and what it leaves in the state is not in the next run"
        );
    } else {
        tracing::warn!(
            signal = name,
            "a signal came after the run function ended; its handler is called"
        );
    }
}

fn signal_ended(cell: &RunCell, name: &str, result: Result<(), WorkflowError>) {
    let Err(error) = result else { return };
    if error.is_cancelled() {
        tracing::debug!(signal = name, "a signal handler ended with a cancellation");
    } else {
        // An error that leaves a handler fails the workflow, as in the other SDKs.
        let failure = Box::new(error.to_failure());
        cell.with_run(|run| run.close(Closing::Failed(failure)));
    }
}

impl<W: WorkflowImplementation> WorkflowInstance for Instance<W> {
    fn handle_task(
        &mut self,
        events: Vec<HistoryEvent>,
        updates: Vec<Update>,
    ) -> Result<(), InstanceError> {
        self.cell.with_run(|run| run.handle_task(events, updates))?;
        self.drive()
    }

    fn handle_local_activity(
        &mut self,
        id: OperationId,
        outcome: LocalActivityOutcome,
    ) -> Result<(), InstanceError> {
        let _current = self.executor.current();
        self.cell
            .with_run(|run| run.handle_local_activity(id, outcome))?;
        self.drive()
    }

    fn poll_local_activity(&mut self) -> Option<(OperationId, LocalActivityTask)> {
        self.cell.with_run(Run::poll_local_activity)
    }

    fn take_stopped_local_activities(&mut self) -> Vec<OperationId> {
        self.cell.with_run(Run::take_stopped_local_activities)
    }

    fn has_local_activities(&self) -> bool {
        self.cell.peek(Run::has_local_activities)
    }

    fn take_commands(&mut self) -> Vec<Command> {
        self.cell.with_run(Run::take_commands)
    }

    fn query(&mut self, query: &Query) -> Result<Payload, Failure> {
        let name = query.name.as_str();
        if let Some(answer) = about::answer(name, &self.cell, &self.handlers) {
            return answer;
        }
        if self.shared.state.borrow().is_none() {
            return Err(Failure::application(
                "the workflow has not started yet",
                "NotStarted",
            ));
        }
        let handlers = &self.handlers;
        let context = &self.context;
        let answer = self
            .executor
            .enter(|| {
                let handler = handlers.find_query(query.name.as_str())?;
                let name = query.name.as_str();
                context.with_state(|state, view| handler(state, view, name, &query.input))
            })
            .map_err(|error| Failure::application(error.to_string(), "QueryFailed"))?;
        self.cell.peek(|run| {
            let limit = run.payload_limit();
            let answer =
                answer.map_err(|error| limit.fit("the query's failure", error.to_failure()))?;
            let taken = limit.take("the answer to the query", answer);
            taken.map_err(|too_large| too_large.to_failure())
        })
    }

    fn is_closed(&self) -> bool {
        self.cell.peek(Run::is_closed)
    }

    fn last_event_id(&self) -> steadfast_core::ids::EventId {
        self.cell.peek(Run::last_event_id)
    }
}

impl<W: WorkflowImplementation> Drop for Instance<W> {
    fn drop(&mut self) {
        // What is dropped with the run is not cancelled: it goes on from its history (O5).
        self.cell.evict();
        self.executor.drop_all();
        let state = self.shared.state.take();
        let _ = self.executor.enter(move || drop(state));
    }
}
