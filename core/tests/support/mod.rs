//! A small workflow language as data, and an interpreter that runs it against a [`Run`].
//!
//! It stands in for the SDK's executor: tasks are polled in a fixed order until all rest, then the
//! next job is asked for. A test that wants other workflow code writes other data.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod script;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use steadfast_core::{
    activation::{Job, Message, OperationId, Resolution, SignalJob, UpdateJob},
    command::{Command, ContinueAsNewWorkflowExecution},
    error::RunError,
    event::HistoryEvent,
    failure::Failure,
    history::builder::{cancel_external, id, signal_external, start_child},
    ids::WorkflowExecution,
    options::{ActivityCancellationType, ActivityTimeouts, ChildWorkflowCancellationType},
    payload::{Payload, PayloadMap},
    run::{ActivityRequest, Closing, Run},
    scope::{ScopeId, ScopeKind},
    task::Update,
};

/// What a workflow does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub(crate) main: Vec<Statement>,
    pub(crate) signals: BTreeMap<String, Vec<Statement>>,
    pub(crate) updates: BTreeMap<String, Vec<Statement>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    /// Starts an operation under a name. The one that had the name before is dropped (O5).
    Start(String, Start),
    Await(String),
    Cancel(String),
    Detach(String),
    /// Waits for the scope's cancellation and accepts it (D4, D5).
    Cancelled,
    /// Only looks.
    IsCancelled,
    /// Waits for the first of several, polled in written order (D6).
    Select(Vec<String>),
    Scope(String, ScopeKind, Vec<Self>),
    CancelScope(String, String),
    Spawn(Vec<Self>),
    WaitSignal(String),
    Patched(String, Vec<Self>, Vec<Self>),
    Deprecate(String),
    SideEffect,
    Random,
    Upsert(String),
    Memo(String),
    /// Only in an update handler.
    Reject,
    Log(String),
    End(Ending),
}

#[derive(Clone, Debug)]
pub(crate) enum Start {
    Activity(String, ActivityCancellationType),
    Local(String, ActivityCancellationType),
    Timer(Duration),
    Child(String, ChildWorkflowCancellationType),
    Signal(String, String),
    CancelExternal(String),
    Internal,
}

#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Complete,
    Fail,
    Cancel,
    ContinueAsNew(String),
    /// Ends the handler or the spawned task, or the run function as completed.
    Return,
}

/// What the code and the run share.
struct World {
    run: Run,
    names: BTreeMap<String, OperationId>,
    labels: BTreeMap<OperationId, String>,
    held: BTreeSet<OperationId>,
    open: BTreeMap<OperationId, Option<Resolution>>,
    resolved: Vec<(OperationId, Resolution)>,
    cancelled: BTreeSet<OperationId>,
    internal: BTreeSet<OperationId>,
    scopes: BTreeMap<String, ScopeId>,
    signals: BTreeMap<String, u64>,
    trace: Vec<String>,
    progress: bool,
    spawned: Vec<Task>,
    /// How often a side effect was made: shared with other incarnations of the run.
    made: Rc<Cell<u64>>,
}

type Shared = Rc<RefCell<World>>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A run together with its code.
pub(crate) struct Interpreter {
    program: Program,
    world: Shared,
    tasks: Vec<Option<Task>>,
}

impl Interpreter {
    pub(crate) fn new(
        program: &Program,
        execution: &WorkflowExecution,
        made: Rc<Cell<u64>>,
    ) -> Self {
        let run = Run::new(execution.clone(), id("order"));
        Self {
            program: program.clone(),
            world: Rc::new(RefCell::new(World {
                run,
                names: BTreeMap::new(),
                labels: BTreeMap::new(),
                held: BTreeSet::new(),
                open: BTreeMap::new(),
                resolved: Vec::new(),
                cancelled: BTreeSet::new(),
                internal: BTreeSet::new(),
                scopes: BTreeMap::new(),
                signals: BTreeMap::new(),
                trace: Vec::new(),
                progress: false,
                spawned: Vec::new(),
                made,
            })),
            tasks: Vec::new(),
        }
    }

