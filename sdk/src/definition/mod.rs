//! Says what a workflow, an activity, a signal, a query and an update are to the rest of the SDK.
//!
//! The attribute macros implement these traits; user code names them only in bounds. No module
//! below this one knows a user's type.
//!
//! What ends in `Definition` describes, which is all that a caller needs: it names no context and no handle. What a
//! worker calls is a [`SignalHandler`], [`QueryHandler`], [`UpdateHandler`] or [`ActivityImplementation`], and what it
//! registers is a [`WorkflowImplementation`] or [`Activities`].
//!
//! Invariants: a definition is `Copy`, so that a constant such as `Bookings::book_hotel` can be
//! passed around as a value; names and argument encodings are fixed by the definition's type and by
//! nothing else.

mod handler;
mod implementation;
pub mod method;

pub use self::{
    handler::{Handled, QueryHandler, SignalHandler, UpdateHandler},
    implementation::{Activities, ActivityImplementation, IntoActivities, WorkflowImplementation},
};
use crate::convert::{Arguments, Codec};

/// Names a workflow type; implemented by `#[workflow]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not marked as a workflow",
    label = "this type has no `#[workflow]`",
    note = "put `#[workflow]` on the struct `{Self}`"
)]
pub trait WorkflowName: Sized + 'static {
    /// The workflow type as it is recorded in histories.
    const WORKFLOW_TYPE: &'static str;
}

/// Describes a workflow: its type, input and output.
///
/// Implemented by `#[workflow_methods]` on the workflow's struct. What a worker runs is its
/// [`WorkflowImplementation`], and what a client talks to is its [handle](crate::client::HasHandle).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "this type has no `#[workflow_methods]` impl block",
    note = "mark the struct with `#[workflow]` and its impl block with `#[workflow_methods]`"
)]
pub trait WorkflowDefinition: Sized + 'static {
    /// The workflow type as it is recorded in histories.
    const WORKFLOW_TYPE: &'static str;
    /// What the run method takes: `()`, one type, or a tuple of several.
    type Input: 'static;
    /// What the run method returns when it succeeds.
    type Output: 'static;

    /// Encodes and decodes the arguments, one payload each.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the result.
    fn output_codec() -> Codec<Self::Output>;
}

/// The value behind `MyWorkflow::run`: says which workflow to start.
#[diagnostic::on_unimplemented(
    message = "this is not the `#[run]` method of a workflow",
    label = "not a workflow's run method",
    note = "pass the run method's name as a value, as in `MyWorkflow::run`"
)]
pub trait RunDefinition: Copy + 'static {
    /// The workflow that the run method belongs to.
    type Workflow: WorkflowDefinition;
}

/// The value behind a method marked `#[signal]`.
#[diagnostic::on_unimplemented(
    message = "this is not a signal",
    label = "not a method marked `#[signal]`",
    note = "mark the method with `#[signal]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait SignalDefinition: Copy + 'static {
    /// The workflow that takes the signal.
    type Workflow: WorkflowDefinition;
    /// The handler's arguments: `()`, one type, or a tuple of several.
    type Input: 'static;
    /// The signal's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments, one payload each.
    fn arguments() -> Arguments<Self::Input>;
}

/// A signal that the workflow `W` takes.
#[diagnostic::on_unimplemented(
    message = "this is not a signal of `{W}`",
    label = "not a method of `{W}` marked `#[signal]`",
    note = "mark the method with `#[signal]` inside the `#[workflow_methods]` impl block of `{W}`, and pass its name as a value"
)]
pub trait SignalOf<W>: SignalDefinition<Workflow = W> {}

/// The value behind a method marked `#[query]`.
#[diagnostic::on_unimplemented(
    message = "this is not a query",
    label = "not a method marked `#[query]`",
    note = "mark the method with `#[query]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait QueryDefinition: Copy + 'static {
    /// The workflow that answers the query.
    type Workflow: WorkflowDefinition;
    /// The handler's arguments: `()`, one type, or a tuple of several.
    type Input: 'static;
    /// What the handler returns when it succeeds.
    type Output: 'static;
    /// The query's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments, one payload each.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the answer.
    fn output_codec() -> Codec<Self::Output>;
}

/// A query that the workflow `W` answers.
#[diagnostic::on_unimplemented(
    message = "this is not a query of `{W}`",
    label = "not a method of `{W}` marked `#[query]`",
    note = "mark the method with `#[query]` inside the `#[workflow_methods]` impl block of `{W}`, and pass its name as a value"
)]
pub trait QueryOf<W>: QueryDefinition<Workflow = W> {}

/// The value behind a method marked `#[update]`.
#[diagnostic::on_unimplemented(
    message = "this is not an update",
    label = "not a method marked `#[update]`",
    note = "mark the method with `#[update]` inside a `#[workflow_methods]` impl block, and pass its name as a value"
)]
pub trait UpdateDefinition: Copy + 'static {
    /// The workflow that takes the update.
    type Workflow: WorkflowDefinition;
    /// The handler's arguments: `()`, one type, or a tuple of several.
    type Input: 'static;
    /// What the handler returns when it succeeds.
    type Output: 'static;
    /// The update's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments, one payload each.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the result.
    fn output_codec() -> Codec<Self::Output>;
}

/// An update that the workflow `W` takes.
#[diagnostic::on_unimplemented(
    message = "this is not an update of `{W}`",
    label = "not a method of `{W}` marked `#[update]`",
    note = "mark the method with `#[update]` inside the `#[workflow_methods]` impl block of `{W}`, and pass its name as a value"
)]
pub trait UpdateOf<W>: UpdateDefinition<Workflow = W> {}

/// The value behind a method marked `#[activity]`, in an `#[activities]` or an
/// `#[activity_definitions]` block: what a caller has to know.
#[diagnostic::on_unimplemented(
    message = "this is not an activity",
    label = "not a method marked `#[activity]`",
    note = "mark the method with `#[activity]` inside an `#[activities]` impl block, and pass its name as a value, as in `Bookings::book_hotel`"
)]
pub trait ActivityDefinition: Copy + 'static {
    /// The function's arguments: `()`, one type, or a tuple of several.
    type Input: Send + 'static;
    /// What the function returns when it succeeds.
    type Output: Send + 'static;
    /// The activity type as it is recorded in histories.
    const ACTIVITY_TYPE: &'static str;

    /// Encodes and decodes the arguments, one payload each.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the result.
    fn output_codec() -> Codec<Self::Output>;
}
