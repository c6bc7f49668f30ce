//! What the futures of one run share: the replay state, the wakers of who waits, and which scope's
//! body is running.
//!
//! It belongs to one thread. It decides nothing: it asks [`Run`] and wakes.
//!
//! Invariant: no borrow of `run` or of a table is held while user code or a waker runs.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
};

use futures_util::future::LocalBoxFuture;
use steadfast_core::{
    activation::{OperationId, Resolution},
    ascending::AscendingMap,
    ids::RunId,
    run::{Run, Runaway},
    scope::{ScopeId, ScopeKind},
};

use super::{buffered_signal::BufferedSignal, task_id::TaskId};

/// What the futures of one run share.
pub(crate) struct RunCell {
    run: RefCell<Run>,
    slots: RefCell<AscendingMap<OperationId, Slot>>,
    /// Who waits for a request, or only wants to hear of it.
    scope_waiters: RefCell<BTreeMap<ScopeId, BTreeMap<u64, Waker>>>,
    conditions: RefCell<BTreeMap<u64, Waker>>,
    next_condition: Cell<u64>,
    /// Something happened that a condition may depend on.
    stirred: Cell<bool>,
    scope: Cell<ScopeId>,
    task: Cell<TaskId>,
    /// The run leaves memory: what is dropped now is not cancelled (O5).
    evicting: Cell<bool>,
    spawned: RefCell<VecDeque<Spawned>>,
    dropped_tasks: RefCell<Vec<TaskId>>,
    next_task: Cell<u64>,
    cleanups: RefCell<Vec<Cleanup>>,
    unhandled: RefCell<Vec<BufferedSignal>>,
    /// What workflow code says of where it stands.
    current_details: RefCell<String>,
    /// What is shown beside the scopes.
    shown: RefCell<Vec<Weak<dyn InWords>>>,
    /// The handlers that have not finished, by what they handle.
    handlers: RefCell<BTreeMap<u64, String>>,
    /// The tasks that run to their end before the run closes, and what they spawned, which may use that time.
    lasting: RefCell<BTreeSet<TaskId>>,
    /// The closure of a side effect runs.
    recording: Cell<bool>,
}

/// A cleanup that was registered by `on_cancel`.
pub(crate) type Cleanup = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>;

/// What people who look at a running workflow are told of it, as a list in Markdown.
pub(crate) trait InWords {
    /// Nothing, if there is nothing to tell now.
    fn in_words(&self) -> String;
}

/// A task that waits to be taken over by the executor.
pub(crate) struct Spawned {
    pub(crate) id: TaskId,
    pub(crate) scope: ScopeId,
    pub(crate) future: LocalBoxFuture<'static, ()>,
}

#[derive(Default)]
struct Slot {
    resolution: Option<Resolution>,
    child_run: Option<RunId>,
    waker: Option<Waker>,
}

impl std::fmt::Debug for RunCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.run.try_borrow() {
            Ok(run) => write!(f, "RunCell({})", run.execution()),
            Err(_) => f.write_str("RunCell"),
        }
    }
}

