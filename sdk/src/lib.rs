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
pub mod convert;
pub mod definition;
pub mod engine;
pub mod error;
#[cfg(feature = "metrics")]
pub mod metrics;
mod system_time;
#[cfg(feature = "embedded")]
pub mod testing;
pub mod tracing_context;
pub mod untyped;
pub mod worker;
pub mod workflow;

pub use steadfast_core as core;
#[doc(inline)]
pub use steadfast_engine::{codec, history_json};
/// Marks an impl block of activities.
///
/// Each method marked `#[activity]` becomes a value, `Bookings::book_hotel`, that says which activity to start and
/// can still be called as a function, `Bookings::book_hotel(&bookings, trip).await`. It takes `&self`,
/// `self: Arc<Self>` or no receiver, an optional [`ActivityContext`](activity::ActivityContext), and any number of inputs.
/// A plain (not `async`) function runs on the blocking pool. Options of `#[activity]`: `name = ".."` and
/// `auto_heartbeat`.
pub use steadfast_macros::activities;
/// Declares activities that are implemented elsewhere, in another package or another language, typed where
/// they are called.
///
/// ```
/// use steadfast::prelude::*;
///
/// /// The billing service, which is written in Go.
/// pub struct Billing;
///
/// #[activity_definitions]
/// impl Billing {
///     /// Charges a card.
///     #[activity(name = "ChargeCard")]
///     pub fn charge(card: String, cents: u64) -> String;
/// }
///
/// async fn pay<W: steadfast::definition::WorkflowDefinition>(
///     ctx: &WorkflowContext<W>,
///     options: ActivityOptions,
/// ) -> WorkflowResult<String> {
///     Ok(ctx.start_activity(Billing::charge, ("4242".to_owned(), 995), options).await?)
/// }
/// ```
///
/// A method has inputs and the type of its success, and no body; `unimplemented!()` as its body is accepted too. A worker
/// cannot register them. Without any type, use `ctx.start_activity_by_name`.
pub use steadfast_macros::activity_definitions;
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
/// (`self.approve(..)`) works inside the block; elsewhere write `Trip::approve(trip, ..)`.
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
    #[doc = include_str!("../docs/operating.md")]
    pub mod operating {}

    #[cfg(feature = "embedded")]
    #[doc = include_str!("../docs/performance.md")]
    pub mod performance {}

    #[doc = include_str!("../docs/schedules.md")]
    pub mod schedules {}

    #[doc = include_str!("../docs/determinism.md")]
    pub mod determinism {}

    #[doc = include_str!("../docs/limits.md")]
    pub mod limits {}

    #[cfg(feature = "temporal")]
    #[doc = include_str!("../docs/cluster.md")]
    pub mod cluster {}
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
    pub use steadfast_macros::{
        ActivityFailure, activities, activity_definitions, select, workflow, workflow_methods,
    };
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
            ActivityExecutionError, ActivityFailure as _, ApplicationFailure, Cancelled,
            ChildWorkflowError, WorkflowError, WorkflowResult,
        },
        worker::Worker,
        workflow::{
            ActivityOptions, ChildWorkflowOptions, ContinueAsNewOptions, LocalActivityOptions,
            SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
        },
    };
}

/// The quick start of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The book of errors: its examples are compiled, and those that fail fail.
#[cfg(doctest)]
pub mod errors {
    #[doc = include_str!("../../docs/errors/activity-receiver.md")]
    pub struct ActivityReceiver;
    #[doc = include_str!("../../docs/errors/attributes.md")]
    pub struct Attributes;
    #[doc = include_str!("../../docs/errors/called-activity.md")]
    pub struct CalledActivity;
    #[doc = include_str!("../../docs/errors/cancellation-without-heartbeat.md")]
    pub struct CancellationWithoutHeartbeat;
    #[doc = include_str!("../../docs/errors/cancelled-without-looking.md")]
    pub struct CancelledWithoutLooking;
    #[doc = include_str!("../../docs/errors/cleanup-in-cancelled-scope.md")]
    pub struct CleanupInCancelledScope;
    #[doc = include_str!("../../docs/errors/closures.md")]
    pub struct Closures;
    #[doc = include_str!("../../docs/errors/declared-activities.md")]
    pub struct DeclaredActivities;
    #[doc = include_str!("../../docs/errors/errors-and-results.md")]
    pub struct ErrorsAndResults;
    #[doc = include_str!("../../docs/errors/generic-methods.md")]
    pub struct GenericMethods;
    #[doc = include_str!("../../docs/errors/init-and-run.md")]
    pub struct InitAndRun;
    #[doc = include_str!("../../docs/errors/names.md")]
    pub struct Names;
    #[doc = include_str!("../../docs/errors/nested-state.md")]
    pub struct NestedState;
    #[doc = include_str!("../../docs/errors/nondeterminism.md")]
    pub struct Nondeterminism;
    #[doc = include_str!("../../docs/errors/operations.md")]
    pub struct Operations;
    #[doc = include_str!("../../docs/errors/options.md")]
    pub struct Options;
    #[doc = include_str!("../../docs/errors/owned-inputs.md")]
    pub struct OwnedInputs;
    #[doc = include_str!("../../docs/errors/queries.md")]
    pub struct Queries;
    #[doc = include_str!("../../docs/errors/recorded-values.md")]
    pub struct RecordedValues;
    #[doc = include_str!("../../docs/errors/run-and-context.md")]
    pub struct RunAndContext;
    #[doc = include_str!("../../docs/errors/select.md")]
    pub struct Select;
    #[doc = include_str!("../../docs/errors/send.md")]
    pub struct Send;
    #[doc = include_str!("../../docs/errors/signals-and-updates.md")]
    pub struct SignalsAndUpdates;
    #[doc = include_str!("../../docs/errors/state-and-await.md")]
    pub struct StateAndAwait;
    #[doc = include_str!("../../docs/errors/step-without-compensation.md")]
    pub struct StepWithoutCompensation;
    #[doc = include_str!("../../docs/errors/swallowed-cancellation.md")]
    pub struct SwallowedCancellation;
    #[doc = include_str!("../../docs/errors/typed-failures.md")]
    pub struct TypedFailures;
    #[doc = include_str!("../../docs/errors/unfinished.md")]
    pub struct Unfinished;
    #[doc = include_str!("../../docs/errors/unreachable-branches.md")]
    pub struct UnreachableBranches;
    #[doc = include_str!("../../docs/errors/validators.md")]
    pub struct Validators;
    #[doc = include_str!("../../docs/errors/values-of-methods.md")]
    pub struct ValuesOfMethods;
    #[doc = include_str!("../../docs/errors/waits-without-heartbeat.md")]
    pub struct WaitsWithoutHeartbeat;
}
