//! The one type of all definitions: a method of a workflow or of an implementer of activities, as a
//! value.
//!
//! The macros write one implementation a method, of one of the traits here, for the method's owner;
//! what that makes the value is said once, for all of them. So an expansion has no type of its own
//! for each method, and a value that is not what a call asks for is reported in terms of the
//! [public traits](super).
//!
//! Invariants: a method is known by its owner, a number that is made of its name, and its function
//! type. The owner and the function type are arguments of what is implemented, so that the compiler
//! sees through it which private types it shows.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use futures_util::future::BoxFuture;

use super::{
    Activities, ActivityDefinition, ActivityImplementation, Handled, QueryDefinition, QueryHandler,
    QueryOf, RunDefinition, SignalDefinition, SignalHandler, SignalOf, UpdateDefinition,
    UpdateHandler, UpdateOf, WorkflowDefinition,
};
use crate::{
    activity::{ActivityContext, ActivityError},
    convert::{Arguments, Codec},
    error::WorkflowError,
    workflow::{SyncWorkflowContext, WorkflowContext, WorkflowContextView},
};

/// A method of `T` that one of the attribute macros made a value: it is passed to whatever starts or
/// sends it, and it can be called like the method.
///
/// `Kind` is what the method is marked as, `NAME` a number for its name, and `F` the type of a function
/// that calls it.
///
/// ```
/// use steadfast::prelude::*;
///
/// struct Bookings;
///
/// #[activities]
/// impl Bookings {
///     #[activity]
///     fn price(nights: u32) -> u32 {
///         nights * 120
///     }
/// }
///
/// assert_eq!(Bookings::price(2), 240);
/// ```
pub struct Method<T, Kind, const NAME: u32, F> {
    function: F,
    owner: PhantomData<fn() -> (T, Kind)>,
}

/// Wraps the function; for the macros. It is no method of [`Method`] because the compiler finds a
/// function by its path faster.
#[doc(hidden)]
pub const fn method<T, Kind, const NAME: u32, F>(function: F) -> Method<T, Kind, NAME, F> {
    Method {
        function,
        owner: PhantomData,
    }
}

impl<T, Kind, const NAME: u32, F: Copy> Clone for Method<T, Kind, NAME, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, Kind, const NAME: u32, F: Copy> Copy for Method<T, Kind, NAME, F> {}

impl<T, Kind, const NAME: u32, F> fmt::Debug for Method<T, Kind, NAME, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method of {}", std::any::type_name::<T>())
    }
}

impl<T, Kind, const NAME: u32, F> Deref for Method<T, Kind, NAME, F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.function
    }
}

/// The kind of a method that is marked `#[activity]`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Activity {}

/// The kind of a method that is marked `#[query]`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Query {}

/// The kind of a method that is marked `#[run]`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Run {}

/// The kind of a method that is marked `#[signal]`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Signal {}

/// The kind of a method that is marked `#[update]`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Update {}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> RunDefinition for Method<W, Run, NAME, F>
where
    W: WorkflowDefinition,
    F: Copy + 'static,
{
    type Workflow = W;
}

/// A workflow has a signal; see [`SignalDefinition`].
pub trait SignalMethod<const NAME: u32, F>: Sized {
    /// The handler's arguments.
    type Input: 'static;
    /// The signal's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments.
    fn arguments() -> Arguments<Self::Input>;

    /// Calls the handler. An `async` one does not touch the state before it is polled.
    fn handle(
        state: &mut Self,
        context: &mut SyncWorkflowContext<Self>,
        input: <Self as SignalMethod<NAME, F>>::Input,
    ) -> Handled<()>
    where
        Self: WorkflowDefinition;
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> SignalDefinition for Method<W, Signal, NAME, F>
where
    W: SignalMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    type Workflow = W;
    type Input = <W as SignalMethod<NAME, F>>::Input;

    const NAME: &'static str = <W as SignalMethod<NAME, F>>::NAME;
    const DESCRIPTION: &'static str = <W as SignalMethod<NAME, F>>::DESCRIPTION;

