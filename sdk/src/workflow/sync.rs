//! Semaphores, mutexes and channels between the tasks of one workflow.
//!
//! They belong to the run: whoever waits for one is reached by the cancellation of its scope, and
//! whoever came first is served first.

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    fmt,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use steadfast_core::{activation::OperationId, run::Run};

use super::{
    WorkflowContext,
    cell::RunCell,
    operation::{RawOperation, TimerFuture},
    unwinding,
};
use crate::{definition::WorkflowDefinition, error::Cancelled};

/// Lets a number of tasks go on at a time.
#[derive(Clone)]
pub struct Semaphore(Rc<Gate>);

struct Gate {
    cell: Rc<RunCell>,
    free: Cell<usize>,
    waiting: RefCell<VecDeque<OperationId>>,
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({} free)", self.0.free.get())
    }
}

impl Gate {
    /// Hands a permit to whoever waits longest, or keeps it.
    fn release(&self) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                // Whoever was cancelled or stopped waiting is passed over.
                Some(id) if self.cell.is_resolved(id) => {}
                Some(id) => return self.cell.fulfil(id),
                None => return self.free.set(self.free.get() + 1),
            }
        }
    }
}

impl Semaphore {
    fn new(cell: &Rc<RunCell>, permits: usize) -> Self {
        Self(Rc::new(Gate {
            cell: Rc::clone(cell),
            free: Cell::new(permits),
            waiting: RefCell::default(),
        }))
    }

    /// Waits for a permit, which is given back when it is dropped.
    ///
    /// # Errors
    ///
    /// When the running scope is cancelled first; then no permit was taken.
    pub async fn acquire(&self) -> Result<Permit, Cancelled> {
        unwinding::check(&self.0.cell);
        if self.0.free.get() > 0 {
            self.0.free.set(self.0.free.get() - 1);
            return Ok(Permit(Some(Rc::clone(&self.0))));
        }
        let wait = RawOperation::start(&self.0.cell, Run::start_internal);
        self.0.waiting.borrow_mut().push_back(wait.id());
        Waiting {
            gate: Rc::clone(&self.0),
            wait: Some(TimerFuture::new(wait)),
        }
        .granted()
        .await?;
        Ok(Permit(Some(Rc::clone(&self.0))))
    }
}

/// A wait for a permit. Dropped after the permit was granted and before it was taken, it passes
/// the permit on.
struct Waiting {
    gate: Rc<Gate>,
    wait: Option<TimerFuture>,
}

impl Waiting {
    async fn granted(mut self) -> Result<(), Cancelled> {
        let Some(wait) = &mut self.wait else {
            return Ok(());
        };
        let granted = wait.await;
        self.wait = None;
        granted
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.wait.take().is_some_and(|wait| wait.is_granted()) {
            self.gate.release();
        }
    }
}

/// The right to go on. Dropping it lets another task go on.
#[must_use = "dropping the permit gives it back"]
pub struct Permit(Option<Rc<Gate>>);

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take()
            && !gate.cell.is_evicting()
        {
            gate.release();
        }
    }
}

/// A value that one task at a time may use, across waits.
pub struct Mutex<T> {
    gate: Semaphore,
    value: Rc<RefCell<T>>,
}

impl<T> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            value: Rc::clone(&self.value),
        }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Mutex<T> {
    /// Waits for the value.
    ///
    /// # Errors
    ///
    /// When the running scope is cancelled first.
    pub async fn lock(&self) -> Result<MutexGuard<'_, T>, Cancelled> {
        let permit = self.gate.acquire().await?;
        Ok(MutexGuard {
            value: self.value.borrow_mut(),
            _permit: permit,
        })
    }
}

/// The value of a [`Mutex`], until it is dropped.
#[must_use = "dropping the guard unlocks"]
pub struct MutexGuard<'a, T> {
    // Before the permit: the value is given back before another task may have it.
    value: RefMut<'a, T>,
    _permit: Permit,
}

impl<T> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MutexGuard")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// A queue between tasks of the workflow.
pub struct Channel<T> {
    filled: Semaphore,
    values: Rc<RefCell<VecDeque<T>>>,
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Self {
            filled: self.filled.clone(),
            values: Rc::clone(&self.values),
        }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({} values)", self.values.borrow().len())
    }
}

impl<T> Channel<T> {
    /// Puts a value at the end of the queue.
    pub fn send(&self, value: T) {
        self.values.borrow_mut().push_back(value);
        self.filled.0.release();
    }

    /// Waits for the value at the front of the queue.
    ///
    /// # Errors
    ///
    /// When the running scope is cancelled first; then no value was taken.
    ///
    /// # Panics
    ///
    /// Never: a permit stands for a value.
    pub async fn receive(&self) -> Result<T, Cancelled> {
        let mut permit = self.filled.acquire().await?;
        // The value is taken, so its permit must not come back.
        permit.0 = None;
        Ok(self
            .values
            .borrow_mut()
            .pop_front()
            .expect("a permit stands for a value"))
    }

    /// Takes the value at the front of the queue, if there is one that nobody waits for.
    #[must_use]
    pub fn try_receive(&self) -> Option<T> {
        let free = &self.filled.0.free;
        let left = free.get().checked_sub(1)?;
        free.set(left);
        self.values.borrow_mut().pop_front()
    }
}

impl<W: WorkflowDefinition> WorkflowContext<W> {
    /// A semaphore for the tasks of this run.
    #[must_use]
    pub fn semaphore(&self, permits: usize) -> Semaphore {
        Semaphore::new(self.cell(), permits)
    }

    /// A mutex for the tasks of this run.
    #[must_use]
    pub fn mutex<T>(&self, value: T) -> Mutex<T> {
        Mutex {
            gate: self.semaphore(1),
            value: Rc::new(RefCell::new(value)),
        }
    }

    /// A channel for the tasks of this run.
    #[must_use]
    pub fn channel<T>(&self) -> Channel<T> {
        Channel {
            filled: self.semaphore(0),
            values: Rc::default(),
        }
    }
}