    /// Takes a workflow task and does all there is to do.
    pub(crate) fn handle_task(
        &mut self,
        events: &[HistoryEvent],
        updates: Vec<Update>,
    ) -> Result<(), RunError> {
        self.world
            .borrow_mut()
            .run
            .handle_task(events.to_vec(), updates)?;
        self.drive()
    }

    /// The worker says how a local activity ended.
    pub(crate) fn local_ended(
        &mut self,
        operation: OperationId,
        outcome: Result<Option<Payload>, Failure>,
    ) -> Result<(), RunError> {
        self.world
            .borrow_mut()
            .run
            .handle_local_activity(operation, outcome)?;
        self.drive()
    }

    fn drive(&mut self) -> Result<(), RunError> {
        loop {
            let job = self.world.borrow_mut().run.poll_job()?;
            let Some(job) = job else { return Ok(()) };
            self.perform(job);
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::InitializeWorkflow(_) => self.log("initialize"),
            // A handler may have failed it before.
            Job::StartWorkflow if self.look(Run::is_closing) => {}
            Job::StartWorkflow => {
                self.log("start");
                let body = self.program.main.clone();
                self.task(body, ScopeId::ROOT, Role::Main);
            }
            Job::Messages(messages) => {
                let first = self.tasks.len();
                for message in messages {
                    match message {
                        Message::Signal(signal) => self.signal(&signal),
                        Message::Update(update) => self.update(update),
                    }
                }
                // Nothing else is polled until the handlers have finished or wait (M1).
                self.poll_from(first);
            }
            Job::CancelWorkflow => self.log("cancel requested"),
            Job::ResolveOperations => {}
            Job::Reseed => self.log("reseed"),
        }
        self.settle();
    }

    fn signal(&mut self, signal: &SignalJob) {
        self.log(&format!("signal {}", signal.name));
        let name = signal.name.as_str().to_owned();
        *self
            .world
            .borrow_mut()
            .signals
            .entry(name.clone())
            .or_default() += 1;
        if let Some(body) = self.program.signals.get(&name).cloned() {
            self.task(body, ScopeId::ROOT, Role::Signal);
        }
    }

    fn update(&mut self, update: UpdateJob) {
        let how = if update.validate {
            ""
        } else {
            " (accepted before)"
        };
        self.log(&format!("update {} {}{how}", update.name, update.update_id));
        let run = &mut self.world.borrow_mut().run;
        let body = self.program.updates.get(update.name.as_str()).cloned();
        match body {
            Some(body) if !matches!(body.first(), Some(Statement::Reject)) => {
                run.accept_update(update.update_id.clone(), update.name.clone(), update.input);
                self.tasks.push(Some(Box::pin(update_task(
                    Rc::clone(&self.world),
                    body,
                    update.update_id,
                ))));
            }
            _ => run.reject_update(update.update_id, Failure::application("refused", "Refused")),
        }
    }

    fn task(&mut self, body: Vec<Statement>, scope: ScopeId, role: Role) {
        self.tasks.push(Some(Box::pin(task(
            Rc::clone(&self.world),
            body,
            scope,
            role,
        ))));
    }

    /// Polls every task until all of them rest. A run that is closed lets go of them.
    fn settle(&mut self) {
        deliver(&mut self.world.borrow_mut());
        if !self.world.borrow().run.is_closing() {
            self.poll_from(0);
        }
        if self.world.borrow().run.is_closing() {
            self.end();
        }
        self.tasks.retain(Option::is_some);
    }

    /// Polls the tasks from one on until all of them rest.
    fn poll_from(&mut self, first: usize) {
        deliver(&mut self.world.borrow_mut());
        let mut context = Context::from_waker(Waker::noop());
        loop {
            self.world.borrow_mut().progress = false;
            let mut index = first;
            while index < self.tasks.len() {
                if let Some(Some(task)) = self.tasks.get_mut(index)
                    && task.as_mut().poll(&mut context).is_ready()
                {
                    self.tasks[index] = None;
                    self.world.borrow_mut().progress = true;
                }
                let spawned = std::mem::take(&mut self.world.borrow_mut().spawned);
                self.tasks.extend(spawned.into_iter().map(Some));
                if first == 0 && self.world.borrow().run.is_closing() {
                    return;
                }
                index += 1;
            }
            if !self.world.borrow().progress {
                break;
            }
        }
    }

