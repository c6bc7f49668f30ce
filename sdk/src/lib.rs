//! Durable workflows as plain `async` Rust that cancel cleanly, with no server or on a Temporal
//! Service.
//!
//! Start with [`prelude`]; the guide to cancellation is in [`workflow`].

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
#[cfg(feature = "embedded")]
pub mod testing;
pub mod worker;
pub mod workflow;

pub use steadfast_core as core;
pub use steadfast_macros::{activities, workflow, workflow_methods};

pub use self::{
    client::{Client, connect},
    worker::Worker,
};

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
    pub use steadfast_macros::{activity, init, query, run, signal, update, update_validator};

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
