//! What the macros' expansions name. Nothing here is for users, and anything may change.

use std::{panic::AssertUnwindSafe, time::Duration};

pub use std::sync::Arc;

pub use futures_util::future::{BoxFuture, LocalBoxFuture};
pub use steadfast_core::payload::Payload;

pub use crate::{
    activity::{ActivityContext, ActivityError, ActivityRegistrar},
    client::{ClientError, WorkflowHandle},
    convert::{Codec, ConvertError, input, output},
    definition::{
        Activities, ActivityDefinition, Handled, QueryDefinition, RunDefinition, SignalDefinition,
        UpdateDefinition, WorkflowDefinition, WorkflowName,
    },
    error::WorkflowError,
    workflow::{HandlerSet, SyncWorkflowContext, WorkflowContext, WorkflowContextView},
};

/// A `Result`, also under the name of an alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called a `Result` but is none",
    label = "this type's name ends with `Result`",
    note = "return a `Result`, or give the type another name"
)]
pub trait Fallible {
    /// The value on success.
    type Output;
    /// The error.
    type Error;

    /// The result itself.
    ///
    /// # Errors
    ///
    /// The function's own error.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The result of a workflow's function.
///
/// # Errors
///
/// The function's own error.
pub fn into_workflow_result<R: Fallible<Error: Into<WorkflowError>>>(
    result: R,
) -> Result<R::Output, WorkflowError> {
    result.into_result().map_err(Into::into)
}

/// The result of an activity's function.
///
/// # Errors
///
/// The function's own error.
pub fn into_activity_result<R: Fallible<Error: Into<ActivityError>>>(
    result: R,
) -> Result<R::Output, ActivityError> {
    result.into_result().map_err(Into::into)
}

/// A workflow whose state can be made without `#[init]`.
#[diagnostic::on_unimplemented(
    message = "the state of `{Self}` cannot be created",
    label = "this workflow has neither an `#[init]` method nor a `Default`",
    note = "derive `Default` for `{Self}`, or add `#[init] fn new(..) -> Self` to its `#[workflow_methods]` block"
)]
pub trait InitialState {
    /// Makes the state.
    fn initial_state() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> InitialState for T {
    fn initial_state() -> Self {
        T::default()
    }
}

/// Makes the state of a workflow that has no `#[init]`.
#[must_use]
pub fn initial_state<T: InitialState>() -> T {
    T::initial_state()
}

/// Runs a blocking function on the blocking pool.
pub fn blocking<T: Send + 'static>(
    function: impl FnOnce() -> Result<T, ActivityError> + Send + 'static,
) -> BoxFuture<'static, Result<T, ActivityError>> {
    Box::pin(async move {
        match tokio::task::spawn_blocking(move || {
            std::panic::catch_unwind(AssertUnwindSafe(function))
        })
        .await
        {
            Ok(Ok(result)) => result,
            Ok(Err(payload)) => std::panic::resume_unwind(payload),
            Err(error) => Err(ActivityError::from(error)),
        }
    })
}

/// Heartbeats for as long as a function runs (A5).
pub fn auto_heartbeat<T: Send + 'static>(
    context: ActivityContext,
    function: BoxFuture<'static, Result<T, ActivityError>>,
) -> BoxFuture<'static, Result<T, ActivityError>> {
    Box::pin(async move {
        let Some(interval) = context.heartbeater().map(crate::activity::Heartbeater::interval)
        else {
            return function.await;
        };
        // Half the time between two heartbeats that are sent, so that each of them finds one.
        let pause = (interval / 2).max(Duration::from_millis(1));
        let beat = async {
            loop {
                context.record_heartbeat_quietly();
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            biased;
            result = function => result,
            () = beat => unreachable!("heartbeats do not end"),
        }
    })
}
