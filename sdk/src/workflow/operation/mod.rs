//! What workflow code starts and waits for.
//!
//! Every operation is a future that can be moved and polled by reference. It belongs to the scope
//! whose body was running when it was started (D1). Dropping an unfinished one cancels it by its
//! type (O5); `.detach()` lets it run.

mod activity;
mod child_workflow;
mod condition;
mod external;
mod timer;

use std::{
    fmt,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_core::{
    activation::{OperationId, Resolution},
    run::Run,
    scope::ScopeId,
};

pub(crate) use self::activity::activity_type;
pub use self::{
    activity::{
        ActivityFuture, ActivityOptions, ActivityOptionsBuilder, LocalActivityOptions,
        LocalActivityOptionsBuilder,
    },
    child_workflow::{ChildWorkflow, ChildWorkflowOptions, ChildWorkflowOptionsBuilder},
    condition::{ConditionFuture, TimedConditionFuture},
    external::{ExternalFuture, ExternalWorkflow},
    timer::{TimerFuture, TimerOptions},
};

use super::{cell::RunCell, unwinding};

/// An operation that was started, and the place where its outcome will be.
pub(crate) struct RawOperation {
    cell: Rc<RunCell>,
    id: OperationId,
    /// The outcome was taken, or nobody wants it.
    over: bool,
}

impl fmt::Debug for RawOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.id.0)
    }
}

impl RawOperation {
    pub(crate) fn start(
        cell: &Rc<RunCell>,
        start: impl FnOnce(&mut Run, ScopeId) -> OperationId,
    ) -> Self {
        Self {
            cell: Rc::clone(cell),
            id: cell.start(start),
            over: false,
        }
    }

    pub(crate) fn id(&self) -> OperationId {
        self.id
    }

    pub(crate) fn cell(&self) -> &Rc<RunCell> {
        &self.cell
    }

    /// # Panics
    ///
    /// When the outcome was taken before, as any future may that is polled after its end.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Resolution> {
        assert!(!self.over, "polled after it was ready");
        unwinding::check(&self.cell);
        match self.cell.poll_operation(self.id, context.waker()) {
            Some(resolution) => {
                self.over = true;
                Poll::Ready(resolution)
            }
            None => Poll::Pending,
        }
    }

    pub(crate) fn cancel(&self, reason: &str) {
        if !self.over {
            self.cell.cancel(self.id, &Arc::from(reason));
        }
    }

    pub(crate) fn detach(mut self) {
        if !self.over {
            self.over = true;
            self.cell.detach_operation(self.id);
        }
    }

    /// Whether it completed, rather than was cancelled, and the outcome was not taken.
    pub(crate) fn is_completed(&self) -> bool {
        !self.over && self.cell.is_completed(self.id)
    }

    pub(crate) fn is_resolved(&self) -> bool {
        self.over || self.cell.is_resolved(self.id)
    }
}

impl Drop for RawOperation {
    fn drop(&mut self) {
        if !self.over {
            self.cell.drop_operation(self.id);
        }
    }
}

/// The reason that is recorded when code cancels an operation and gives none.
pub(crate) const CANCELLED_BY_CODE: &str = "cancelled by workflow code";
