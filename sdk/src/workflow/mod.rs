//! Writing workflows: the context, operations, scopes, sagas and what else belongs to a run.
//!
//! Everything here is deterministic: it takes time, chance and outcomes from the run's history.

mod about;
mod buffered_signal;
mod cell;
mod context;
mod executor;
pub(crate) mod handlers;
pub(crate) mod instance;
mod operation;
mod saga;
mod scope;
mod sync;
mod task_id;
pub(crate) mod unwinding;
mod view;

pub use futures_util::future::{join, join_all, join3, join4, try_join, try_join_all, try_join3};
pub use steadfast_macros::select;

pub use self::{
    buffered_signal::BufferedSignal,
    context::{CleanupResult, ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext},
    handlers::HandlerSet,
    operation::{
        ActivityFuture, ActivityOptions, ActivityOptionsBuilder, ChildWorkflow,
        ChildWorkflowOptions, ChildWorkflowOptionsBuilder, ConditionFuture, ExternalFuture,
        ExternalWorkflow, LocalActivityOptions, LocalActivityOptionsBuilder, TimedConditionFuture,
        TimerFuture, TimerOptions,
    },
    saga::{Compensated, Saga, SagaError, SagaReport, SagaStep, StepError},
    scope::{
        CancelReason, CancellationRequestedFuture, CancelledFuture, Scope, ScopeFuture, TaskHandle,
        TimeoutFuture,
    },
    sync::{Channel, Mutex, MutexGuard, Permit, Semaphore},
    view::WorkflowContextView,
};
