//! Polls the tasks of one run in a fixed order, and only those that were woken.
//!
//! It knows tasks and wakers, and neither history nor operations.
//!
//! Invariants: tasks are polled in the order in which they were woken, so a replay polls them in
//! the same order; a wake from anywhere but the run's own code is noticed and reported, because
//! whatever caused it is not in history.

use std::{
    any::Any,
    cell::Cell,
    collections::{BTreeSet, VecDeque},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Wake, Waker},
};

use futures_util::future::LocalBoxFuture;
use steadfast_core::{
    ascending::AscendingMap, ids::WorkflowExecution, run::Runaway, scope::ScopeId,
    text::panic_message,
};

use super::{
    cell::RunCell,
    task_id::TaskId,
    unwinding::{self, Unwound},
};

thread_local! {
    /// Which run's code this thread is running; 0 for none.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Numbers executors, so that a wake can be told from one of another run.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

struct WakeQueue {
    serial: u64,
    execution: WorkflowExecution,
    ready: Mutex<VecDeque<TaskId>>,
    foreign: AtomicBool,
}

impl WakeQueue {
    fn current(&self) -> Current {
        Current(RUNNING.replace(self.serial))
    }

    fn enter<R>(&self, act: impl FnOnce() -> R) -> Result<R, ExecutorError> {
        let _current = self.current();
        unwinding::begins();
        catch_unwind(AssertUnwindSafe(act)).map_err(|payload| panicked(&*payload))
    }
}

struct TaskWaker {
    id: TaskId,
    queue: Arc<WakeQueue>,
    queued: AtomicBool,
}

impl TaskWaker {
    fn enqueue(&self) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue
                .ready
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(self.id);
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if RUNNING.try_with(Cell::get).unwrap_or(0) == self.queue.serial {
            self.enqueue();
        } else if !self.queue.foreign.swap(true, Ordering::AcqRel) {
            tracing::error!(
                workflow_id = ?self.queue.execution.workflow_id,
                run_id = %self.queue.execution.run_id,
                "{FOREIGN_WAKE}"
            );
        }
    }
}

const FOREIGN_WAKE: &str = "workflow code was woken from outside its run, by something that is \
    not in history and would be missing in a replay; wait with `ctx.sleep(..)`, \
    `ctx.wait_condition(..)` or a channel inside the workflow, and do everything else in an activity";

const FOREIGN_WAIT: &str = "workflow code waits for a future that nothing in the workflow can \
    complete, such as a channel from another thread; wait with `ctx.sleep(..)`, \
    `ctx.wait_condition(..)` or a channel inside the workflow, and do everything else in an activity";

const NO_REACTOR: &str = "workflow code used a timer, a socket or a task of tokio, which is not in \
    history and would be missing in a replay; use `ctx.sleep(..)` for `tokio::time::sleep`, \
    `ctx.spawn(..)` for `tokio::spawn`, and do input and output in an activity";

/// Why the tasks of a run cannot go on.
#[derive(Debug)]
pub(crate) enum ExecutorError {
    /// User code panicked.
    Panicked(String),
    /// User code waits for something that is not in history.
    Foreign(&'static str),
    /// User code goes round without ever coming to rest (D11).
    Runaway(Runaway),
    /// The thread was given up while user code ran.
    GivenUp,
}

impl fmt::Display for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "workflow code panicked: {message}"),
            Self::Foreign(message) => f.write_str(message),
            Self::Runaway(why) => fmt::Display::fmt(why, f),
            Self::GivenUp => f.write_str("workflow code kept its thread for too long"),
        }
    }
}

struct Task {
    future: LocalBoxFuture<'static, ()>,
    waker: Arc<TaskWaker>,
    scope: ScopeId,
}

/// Until it is dropped, wakes are those of one run.
pub(crate) struct Current(u64);

impl Drop for Current {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Polls the tasks of one run.
pub(crate) struct Executor {
    cell: Rc<RunCell>,
    queue: Arc<WakeQueue>,
    tasks: AscendingMap<TaskId, Task>,
}

impl Executor {
    pub(crate) fn new(cell: Rc<RunCell>) -> Self {
        let queue = WakeQueue {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            execution: cell.peek(|run| run.execution().clone()),
            ready: Mutex::default(),
            foreign: AtomicBool::new(false),
        };
        Self {
            cell,
            queue: Arc::new(queue),
            tasks: AscendingMap::new(),
        }
    }

    /// Adds a task, to be polled next time.
    pub(crate) fn add(&mut self, id: TaskId, scope: ScopeId, future: LocalBoxFuture<'static, ()>) {
        let waker = Arc::new(TaskWaker {
            id,
            queue: Arc::clone(&self.queue),
            queued: AtomicBool::new(false),
        });
        waker.enqueue();
        self.tasks.insert(
            id,
            Task {
                future,
                waker,
                scope,
            },
        );
    }

    /// Makes the run the one whose code runs, until the guard is dropped: wakes that come
    /// meanwhile are the run's own.
    pub(crate) fn current(&self) -> Current {
        self.queue.current()
    }

    /// Runs user code, and catches its panics.
    pub(crate) fn enter<R>(&self, act: impl FnOnce() -> R) -> Result<R, ExecutorError> {
        self.queue.enter(act)
    }

    /// Polls whatever was woken until nothing is left to do.
    pub(crate) fn run_until_stalled(&mut self) -> Result<(), ExecutorError> {
        self.run_where(|_| true)
    }