    /// The run function has ended: lets go of everything it holds (O5).
    fn end(&mut self) {
        self.tasks.clear();
        let world = &mut *self.world.borrow_mut();
        for held in std::mem::take(&mut world.held) {
            drop_operation(world, held);
        }
    }

    fn log(&self, text: &str) {
        self.world.borrow_mut().trace.push(text.to_owned());
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.world.borrow_mut().run.take_commands()
    }

    /// The local activities that the worker has to run, by their operations and names.
    pub(crate) fn poll_local_activities(&self) -> Vec<(OperationId, String)> {
        let world = &mut *self.world.borrow_mut();
        std::iter::from_fn(|| world.run.poll_local_activity())
            .map(|(operation, task)| (operation, task.activity_type.as_str().to_owned()))
            .collect()
    }

    pub(crate) fn take_stopped(&self) -> Vec<String> {
        let world = &mut *self.world.borrow_mut();
        let stopped = world.run.take_stopped_local_activities();
        stopped
            .iter()
            .map(|id| world.labels.get(id).cloned().unwrap_or_default())
            .collect()
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut self.world.borrow_mut().trace)
    }

    pub(crate) fn resolved(&self) -> Vec<(OperationId, Resolution)> {
        self.world.borrow().resolved.clone()
    }

    /// The operations that code cancelled, except those that it had started and let go of.
    pub(crate) fn cancelled(&self) -> BTreeSet<OperationId> {
        self.world.borrow().cancelled.clone()
    }

    /// The operations that history can end, and that were started.
    pub(crate) fn started(&self) -> BTreeSet<OperationId> {
        let world = self.world.borrow();
        world
            .open
            .keys()
            .filter(|id| !world.internal.contains(id))
            .copied()
            .collect()
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Run) -> T) -> T {
        look(&self.world.borrow().run)
    }

    pub(crate) fn with_run<T>(&self, act: impl FnOnce(&mut Run) -> T) -> T {
        act(&mut self.world.borrow_mut().run)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Main,
    Signal,
    Spawned,
}

/// Whether the statements after one are run.
enum Flow {
    Next,
    Ended(Ending),
}

async fn task(world: Shared, body: Vec<Statement>, scope: ScopeId, role: Role) {
    let ending = match block(&world, &body, scope).await {
        Flow::Ended(ending) => ending,
        Flow::Next => Ending::Return,
    };
    let closing = match ending {
        Ending::Return if role != Role::Main => return,
        Ending::Return | Ending::Complete => Closing::Completed(None),
        Ending::Fail => Closing::Failed(Box::new(Failure::application(
            "failed on purpose",
            "Purpose",
        ))),
        Ending::Cancel => Closing::Cancelled(Box::new(Failure::cancelled("cancelled"))),
        Ending::ContinueAsNew(workflow_type) => {
            Closing::ContinuedAsNew(Box::new(ContinueAsNewWorkflowExecution {
                workflow_type: id(&workflow_type),
                task_queue: id("main"),
                input: Vec::new(),
                header: PayloadMap::new(),
                timeouts: Default::default(),
                retry_policy: None,
                memo: None,
                search_attributes: None,
            }))
        }
    };
    world.borrow_mut().run.close(closing);
}

async fn update_task(
    world: Shared,
    body: Vec<Statement>,
    update_id: steadfast_core::ids::UpdateId,
) {
    let flow = block(&world, &body, ScopeId::ROOT).await;
    let outcome = match flow {
        Flow::Ended(Ending::Fail) => Err(Failure::application("failed on purpose", "Purpose")),
        Flow::Ended(_) | Flow::Next => Ok(Payload::json(&b"\"updated\""[..])),
    };
    world.borrow_mut().run.complete_update(update_id, outcome);
}

async fn block(world: &Shared, body: &[Statement], scope: ScopeId) -> Flow {
    for statement in body {
        if let Flow::Ended(ending) = Box::pin(execute(world, statement, scope)).await {
            return Flow::Ended(ending);
        }
        world.borrow_mut().progress = true;
    }
    Flow::Next
}

