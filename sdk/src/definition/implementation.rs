//! What a worker registers: a workflow with its code, and a block of activities.

use std::sync::Arc;

use futures_util::future::{BoxFuture, LocalBoxFuture};

use super::{ActivityDefinition, WorkflowDefinition};
use crate::{
    activity::{ActivityContext, ActivityError, ActivityRegistrar, activity_fn},
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

/// The value behind a method marked `#[activity]` in an `#[activities]` block: what a worker runs.
pub trait ActivityImplementation: ActivityDefinition {
    /// The type whose `#[activities]` block contains the method.
    type Implementer: Activities;

    /// Runs the function.
    fn execute(
        implementer: Arc<Self::Implementer>,
        context: ActivityContext,
        input: Self::Input,
    ) -> BoxFuture<'static, Result<Self::Output, ActivityError>>;
}

impl<A: Activities> ActivityRegistrar<'_, A> {
    /// Adds an activity.
    pub fn add<D: ActivityImplementation<Implementer = A>>(&mut self, _: D) {
        let implementer = Arc::clone(self.implementer());
        let run = activity_fn::<D, _, _>(move |context, input| {
            D::execute(Arc::clone(&implementer), context, input)
        });
        self.insert(D::ACTIVITY_TYPE, run);
    }
}

/// What a worker can be given activities by: the value of a type with an `#[activities]` block, or an `Arc` of it.
#[diagnostic::on_unimplemented(
    message = "this has no activities",
    label = "no value of a type with an `#[activities]` impl block",
    note = "pass the implementer, as in `register_activities(Bookings::new())`: that registers all of its activities",
    note = "put `#[activities]` on the impl block of its type, and `#[activity]` on the methods"
)]
pub trait IntoActivities<A: Activities> {
    /// The value, shared.
    fn into_activities(self) -> Arc<A>;
}

#[diagnostic::do_not_recommend]
impl<A: Activities> IntoActivities<A> for A {
    fn into_activities(self) -> Arc<A> {
        Arc::new(self)
    }
}

#[diagnostic::do_not_recommend]
impl<A: Activities> IntoActivities<A> for Arc<A> {
    fn into_activities(self) -> Self {
        self
    }
}
