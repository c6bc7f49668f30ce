//! What the macros' expansions name. Nothing here is for users, and anything may change.

use std::{panic::AssertUnwindSafe, time::Duration};

pub use std::sync::Arc;

pub use futures_util::future::{BoxFuture, LocalBoxFuture};
pub use steadfast_core::payload::Payload;

pub use crate::{
    activity::{ActivityContext, ActivityError, ActivityRegistrar},
    client::{ClientError, HasHandle, WorkflowHandle},
    convert::{Arguments, Codec, ConvertError, Input, Output},
    definition::{
        Activities, Handled, WorkflowDefinition, WorkflowImplementation, WorkflowName,
        method::{
            Activity, ActivityFunction, ActivityMethod, Method, Query, QueryMethod, Run, Signal,
            SignalMethod, Update, UpdateMethod, method,
        },
    },
    error::{ActivityFailure, ApplicationFailure, WorkflowError, WorkflowResult},
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

/// Asks the compiler whether a type is a `Result`, whatever it is called.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(std::marker::PhantomData<T>);

impl<T, E> Probe<Result<T, E>> {
    /// It is one.
    pub const IS_RESULT: bool = true;
}

/// The answer where [`Probe`] has none of its own.
pub trait NoResult {
    /// It is none.
    const IS_RESULT: bool = false;
}

impl<T: ?Sized> NoResult for Probe<T> {}

impl Probe<std::time::Instant> {
    /// It is one.
    pub const IS_CLOCK: bool = true;
}

impl Probe<std::time::SystemTime> {
    /// It is one.
    pub const IS_CLOCK: bool = true;
}

impl Probe<tokio::time::Instant> {
    /// It is one.
    pub const IS_CLOCK: bool = true;
}

/// The answer where [`Probe`] has none of its own.
pub trait NoClock {
    /// It is none.
    const IS_CLOCK: bool = false;
}

impl<T: ?Sized> NoClock for Probe<T> {}

/// What a function returned, of which [`Probe`] knows whether it is a `Result`.
pub trait Returned<const IS_RESULT: bool> {
    /// The value on success.
    type Output;
    /// The error.
    type Error;

    /// As a result.
    ///
    /// # Errors
    ///
    /// The function's own error; a function whose type is no `Result` has none.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T, E> Returned<true> for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

impl<T> Returned<false> for T {
    type Output = T;
    type Error = std::convert::Infallible;

    fn into_result(self) -> Result<T, Self::Error> {
        Ok(self)
    }
}

/// What a workflow's functions may return as their error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a workflow's function",
    label = "this type's error is not `std::error::Error + Send + Sync`",
    note = "implement `std::error::Error` for an error of your own, which must be `Send` and `Sync`",
    note = "or return `WorkflowError`, `anyhow::Error`, `Box<dyn std::error::Error + Send + Sync>` or `String`"
)]
pub trait IntoWorkflowError {
    /// The error on its way out.
    fn into_workflow_error(self) -> WorkflowError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<WorkflowError>> IntoWorkflowError for E {
    fn into_workflow_error(self) -> WorkflowError {
        self.into()
    }
}

/// What an activity's function may return as its error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an activity",
    label = "this type's error is not `std::error::Error + Send + Sync`",
    note = "implement `std::error::Error` for an error of your own, which must be `Send` and `Sync`",
    note = "or return `ActivityError`, `anyhow::Error`, `Box<dyn std::error::Error + Send + Sync>` or `String`"
)]
pub trait IntoActivityError {
    /// The error on its way out.
    fn into_activity_error(self) -> ActivityError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<ActivityError>> IntoActivityError for E {
    fn into_activity_error(self) -> ActivityError {
        self.into()
    }
}

/// The error of a function whose type is the user's: one that derives `ActivityFailure` becomes the failure of its kind.
#[derive(Debug)]
pub struct Typed<E>(pub E);

impl<E: ActivityFailure> Typed<E> {
    /// The failure of its kind.
    pub fn known(self) -> ApplicationFailure {
        self.0.to_application_failure()
    }
}

/// What becomes of the error where [`Typed`] has no way of its own.
pub trait AnyError {
    /// The error.
    type Error;

    /// The error itself.
    fn known(self) -> Self::Error;
}

impl<E> AnyError for Typed<E> {
    type Error = E;