async fn execute(world: &Shared, statement: &Statement, scope: ScopeId) -> Flow {
    match statement {
        Statement::Start(name, start) => {
            let world = &mut *world.borrow_mut();
            start_operation(world, name, start, scope);
            deliver(world);
        }
        Statement::Await(name) => wait_for(world, std::slice::from_ref(name), scope).await,
        Statement::Select(names) => wait_for(world, names, scope).await,
        Statement::Cancelled => wait_for(world, &["cancelled".to_owned()], scope).await,
        Statement::Cancel(name) => {
            let world = &mut *world.borrow_mut();
            if let Some(operation) = world.names.get(name).copied() {
                world.cancelled.insert(operation);
                world.run.cancel_operation(operation, &Arc::from("code"));
                deliver(world);
            }
        }
        Statement::Detach(name) => {
            let world = &mut *world.borrow_mut();
            if let Some(operation) = world.names.get(name).copied() {
                world.held.remove(&operation);
                world.run.detach(operation);
            }
        }
        Statement::IsCancelled => {
            let world = &mut *world.borrow_mut();
            let text = match world.run.scopes().reason(scope) {
                Some(reason) => format!("is cancelled: {reason}"),
                None => "is not cancelled".to_owned(),
            };
            world.trace.push(text);
        }
        Statement::Scope(name, kind, body) => {
            let inner = world.borrow_mut().run.open_scope(scope, *kind);
            world.borrow_mut().scopes.insert(name.clone(), inner);
            let flow = block(world, body, inner).await;
            world.borrow_mut().run.close_scope(inner);
            return flow;
        }
        Statement::CancelScope(name, reason) => {
            let world = &mut *world.borrow_mut();
            if let Some(scope) = world.scopes.get(name).copied() {
                world.run.cancel_scope(scope, &Arc::from(reason.as_str()));
                deliver(world);
            }
        }
        Statement::Spawn(body) => {
            let task = task(Rc::clone(world), body.clone(), scope, Role::Spawned);
            world.borrow_mut().spawned.push(Box::pin(task));
        }
        Statement::WaitSignal(name) => {
            poll_fn(|_| {
                let world = &mut *world.borrow_mut();
                match world.signals.get_mut(name) {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        Poll::Ready(())
                    }
                    _ => Poll::Pending,
                }
            })
            .await;
        }
        Statement::Patched(name, new, old) => {
            let taken = world.borrow_mut().run.patched(&id(name), false);
            let how = if taken { "taken" } else { "not taken" };
            world.borrow_mut().trace.push(format!("patch {name} {how}"));
            return Box::pin(block(world, if taken { new } else { old }, scope)).await;
        }
        Statement::Deprecate(name) => {
            world.borrow_mut().run.patched(&id(name), true);
        }
        Statement::SideEffect => {
            let world = &mut *world.borrow_mut();
            let recorded = world.run.recorded_side_effect();
            let value = recorded.unwrap_or_else(|| {
                world.made.set(world.made.get() + 1);
                Ok(Payload::json(world.made.get().to_string().into_bytes()))
            });
            let recorded = world.run.record_side_effect(value);
            let value = recorded.expect("it is small");
            world
                .trace
                .push(format!("side effect {}", script::show_payload(&value)));
        }
        Statement::Random => {
            let world = &mut *world.borrow_mut();
            let number = world.run.random().next_u64() % 1_000;
            world.trace.push(format!("random {number}"));
        }
        Statement::Upsert(key) => {
            let values = PayloadMap::from([(key.clone(), Payload::json(&b"1"[..]))]);
            world
                .borrow_mut()
                .run
                .upsert_search_attributes(values)
                .expect("it is small");
        }
        Statement::Memo(key) => {
            let values = PayloadMap::from([(key.clone(), Payload::json(&b"1"[..]))]);
            world
                .borrow_mut()
                .run
                .upsert_memo(values)
                .expect("it is small");
        }
        Statement::Reject => {}
        Statement::Log(text) => world.borrow_mut().trace.push(format!("log {text}")),
        Statement::End(ending) => return Flow::Ended(ending.clone()),
    }
    Flow::Next
}