    /// The same for some tasks alone: others that are woken stay so (M1).
    pub(crate) fn run_only(&mut self, tasks: &BTreeSet<TaskId>) -> Result<(), ExecutorError> {
        self.run_where(|id| tasks.contains(&id))
    }

    /// Polls a task that was spawned and not polled yet.
    pub(crate) fn begin(&mut self, id: TaskId) -> Result<(), ExecutorError> {
        self.adopt();
        if self.next_ready(|ready| ready == id).is_some() {
            self.poll(id)?;
        }
        Ok(())
    }

    fn run_where(&mut self, may_run: impl Fn(TaskId) -> bool) -> Result<(), ExecutorError> {
        // A task that was only woken to look at its condition has not stirred anything, unless
        // the condition holds; then the condition says so itself.
        let mut only_looking = false;
        loop {
            // Code that wakes itself and calls nothing of the SDK goes round here (D11).
            if unwinding::is_given_up() {
                return Err(ExecutorError::GivenUp);
            }
            self.adopt();
            let Some(id) = self.next_ready(&may_run) else {
                if !self.enter_cell(RunCell::wake_conditions)? {
                    break;
                }
                only_looking = true;
                continue;
            };
            self.poll(id)?;
            if !only_looking {
                self.cell.stir();
            }
        }
        if self.queue.foreign.load(Ordering::Acquire) {
            return Err(ExecutorError::Foreign(FOREIGN_WAKE));
        }
        Ok(())
    }

    fn enter_cell<R>(&self, act: impl FnOnce(&RunCell) -> R) -> Result<R, ExecutorError> {
        self.enter(|| act(&self.cell))
    }

    fn next_ready(&self, may_run: impl Fn(TaskId) -> bool) -> Option<TaskId> {
        let ready = &self.queue.ready;
        let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        let index = ready.iter().position(|id| may_run(*id))?;
        ready.remove(index)
    }

    /// Takes over new tasks and lets go of dropped ones.
    fn adopt(&mut self) {
        loop {
            while let Some(spawned) = self.cell.take_spawned() {
                self.add(spawned.id, spawned.scope, spawned.future);
            }
            let dropped = self.cell.take_dropped_tasks();
            if dropped.is_empty() {
                return;
            }
            self.drop_tasks(dropped);
        }
    }

    fn drop_tasks(&mut self, ids: Vec<TaskId>) {
        for id in ids {
            if let Some(task) = self.tasks.remove(&id) {
                self.drop_task(task);
                self.cell.task_has_ended(id);
            }
        }
    }

    fn drop_task(&self, task: Task) {
        // A panic in a destructor must not take the worker's thread with it.
        let scope = task.scope;
        let _ = self.enter_cell(|cell| cell.in_scope(scope, || drop(task)));
    }

    fn poll(&mut self, id: TaskId) -> Result<(), ExecutorError> {
        let Some(task) = self.tasks.get_mut(&id) else {
            return Ok(());
        };
        task.waker.queued.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&task.waker));
        let cell = &self.cell;
        let previous = cell.task();
        cell.set_task(id);
        let polled = self.queue.enter(|| {
            cell.in_scope(task.scope, || {
                task.future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_ready()
            })
        });
        cell.set_task(previous);
        // A task whose code panicked is not polled again either.
        if !matches!(polled, Ok(false)) {
            let task = self.tasks.remove(&id);
            let _ = self.enter(|| drop(task));
            self.cell.task_has_ended(id);
        }
        polled.map(|_| ())
    }

    /// Drops every task that does not outlive the run function, in creation order. Whether there was one.
    pub(crate) fn drop_passing(&mut self) -> bool {
        let mut any = false;
        loop {
            self.adopt();
            let passing = self.tasks.keys().find(|id| !self.cell.is_lasting(*id));
            let Some(id) = passing else { return any };
            any = true;
            self.drop_tasks(vec![id]);
        }
    }

    /// Drops every task, in creation order.
    pub(crate) fn drop_all(&mut self) {
        while let Some(spawned) = self.cell.take_spawned() {
            self.add(spawned.id, spawned.scope, spawned.future);
        }
        while let Some(task) = self.tasks.pop_first() {
            self.drop_task(task);
            self.drop_tasks(self.cell.take_dropped_tasks());
        }
    }

    /// Checks that something can still carry on a run whose tasks have come to rest. A run whose
    /// handlers may be called can be carried on by them.
    pub(crate) fn check_alive(&self, has_handlers: bool) -> Result<(), ExecutorError> {
        if self.tasks.is_empty() || has_handlers || self.cell.has_waiters() {
            Ok(())
        } else {
            Err(ExecutorError::Foreign(FOREIGN_WAIT))
        }
    }
}

/// What a panic means.
fn panicked(payload: &(dyn Any + Send)) -> ExecutorError {
    match payload.downcast_ref::<Unwound>() {
        Some(Unwound::GivenUp) => return ExecutorError::GivenUp,
        Some(Unwound::Runaway(why)) => return ExecutorError::Runaway(why.clone()),
        None => {}
    }
    let message = panic_message(payload);
    if message.contains("there is no reactor running") || message.contains("Tokio 1.x") {
        ExecutorError::Foreign(NO_REACTOR)
    } else {
        ExecutorError::Panicked(message)
    }
}