/// The closure of a side effect runs.
pub(crate) struct Recording<'a>(&'a Cell<bool>);

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl RunCell {
    pub(crate) fn new(run: Run) -> Rc<Self> {
        Rc::new(Self {
            run: RefCell::new(run),
            slots: RefCell::default(),
            scope_waiters: RefCell::default(),
            conditions: RefCell::default(),
            next_condition: Cell::new(0),
            stirred: Cell::new(false),
            scope: Cell::new(ScopeId::ROOT),
            task: Cell::new(TaskId::MAIN),
            evicting: Cell::new(false),
            spawned: RefCell::default(),
            dropped_tasks: RefCell::default(),
            next_task: Cell::new(1),
            cleanups: RefCell::default(),
            unhandled: RefCell::default(),
            current_details: RefCell::default(),
            shown: RefCell::default(),
            handlers: RefCell::default(),
            lasting: RefCell::default(),
            recording: Cell::new(false),
        })
    }

    /// Whether the closure of a side effect runs, which may ask for nothing.
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.get()
    }

    /// Says that the closure of a side effect runs, until what this gives is dropped.
    pub(crate) fn record(&self) -> Recording<'_> {
        self.recording.set(true);
        Recording(&self.recording)
    }

    /// Looks at, or changes, the replay state, and then wakes whoever that concerns (D9).
    pub(crate) fn with_run<R>(&self, act: impl FnOnce(&mut Run) -> R) -> R {
        let mut run = self.run.borrow_mut();
        let result = act(&mut run);
        let has_news = run.has_news();
        drop(run);
        if has_news {
            self.deliver();
        }
        result
    }

    /// Workflow code is told of a cancellation. It counts where the run function is told: handlers and tasks beside it
    /// may end by it while the run function goes on and knows nothing.
    fn told(&self, reason: &Arc<str>) {
        if self.task() == TaskId::MAIN {
            self.run.borrow_mut().hear(reason);
        }
    }

    /// Workflow code takes the request that was made of a scope. What is taken for the whole run is heard, whoever takes it.
    pub(crate) fn taken(&self, scope: ScopeId, reason: &Arc<str>) {
        if scope == ScopeId::ROOT {
            self.run.borrow_mut().hear(reason);
        } else {
            self.told(reason);
        }
    }

    pub(crate) fn set_current_details(&self, details: String) {
        self.current_details.replace(details);
    }

    pub(crate) fn current_details(&self) -> String {
        self.current_details.borrow().clone()
    }

    /// Shows something beside the scopes for as long as it is there.
    pub(crate) fn show(&self, what: Weak<dyn InWords>) {
        let mut shown = self.shown.borrow_mut();
        if shown.len() == shown.capacity() {
            shown.retain(|what| what.strong_count() > 0);
        }
        shown.push(what);
    }

    /// The scopes, and what is shown beside them.
    pub(crate) fn in_words(&self) -> String {
        let mut text = self.run.borrow().scopes_in_words();
        let shown = self.shown.borrow();
        text.extend(
            shown
                .iter()
                .filter_map(Weak::upgrade)
                .map(|it| it.in_words()),
        );
        text
    }

    /// Only looks at the replay state.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Run) -> R) -> R {
        look(&self.run.borrow())
    }

    /// Whether workflow code runs that may call back, and goes round without an end (D11).
    pub(crate) fn runaway(&self) -> Option<Runaway> {
        // Where the run is borrowed no user code runs.
        self.run.try_borrow().ok().and_then(|run| run.runaway())
    }

    /// Hands out resolutions and requests.
    fn deliver(&self) {
        loop {
            let next = self.run.borrow_mut().poll_resolution();
            let Some((id, resolution)) = next else { break };
            let waker = {
                let mut slots = self.slots.borrow_mut();
                // No slot: nobody waits for the operation any more.
                let Some(slot) = slots.get_mut(&id) else {
                    continue;
                };
                match resolution {
                    Resolution::ChildStarted(run_id) => slot.child_run = Some(run_id),
                    other => slot.resolution = Some(other),
                }
                slot.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        let requested = self.run.borrow_mut().take_requested();
        for scope in requested {
            // They stay until they are polled or dropped: a waiter that is kept and not polled now
            // can be offered another request (O4).
            let wakers: Vec<Waker> = match self.scope_waiters.borrow().get(&scope) {
                Some(wakers) => wakers.values().cloned().collect(),
                None => continue,
            };
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// The innermost scope whose body is running (D1).
    pub(crate) fn scope(&self) -> ScopeId {
        self.scope.get()
    }

    /// Runs something as the body of a scope.
    pub(crate) fn in_scope<R>(&self, scope: ScopeId, act: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Cell<ScopeId>, ScopeId);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _restore = Restore(&self.scope, self.scope.replace(scope));
        act()
    }

    pub(crate) fn open_scope(&self, kind: ScopeKind) -> ScopeId {
        let parent = self.scope();
        self.with_run(|run| run.open_scope(parent, kind))
    }

    /// Starts an operation in the running scope and keeps a place for its outcome.
    pub(crate) fn start(
        &self,
        start: impl FnOnce(&mut Run, ScopeId) -> OperationId,
    ) -> OperationId {
        let scope = self.scope();
        self.with_run(|run| {
            let id = start(run, scope);
            self.slots.borrow_mut().insert(id, Slot::default());
            id
        })
    }

    /// Takes the outcome of an operation, or leaves a waker.
    pub(crate) fn poll_operation(&self, id: OperationId, waker: &Waker) -> Option<Resolution> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(&id)?;
        if slot.resolution.is_some() {
            let resolution = slots.remove(&id)?.resolution?;
            if let Some(reason) = resolution.cancel_reason() {
                self.told(reason);
            }
            return Some(resolution);
        }
        set_waker(&mut slot.waker, waker);
        None
    }

    /// The run of a child that has started, or leaves a waker. `Some(None)` when it ended without.
    pub(crate) fn poll_child_run(&self, id: OperationId, waker: &Waker) -> Option<Option<RunId>> {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(&id) else {
            return Some(None);
        };
        if let Some(run_id) = &slot.child_run {
            return Some(Some(run_id.clone()));
        }
        if slot.resolution.is_some() {
            return Some(None);
        }
        set_waker(&mut slot.waker, waker);
        None
    }

    /// Whether an operation has an outcome that was not taken.
    pub(crate) fn is_resolved(&self, id: OperationId) -> bool {
        self.slots
            .borrow()
            .get(&id)
            .is_none_or(|slot| slot.resolution.is_some())
    }

    /// Whether an operation completed and its outcome was not taken.
    pub(crate) fn is_completed(&self, id: OperationId) -> bool {
        self.slots
            .borrow()
            .get(&id)
            .is_some_and(|slot| matches!(slot.resolution, Some(Resolution::Completed(_))))
    }

    /// Cancels an operation by its type (O4).
    pub(crate) fn cancel(&self, id: OperationId, reason: &Arc<str>) {
        self.with_run(|run| run.cancel_operation(id, reason));
    }

    /// The future of an operation is gone: an unfinished one is cancelled by its type (O5).
    pub(crate) fn drop_operation(&self, id: OperationId) {
        let unfinished = self
            .slots
            .borrow_mut()
            .remove(&id)
            .is_some_and(|slot| slot.resolution.is_none());
        if unfinished && !self.evicting.get() {
            self.with_run(|run| {
                run.cancel_operation(id, &Arc::from("no longer awaited"));
                run.finish(id);
            });
        }
    }

    /// The future of an operation is gone, and the operation runs on.
    pub(crate) fn detach_operation(&self, id: OperationId) {
        self.slots.borrow_mut().remove(&id);
        self.with_run(|run| run.detach(id));
    }

    /// Has a waiter woken when a request reaches the scope. One that has no number yet gets one.
    pub(crate) fn add_scope_waker(
        &self,
        scope: ScopeId,
        waiter: Option<u64>,
        waker: &Waker,
    ) -> u64 {
        let waiter = waiter.unwrap_or_else(|| self.new_waiter());
        let mut waiters = self.scope_waiters.borrow_mut();
        waiters
            .entry(scope)
            .or_default()
            .insert(waiter, waker.clone());
        waiter
    }

    pub(crate) fn remove_scope_waker(&self, scope: ScopeId, waiter: u64) {
        let mut waiters = self.scope_waiters.borrow_mut();
        if let Some(wakers) = waiters.get_mut(&scope) {
            wakers.remove(&waiter);
            if wakers.is_empty() {
                waiters.remove(&scope);
            }
        }
    }

    pub(crate) fn remove_scope_waiter(&self, scope: ScopeId, waiter: u64) {
        if self.evicting.get() {
            return;
        }
        self.remove_scope_waker(scope, waiter);
        self.with_run(|run| run.stop_waiting_for_cancel(scope));
    }

    /// Ends a wait inside the workflow that something else in the workflow fulfilled;
    /// the outcome is kept elsewhere and nothing is left to take.
    pub(crate) fn release(&self, id: OperationId) {
        let waker = self
            .slots
            .borrow_mut()
            .remove(&id)
            .and_then(|slot| slot.waker);
        self.with_run(|run| run.finish(id));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends a wait inside the workflow that something else in the workflow fulfilled.
    pub(crate) fn fulfil(&self, id: OperationId) {
        let waker = {
            let mut slots = self.slots.borrow_mut();
            let Some(slot) = slots.get_mut(&id) else {
                return;
            };
            slot.resolution = Some(Resolution::Completed(None));
            slot.waker.take()
        };
        self.with_run(|run| run.finish(id));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A number that names a waiter.
    pub(crate) fn new_waiter(&self) -> u64 {
        let id = self.next_condition.get();
        self.next_condition.set(id + 1);
        id
    }

    pub(crate) fn add_condition(&self, id: u64, waker: &Waker) {
        self.conditions.borrow_mut().insert(id, waker.clone());
    }

    pub(crate) fn remove_condition(&self, id: u64) {
        self.conditions.borrow_mut().remove(&id);
    }

    /// Says that something happened that a condition may depend on.
    pub(crate) fn stir(&self) {
        self.stirred.set(true);
    }

    /// Wakes whoever waits for a condition, if something happened since the last time.
    pub(crate) fn wake_conditions(&self) -> bool {
        if !self.stirred.replace(false) || self.conditions.borrow().is_empty() {
            return false;
        }
        let wakers: Vec<Waker> = self.conditions.borrow().values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Whether anything that belongs to the SDK is waited for, by anybody in the run.
    pub(crate) fn has_waiters(&self) -> bool {
        !self.conditions.borrow().is_empty()
            || !self.scope_waiters.borrow().is_empty()
            || self
                .slots
                .borrow()
                .values()
                .any(|slot| slot.waker.is_some())
    }

    pub(crate) fn task(&self) -> TaskId {
        self.task.get()
    }

    pub(crate) fn set_task(&self, task: TaskId) {
        self.task.set(task);
    }

    pub(crate) fn spawn(&self, scope: ScopeId, future: LocalBoxFuture<'static, ()>) -> TaskId {
        let id = TaskId::new(self.next_task.get());
        self.next_task.set(self.next_task.get() + 1);
        if self.is_lasting(self.task()) {
            self.lasting.borrow_mut().insert(id);
        }
        self.spawned
            .borrow_mut()
            .push_back(Spawned { id, scope, future });
        id
    }

    pub(crate) fn take_spawned(&self) -> Option<Spawned> {
        self.spawned.borrow_mut().pop_front()
    }

    /// Keeps the run from closing until the guard is dropped.
    pub(crate) fn hold_closing(self: &Rc<Self>) -> Lasting {
        self.with_run(Run::hold_closing);
        Lasting(Rc::clone(self))
    }

    /// Lets a task that keeps the run from closing go on when the run function has ended, with those that it
    /// spawns.
    pub(crate) fn outlives_the_run_function(&self, id: TaskId) {
        self.lasting.borrow_mut().insert(id);
    }

    /// Once nothing keeps the run from closing, what was spawned by tasks that did passes with the run function.
    pub(crate) fn let_lasting_pass(&self) {
        if !self.peek(Run::is_held) {
            self.lasting.borrow_mut().clear();
        }
    }

    /// Says that a task is no more, so that nothing is kept of it.
    pub(crate) fn task_has_ended(&self, id: TaskId) {
        self.lasting.borrow_mut().remove(&id);
    }

    /// Whether a task outlives the run function.
    pub(crate) fn is_lasting(&self, id: TaskId) -> bool {
        self.lasting.borrow().contains(&id)
    }

    /// Asks the executor to drop a task.
    pub(crate) fn drop_task(&self, id: TaskId) {
        if !self.evicting.get() {
            self.dropped_tasks.borrow_mut().push(id);
        }
    }

    pub(crate) fn take_dropped_tasks(&self) -> Vec<TaskId> {
        std::mem::take(&mut self.dropped_tasks.borrow_mut())
    }

    pub(crate) fn add_cleanup(&self, cleanup: Cleanup) {
        self.cleanups.borrow_mut().push(cleanup);
    }

    /// The cleanup that was registered last.
    pub(crate) fn take_cleanup(&self) -> Option<Cleanup> {
        self.cleanups.borrow_mut().pop()
    }

    pub(crate) fn keep_unhandled(&self, signal: BufferedSignal) {
        self.unhandled.borrow_mut().push(signal);
    }

    pub(crate) fn unhandled_signals(&self) -> Vec<BufferedSignal> {
        self.unhandled.borrow().clone()
    }

    /// Notes that a handler runs, under a number.
    pub(crate) fn handler_begins(&self, what: String) -> u64 {
        let number = self.new_waiter();
        self.handlers.borrow_mut().insert(number, what);
        number
    }

    pub(crate) fn handler_ends(&self, number: u64) {
        self.handlers.borrow_mut().remove(&number);
    }

    /// Whether no handler runs or waits (M4).
    pub(crate) fn all_handlers_finished(&self) -> bool {
        self.handlers.borrow().is_empty()
    }

    /// Forgets the handlers that have not finished, and says what they handle.
    pub(crate) fn take_handlers(&self) -> Vec<String> {
        self.handlers.take().into_values().collect()
    }

    /// From now on what is dropped is forgotten and not cancelled.
    pub(crate) fn evict(&self) {
        self.evicting.set(true);
        // Wakers and futures point back here; letting go of them breaks the circles.
        self.slots.take();
        self.scope_waiters.take();
        self.conditions.take();
        self.cleanups.take();
        let spawned = self.spawned.take();
        drop(spawned);
    }

    pub(crate) fn is_evicting(&self) -> bool {
        self.evicting.get()
    }
}

/// Keeps a run from closing.
pub(crate) struct Lasting(Rc<RunCell>);

impl Drop for Lasting {
    fn drop(&mut self) {
        if !self.0.is_evicting() {
            self.0.with_run(Run::release_closing);
        }
    }
}

fn set_waker(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(known) if known.will_wake(waker) => {}
        _ => *place = Some(waker.clone()),
    }
}