    fn known(self) -> E {
        self.0
    }
}

/// A failure with its details.
pub fn typed_failure(
    message: String,
    error_type: &str,
    non_retryable: bool,
    details: Vec<Result<Payload, ConvertError>>,
) -> ApplicationFailure {
    let mut failure = if non_retryable {
        ApplicationFailure::non_retryable(message, error_type)
    } else {
        ApplicationFailure::new(message, error_type)
    };
    for detail in details {
        failure = match detail {
            Ok(payload) => failure.with_payload(payload),
            Err(error) => {
                tracing::warn!(%error, error_type, "a detail of a failure cannot be recorded");
                failure
            }
        };
    }
    failure
}

/// One detail of a failure.
///
/// # Errors
///
/// When it cannot be serialized.
pub fn detail<T: serde::Serialize>(value: &T) -> Result<Payload, ConvertError> {
    crate::convert::to_payload(value)
}

/// One field of a detail.
///
/// # Errors
///
/// When it cannot be serialized.
pub fn field<T: serde::Serialize>(value: &T) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(value)
}

/// The detail that has fields; those that cannot be serialized are missing.
///
/// # Errors
///
/// When it is too large.
pub fn fields<const N: usize>(
    fields: [(&str, serde_json::Result<serde_json::Value>); N],
) -> Result<Payload, ConvertError> {
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.ok()?)));
    detail(&fields.collect::<serde_json::Map<_, _>>())
}

/// A field of a failure's first detail.
pub fn read_field<T: serde::de::DeserializeOwned>(
    failure: &ApplicationFailure,
    name: &str,
) -> Option<T> {
    let mut fields: serde_json::Map<String, serde_json::Value> = failure.details(0).ok()?;
    let value = fields.remove(name).unwrap_or(serde_json::Value::Null);
    serde_json::from_value(value).ok()
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

/// What an `async` handler keeps of the context that it is called with.
pub fn own_context<W: WorkflowDefinition>(context: &SyncWorkflowContext<W>) -> WorkflowContext<W> {
    context.waiting()
}

/// Makes the result of the SDK's kind out of what an `async` method gives. The macros generate no
/// `async` block: each would cost the compiler as much as all the rest of a method.
pub fn finish_local<R: 'static, T: 'static>(
    future: LocalBoxFuture<'static, R>,
    result: fn(R) -> Result<T, WorkflowError>,
) -> LocalBoxFuture<'static, Result<T, WorkflowError>> {
    Box::pin(async move { result(future.await) })
}

/// [`finish_local`] of a method that borrows the context.
pub fn finish_with_context<W, R, T>(
    mut context: WorkflowContext<W>,
    method: impl for<'x> FnOnce(&'x mut WorkflowContext<W>) -> LocalBoxFuture<'x, R> + 'static,
    result: fn(R) -> Result<T, WorkflowError>,
) -> LocalBoxFuture<'static, Result<T, WorkflowError>>
where
    W: WorkflowDefinition,
    R: 'static,
    T: 'static,
{
    Box::pin(async move { result(method(&mut context).await) })
}

/// Makes the result of the SDK's kind out of what an `async` activity gives.
pub fn finish<R: 'static, T: 'static>(
    future: BoxFuture<'static, R>,
    result: fn(R) -> Result<T, ActivityError>,
) -> BoxFuture<'static, Result<T, ActivityError>> {
    Box::pin(async move { result(future.await) })
}

/// [`finish`] of an activity that borrows its implementer or its context.
pub fn finish_with<A, R, T>(
    implementer: Arc<A>,
    context: ActivityContext,
    activity: impl for<'x> FnOnce(&'x Arc<A>, &'x ActivityContext) -> BoxFuture<'x, R> + Send + 'static,
    result: fn(R) -> Result<T, ActivityError>,
) -> BoxFuture<'static, Result<T, ActivityError>>
where
    A: Send + Sync + 'static,
    R: 'static,
    T: 'static,
{
    Box::pin(async move { result(activity(&implementer, &context).await) })
}

/// Runs a blocking function on a thread of its own. Tokio's blocking pool would keep a process that
/// wants to end for as long as one of them goes on.
pub fn blocking<T: Send + 'static>(
    function: impl FnOnce() -> Result<T, ActivityError> + Send + 'static,
) -> BoxFuture<'static, Result<T, ActivityError>> {
    Box::pin(async move {
        let runtime = tokio::runtime::Handle::current();
        let span = tracing::Span::current();
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("steadfast-activity".to_owned())
            .spawn(move || {
                let _runtime = runtime.enter();
                let _span = span.entered();
                // Whoever waited may have gone.
                let _ = ended.send(std::panic::catch_unwind(AssertUnwindSafe(function)));
            })?;
        match end.await? {
            Ok(result) => result,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    })
}

/// Heartbeats for as long as a function runs (A5).
pub fn auto_heartbeat<T: Send + 'static>(
    context: ActivityContext,
    function: BoxFuture<'static, Result<T, ActivityError>>,
) -> BoxFuture<'static, Result<T, ActivityError>> {
    Box::pin(async move {
        let Some(interval) = context
            .heartbeater()
            .map(crate::activity::Heartbeater::interval)
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