/// Waits for the first of several operations, or for `cancelled`, in written order.
async fn wait_for(world: &Shared, names: &[String], scope: ScopeId) {
    let mut waiter = Waiter {
        world: Rc::clone(world),
        scope,
        waiting: false,
    };
    poll_fn(|_| {
        for name in names {
            if name == "cancelled" {
                if let Some(reason) = waiter.poll() {
                    world.borrow_mut().trace.push(format!("accepted: {reason}"));
                    return Poll::Ready(());
                }
                continue;
            }
            let world = &mut *world.borrow_mut();
            let resolved = match world.names.get(name) {
                Some(operation) => world.open.get(operation).is_none_or(Option::is_some),
                // Never started: there is nothing to wait for.
                None => true,
            };
            if resolved {
                world.trace.push(format!("{name} is ready"));
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

/// A wait for the cancellation of a scope.
struct Waiter {
    world: Shared,
    scope: ScopeId,
    waiting: bool,
}

impl Waiter {
    fn poll(&mut self) -> Option<Arc<str>> {
        let run = &mut self.world.borrow_mut().run;
        let reason = if self.waiting {
            run.accept_cancel(self.scope)
        } else {
            run.wait_for_cancel(self.scope)
        };
        self.waiting |= reason.is_none();
        reason
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.waiting
            && let Ok(mut world) = self.world.try_borrow_mut()
        {
            world.run.stop_waiting_for_cancel(self.scope);
        }
    }
}

fn start_operation(world: &mut World, name: &str, start: &Start, scope: ScopeId) {
    let run = &mut world.run;
    let operation = match start {
        Start::Activity(activity_type, cancellation_type) => {
            run.schedule_activity(scope, request(activity_type, *cancellation_type))
        }
        Start::Local(activity_type, cancellation_type) => {
            run.schedule_local_activity(scope, request(activity_type, *cancellation_type))
        }
        Start::Timer(duration) => run.start_timer(scope, *duration, None),
        Start::Child(workflow_type, cancellation_type) => run.start_child_workflow(
            scope,
            |workflow_id| start_child(workflow_id.as_str(), workflow_type),
            *cancellation_type,
        ),
        Start::Signal(target, signal) => {
            run.signal_external_workflow(scope, signal_external(target, signal))
        }
        Start::CancelExternal(target) => {
            run.cancel_external_workflow(scope, cancel_external(target, "code"))
        }
        Start::Internal => run.start_internal(scope),
    };
    if matches!(start, Start::Internal) {
        world.internal.insert(operation);
    }
    world.open.insert(operation, None);
    world.labels.insert(operation, name.to_owned());
    world.held.insert(operation);
    if let Some(before) = world.names.insert(name.to_owned(), operation)
        && world.held.remove(&before)
    {
        drop_operation(world, before);
    }
}

/// The future of an operation is gone.
fn drop_operation(world: &mut World, operation: OperationId) {
    if world.open.get(&operation).is_some_and(Option::is_none) {
        world.cancelled.insert(operation);
        world
            .run
            .cancel_operation(operation, &Arc::from("no longer awaited"));
        world.run.finish(operation);
        deliver(world);
    }
}

fn request(activity_type: &str, cancellation_type: ActivityCancellationType) -> ActivityRequest {
    ActivityRequest {
        activity_id: None,
        activity_type: id(activity_type),
        task_queue: None,
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: ActivityTimeouts::default(),
        retry_policy: None,
        cancellation_type,
        user_metadata: None,
    }
}

/// Hands resolutions to whoever waits for them.
fn deliver(world: &mut World) {
    // A waiter that is polled takes a request; nobody has to be woken for it.
    world.progress |= !world.run.take_requested().is_empty();
    while let Some((operation, resolution)) = world.run.poll_resolution() {
        let name = world
            .labels
            .get(&operation)
            .cloned()
            .unwrap_or_else(|| "?".to_owned());
        world
            .trace
            .push(format!("{name} = {}", script::show_resolution(&resolution)));
        world.resolved.push((operation, resolution.clone()));
        if !matches!(resolution, Resolution::ChildStarted(_)) {
            world.open.insert(operation, Some(resolution));
        }
        world.progress = true;
    }
}
