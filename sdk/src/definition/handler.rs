//! The handlers that a worker calls: what a [definition](super) says only that there is.

use std::fmt;

use futures_util::future::LocalBoxFuture;

use super::{QueryDefinition, SignalDefinition, UpdateDefinition};
use crate::{
    error::WorkflowError,
    workflow::{WorkflowContext, WorkflowContextView},
};

/// The value behind a method marked `#[signal]`: what a worker calls.
#[diagnostic::on_unimplemented(
    message = "this is not a signal",
    label = "not a method marked `#[signal]`",
    note = "mark the method with `#[signal]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait SignalHandler: SignalDefinition {
    /// Calls the handler: at once when it is a plain function, as a future when it is `async`.
    fn handle(context: WorkflowContext<Self::Workflow>, input: Self::Input) -> Handled<()>;
}

/// The value behind a method marked `#[query]`: what a worker calls.
#[diagnostic::on_unimplemented(
    message = "this is not a query",
    label = "not a method marked `#[query]`",
    note = "mark the method with `#[query]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait QueryHandler: QueryDefinition {
    /// Answers from the state, which a query cannot change.
    ///
    /// # Errors
    ///
    /// What a fallible handler returns; it becomes the caller's error and nothing else.
    fn handle(
        state: &Self::Workflow,
        view: &WorkflowContextView,
        input: Self::Input,
    ) -> Result<Self::Output, WorkflowError>;
}

/// The value behind a method marked `#[update]`: what a worker calls.
#[diagnostic::on_unimplemented(
    message = "this is not an update",
    label = "not a method marked `#[update]`",
    note = "mark the method with `#[update]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait UpdateHandler: UpdateDefinition {
    /// Says whether the update may run; an update that is refused leaves no trace in history.
    /// Without an `#[update_validator]` everything is accepted.
    ///
    /// # Errors
    ///
    /// What the validator returns; the caller gets it as the reason of the rejection.
    fn validate(
        state: &Self::Workflow,
        view: &WorkflowContextView,
        input: &Self::Input,
    ) -> Result<(), WorkflowError> {
        let _ = (state, view, input);
        Ok(())
    }

    /// Calls the handler: at once when it is a plain function, as a future when it is `async`.
    fn handle(
        context: WorkflowContext<Self::Workflow>,
        input: Self::Input,
    ) -> Handled<Self::Output>;
}

/// What calling a signal or update handler gives.
#[expect(
    clippy::exhaustive_enums,
    reason = "a handler is a plain function or an async one"
)]
pub enum Handled<T> {
    /// A plain function ran to its end.
    Now(Result<T, WorkflowError>),
    /// An `async` function, to be polled as a task of the workflow.
    Later(LocalBoxFuture<'static, Result<T, WorkflowError>>),
}

impl<T> fmt::Debug for Handled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(Ok(_)) => "Now(Ok)",
            Self::Now(Err(_)) => "Now(Err)",
            Self::Later(_) => "Later",
        })
    }
}
