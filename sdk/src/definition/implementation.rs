//! What a worker registers: blocks of the methods that it calls.

use futures_util::future::LocalBoxFuture;

use super::WorkflowDefinition;
use crate::{
    activity::ActivityRegistrar,
    error::WorkflowError,
    workflow::{HandlerSet, WorkflowContext, WorkflowContextView},
};

/// A workflow with its code: what a worker runs.
///
/// Implemented by `#[workflow_methods]` on the workflow's struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "this type has no `#[workflow_methods]` impl block",
    note = "mark the struct with `#[workflow]` and its impl block with `#[workflow_methods]`"
)]
pub trait WorkflowImplementation: WorkflowDefinition {
    /// Creates the workflow's state, by `#[init]` or `Default`. An `#[init]` that takes the input
    /// consumes it; otherwise the input comes back for [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// What a fallible `#[init]` returns; it ends the execution as failed.
    fn init(
        view: &WorkflowContextView,
        input: Self::Input,
    ) -> Result<(Self, Option<Self::Input>), WorkflowError>;

    /// Runs the workflow's main function.
    fn run(
        context: WorkflowContext<Self>,
        input: Option<Self::Input>,
    ) -> LocalBoxFuture<'static, Result<Self::Output, WorkflowError>>;

    /// Lists the signal, query and update handlers.
    fn handlers() -> HandlerSet<Self>;
}

/// A type with an `#[activities]` impl block; a worker registers its activities all at once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no activities",
    label = "this type has no `#[activities]` impl block",
    note = "put `#[activities]` on an impl block of `{Self}` and `#[activity]` on its methods"
)]
pub trait Activities: Send + Sized + Sync + 'static {
    /// Adds every activity of the block to a worker.
    fn register(registrar: &mut ActivityRegistrar<'_, Self>);
}