    fn arguments() -> Arguments<Self::Input> {
        <W as SignalMethod<NAME, F>>::arguments()
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> SignalHandler for Method<W, Signal, NAME, F>
where
    W: SignalMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    fn handle(context: WorkflowContext<W>, input: Self::Input) -> Handled<()> {
        context
            .call_sync(|state, context| <W as SignalMethod<NAME, F>>::handle(state, context, input))
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> SignalOf<W> for Method<W, Signal, NAME, F>
where
    W: SignalMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
}

/// A workflow has a query; see [`QueryDefinition`].
pub trait QueryMethod<const NAME: u32, F>: Sized {
    /// The handler's arguments.
    type Input: 'static;
    /// What the handler returns when it succeeds.
    type Output: 'static;
    /// The query's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the answer.
    fn output_codec() -> Codec<Self::Output>;

    /// Answers.
    ///
    /// # Errors
    ///
    /// What a fallible handler returns.
    fn handle(
        state: &Self,
        view: &WorkflowContextView,
        input: Self::Input,
    ) -> Result<Self::Output, WorkflowError>;
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> QueryDefinition for Method<W, Query, NAME, F>
where
    W: QueryMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    type Workflow = W;
    type Input = <W as QueryMethod<NAME, F>>::Input;
    type Output = <W as QueryMethod<NAME, F>>::Output;

    const NAME: &'static str = <W as QueryMethod<NAME, F>>::NAME;
    const DESCRIPTION: &'static str = <W as QueryMethod<NAME, F>>::DESCRIPTION;

    fn arguments() -> Arguments<Self::Input> {
        <W as QueryMethod<NAME, F>>::arguments()
    }

    fn output_codec() -> Codec<Self::Output> {
        <W as QueryMethod<NAME, F>>::output_codec()
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> QueryHandler for Method<W, Query, NAME, F>
where
    W: QueryMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    fn handle(
        state: &W,
        view: &WorkflowContextView,
        input: Self::Input,
    ) -> Result<Self::Output, WorkflowError> {
        <W as QueryMethod<NAME, F>>::handle(state, view, input)
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> QueryOf<W> for Method<W, Query, NAME, F>
where
    W: QueryMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
}

/// A workflow has an update; see [`UpdateDefinition`].
pub trait UpdateMethod<const NAME: u32, F>: Sized {
    /// The handler's arguments.
    type Input: 'static;
    /// What the handler returns when it succeeds.
    type Output: 'static;
    /// The update's name.
    const NAME: &'static str;
    /// What the documentation of the handler says, in Markdown; empty if it has none.
    const DESCRIPTION: &'static str = "";

    /// Encodes and decodes the arguments.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the result.
    fn output_codec() -> Codec<Self::Output>;

    /// Accepts or refuses.
    ///
    /// # Errors
    ///
    /// What the validator returns.
    fn validate(
        state: &Self,
        view: &WorkflowContextView,
        input: &Self::Input,
    ) -> Result<(), WorkflowError> {
        let _ = (state, view, input);
        Ok(())
    }

    /// Calls the handler. An `async` one does not touch the state before it is polled.
    fn handle(
        state: &mut Self,
        context: &mut SyncWorkflowContext<Self>,
        input: <Self as UpdateMethod<NAME, F>>::Input,
    ) -> Handled<<Self as UpdateMethod<NAME, F>>::Output>
    where
        Self: WorkflowDefinition;
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> UpdateDefinition for Method<W, Update, NAME, F>
where
    W: UpdateMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    type Workflow = W;
    type Input = <W as UpdateMethod<NAME, F>>::Input;
    type Output = <W as UpdateMethod<NAME, F>>::Output;

    const NAME: &'static str = <W as UpdateMethod<NAME, F>>::NAME;
    const DESCRIPTION: &'static str = <W as UpdateMethod<NAME, F>>::DESCRIPTION;

    fn arguments() -> Arguments<Self::Input> {
        <W as UpdateMethod<NAME, F>>::arguments()
    }

    fn output_codec() -> Codec<Self::Output> {
        <W as UpdateMethod<NAME, F>>::output_codec()
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> UpdateHandler for Method<W, Update, NAME, F>
where
    W: UpdateMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
    fn validate(
        state: &W,
        view: &WorkflowContextView,
        input: &Self::Input,
    ) -> Result<(), WorkflowError> {
        <W as UpdateMethod<NAME, F>>::validate(state, view, input)
    }

    fn handle(context: WorkflowContext<W>, input: Self::Input) -> Handled<Self::Output> {
        context
            .call_sync(|state, context| <W as UpdateMethod<NAME, F>>::handle(state, context, input))
    }
}

#[diagnostic::do_not_recommend]
impl<W, const NAME: u32, F> UpdateOf<W> for Method<W, Update, NAME, F>
where
    W: UpdateMethod<NAME, F> + WorkflowDefinition,
    F: Copy + 'static,
{
}

/// A type declares an activity; see [`ActivityDefinition`].
pub trait ActivityMethod<const NAME: u32, F>: Sized {
    /// The function's arguments.
    type Input: Send + 'static;
    /// What the function returns when it succeeds.
    type Output: Send + 'static;
    /// The activity type.
    const ACTIVITY_TYPE: &'static str;

    /// Encodes and decodes the arguments.
    fn arguments() -> Arguments<Self::Input>;

    /// Encodes and decodes the result.
    fn output_codec() -> Codec<Self::Output>;
}

#[diagnostic::do_not_recommend]
impl<A, const NAME: u32, F> ActivityDefinition for Method<A, Activity, NAME, F>
where
    A: ActivityMethod<NAME, F> + 'static,
    F: Copy + 'static,
{
    type Input = A::Input;
    type Output = A::Output;

    const ACTIVITY_TYPE: &'static str = A::ACTIVITY_TYPE;

    fn arguments() -> Arguments<Self::Input> {
        A::arguments()
    }

    fn output_codec() -> Codec<Self::Output> {
        A::output_codec()
    }
}

/// A type implements an activity; see [`ActivityImplementation`].
pub trait ActivityFunction<const NAME: u32, F>: ActivityMethod<NAME, F> {
    /// Runs the function.
    fn execute(
        implementer: Arc<Self>,
        context: ActivityContext,
        input: Self::Input,
    ) -> BoxFuture<'static, Result<Self::Output, ActivityError>>;
}

#[diagnostic::do_not_recommend]
impl<A, const NAME: u32, F> ActivityImplementation for Method<A, Activity, NAME, F>
where
    A: Activities + ActivityFunction<NAME, F>,
    F: Copy + 'static,
{
    type Implementer = A;

    fn execute(
        implementer: Arc<A>,
        context: ActivityContext,
        input: Self::Input,
    ) -> BoxFuture<'static, Result<Self::Output, ActivityError>> {
        A::execute(implementer, context, input)
    }
}
