//! Durable workflows as plain `async` Rust that cancel cleanly, with no server or on a Temporal
//! Service.
//!
//! Start with the [`prelude`] and [`Client::connect`]; [`guide`] tells how cancellation works, and
//! [`testing`] how to prove that a workflow survives it.

// The macros' expansions name this package as their users do, here too.
extern crate self as steadfast;

#[doc(hidden)]
pub mod __private;
pub mod activity;
pub mod client;
pub mod codec;
pub mod convert;
pub mod definition;
pub mod engine;
pub mod error;
pub mod history_json;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "embedded")]
pub mod testing;
pub mod worker;
pub mod workflow;

pub use steadfast_core as core;
/// Marks an impl block of activities.
///
/// Each method marked `#[activity]` becomes a value, `Bookings::book_hotel`, that says which activity to start and
/// can still be called as a function, `Bookings::book_hotel(&bookings, trip).await`. It takes `&self`,
/// `self: Arc<Self>` or no receiver, an optional [`ActivityContext`](activity::ActivityContext), and any number of inputs.
/// A plain (not `async`) function runs on the blocking pool. Options of `#[activity]`: `name = ".."` and
/// `auto_heartbeat`.
pub use steadfast_macros::activities;
/// Marks the struct of a workflow.
///
/// Options: `name = ".."` for the workflow type that histories record (by default the struct's name), and
/// `crate = path` where the macro cannot find this package by itself.
///
/// The struct is the workflow's state. It needs `Default`, or an `#[init]` method in the
/// [`#[workflow_methods]`](macro@workflow_methods) block, which every workflow has too.
pub use steadfast_macros::workflow;
/// Marks the impl block of a workflow and generates its typed handle.
///
/// | attribute | method |
/// | --- | --- |
/// | `#[run]` | `async fn(ctx: &mut WorkflowContext<Self>, inputs..)`: exactly one |
/// | `#[init]` | `fn(view: &WorkflowContextView, inputs..) -> Self`, or a `Result` of it |
/// | `#[signal]` | `fn(&mut self, inputs..)`, or `async fn(ctx: &mut WorkflowContext<Self>, inputs..)` |
/// | `#[query]` | `fn(&self, inputs..) -> T` |
/// | `#[update]` | like a signal, with a result |
/// | `#[update_validator(update)]` | `fn(&self, inputs by reference..) -> Result<(), E>` |
///
/// Each marked method but `#[init]` and the validators becomes a value: `MyWorkflow::run` says which workflow
/// to start, and can still be called as a function, `MyWorkflow::run(&mut ctx, input)`. Method-call syntax
/// (`self.approve(..)`) does not work on a value; write `Self::approve(self, ..)`.
///
/// For a workflow `Trip` the block generates `TripHandle`, with a method for every signal, query and update.
pub use steadfast_macros::workflow_methods;

pub use self::{
    client::{Client, connect},
    worker::Worker,
};

/// How to do things, told by example.
pub mod guide {
    #[doc = include_str!("../docs/cancellation.md")]
    pub mod cancellation {}

    #[cfg(feature = "embedded")]
    #[doc = include_str!("../docs/guarantees.md")]
    pub mod guarantees {}

    #[cfg(feature = "embedded")]
    #[doc = include_str!("../docs/operations.md")]
    pub mod operations {}

    #[cfg(feature = "embedded")]
    #[doc = include_str!("../docs/performance.md")]
    pub mod performance {}

    #[doc = include_str!("../docs/determinism.md")]
    pub mod determinism {}
}

/// The spelling of Temporal's own SDK for what activities need.
pub mod activities {
    pub use crate::activity::{ActivityContext, ActivityError, ActivityInfo, CancelCause};
}

/// The spelling of Temporal's own SDK for what workflows need.
pub mod workflows {
    pub use crate::workflow::*;
}

/// Everything that most workflows, activities and workers use.
pub mod prelude {
    pub use steadfast_core::{
        ids::{ActivityId, TaskQueue, WorkflowId},
        options::{
            ActivityCancellationType, ChildWorkflowCancellationType, ParentClosePolicy,
            WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
        },
        retry::RetryPolicy,
    };
    pub use steadfast_macros::{activities, select, workflow, workflow_methods};
    // These work inside the blocks only; elsewhere they say so.
    #[doc(hidden)]
    pub use steadfast_macros::{
        activity, allow_nondeterminism, init, query, run, signal, update, update_validator,
    };

    pub use crate::{
        activity::{ActivityContext, ActivityError, CancelCause},
        client::{
            Client, ClientError, WorkflowCancelOptions, WorkflowStartOptions,
            WorkflowTerminateOptions,
        },
        error::{
            ActivityExecutionError, ApplicationFailure, Cancelled, ChildWorkflowError,
            WorkflowError, WorkflowResult,
        },
        worker::Worker,
        workflow::{
            ActivityOptions, ChildWorkflowOptions, ContinueAsNewOptions, LocalActivityOptions,
            SyncWorkflowContext, WorkflowContext, WorkflowContextView,
        },
    };
}

/// The quick start of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
