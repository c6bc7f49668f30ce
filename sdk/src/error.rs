//! The errors of user code: what `?` moves in workflows and activities.
//!
//! They are made from the failures that a history records, and become such failures again when
//! they leave a run function, with the chain of causes kept.
//!
//! Invariant: whoever walks `source()` from any of these errors comes upon one of this module's
//! private carriers, whatever wraps the error: `anyhow` hides the type of the error it holds, but
//! not the type of that error's source. So a cancellation stays one, and what decides whether something is tried
//! again stays with it (F4).

use std::{any::type_name, borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::{
    command::ContinueAsNewWorkflowExecution,
    failure::{Failure, FailureKind, TimeoutType},
    limit::TooLarge,
    mark::Mark,
    payload::Payload,
    retry::RetryState,
};

use crate::convert::{self, ConvertError};

/// What a run function returns.
pub type WorkflowResult<T> = Result<T, WorkflowError>;

/// An error of any type, on its way out of a workflow.
///
/// Everything that `?` finds becomes one: errors of operations, of `anyhow`, of `std`, and texts.
/// It does not implement [`Error`] itself, which is what makes that possible; use
/// [`as_error`](Self::as_error) where one is wanted.
pub struct WorkflowError(Inner);

enum Inner {
    Error {
        error: Box<dyn Error + Send + Sync>,
        type_name: Cow<'static, str>,
    },
    ContinueAsNew(Box<ContinueAsNewWorkflowExecution>),
}

impl WorkflowError {
    pub(crate) fn continue_as_new(next: ContinueAsNewWorkflowExecution) -> Self {
        Self(Inner::ContinueAsNew(Box::new(next)))
    }

    pub(crate) fn into_continue_as_new(self) -> Result<Box<ContinueAsNewWorkflowExecution>, Self> {
        match self.0 {
            Inner::ContinueAsNew(next) => Ok(next),
            inner @ Inner::Error { .. } => Err(Self(inner)),
        }
    }

    pub(crate) fn is_continue_as_new(&self) -> bool {
        matches!(self.0, Inner::ContinueAsNew(_))
    }

    pub(crate) fn into_source(self) -> Box<dyn Error + Send + Sync> {
        match self.0 {
            Inner::Error { error, .. } => error,
            Inner::ContinueAsNew(_) => "the workflow continues as new".into(),
        }
    }

    /// The error itself; `None` when this is a request to continue as new.
    #[must_use]
    pub fn as_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.0 {
            Inner::Error { error, .. } => Some(error.as_ref()),
            Inner::ContinueAsNew(_) => None,
        }
    }

    /// Whether this is a cancellation, whatever context was added to it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.as_error().is_some_and(|error| is_cancelled(error))
    }

    /// Whether a time limit of a scope or an operation passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.as_error().is_some_and(|error| {
            chain(error).any(|error| {
                error.is::<TimedOut>()
                    || carried(error).is_some_and(|failure| failure.timeout_type().is_some())
            })
        })
    }

    /// The reason of the cancellation, if this is one.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<&str> {
        chain(self.as_error()?).find_map(|error| {
            let carrier = error.downcast_ref::<Carrier>()?;
            carrier.reason.as_deref()
        })
    }

    /// The error of user code behind this one, if it is a kind of `E`.
    #[must_use]
    pub fn downcast<E: ActivityFailure>(&self) -> Option<E> {
        downcast(&self.to_failure())
    }

    /// The failure that history records for this error.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        match &self.0 {
            Inner::Error { error, type_name } => failure_of(error.as_ref(), type_name),
            Inner::ContinueAsNew(_) => Failure::application(
                "continue-as-new is only possible from the run function",
                "ContinueAsNew",
            ),
        }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for WorkflowError {
    fn from(error: E) -> Self {
        Self(Inner::Error {
            error: error.into(),
            type_name: short_type_name::<E>(),
        })
    }
}

impl fmt::Display for WorkflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Error { error, .. } => fmt::Display::fmt(error, f),
            Inner::ContinueAsNew(_) => f.write_str("the workflow continues as new"),
        }
    }
}

impl fmt::Debug for WorkflowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Error { error, .. } => fmt::Debug::fmt(error, f),
            Inner::ContinueAsNew(_) => f.write_str("ContinueAsNew"),
        }
    }
}

/// What `source()` of this module's errors leads to: the recorded failure, which survives any
/// wrapping.
#[derive(Debug)]
struct Carrier {
    failure: Arc<Failure>,
    reason: Option<Arc<str>>,
    text: String,
    /// The number of an activity's last attempt; 0 when that is not known.
    attempt: u32,
    /// It has completed, and what it gave cannot be read.
    unread: bool,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Carrier {}

impl Carrier {
    fn new(failure: Failure, reason: Option<Arc<str>>) -> Self {
        // What the error itself does not say, so that nothing is read twice.
        let text = match &failure.kind {
            FailureKind::Activity(info) => not_tried_again(info.retry_state).to_owned(),
            FailureKind::ChildWorkflow(info) => not_tried_again(info.retry_state).to_owned(),
            FailureKind::Application { error_type, .. } if failure.cause.is_none() => {
                format!("of type `{error_type}`")
            }
            _ => match (&failure.cause, &reason) {
                (Some(cause), _) => cause.to_string(),
                (None, Some(reason)) if !reason.is_empty() => reason.to_string(),
                (None, _) => failure.message.clone(),
            },
        };
        Self {
            failure: Arc::new(failure),
            reason,
            text,
            attempt: 0,
            unread: false,
        }
    }

    /// What led to the failure: the messages of its causes and the reason of a cancellation.
    fn explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = self.failure.chain().skip(1);
        let causes = causes.map(|cause| cause.message.as_str());
        // That is what the failure itself says, and the reason says why.
        let causes = causes.filter(|message| *message != "cancelled");
        let reason = self.reason.as_deref().filter(|reason| !reason.is_empty());
        for text in causes.chain(reason) {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

/// Why an operation was not tried again.
fn not_tried_again(state: RetryState) -> &'static str {
    match state {
        RetryState::NonRetryableFailure => "not tried again, because the failure is not retryable",
        RetryState::Timeout => "not tried again, because its time is used up",
        RetryState::MaximumAttemptsReached => {
            "not tried again, because the attempts of its retry policy are used up"
        }
        RetryState::RetryPolicyNotSet => "not tried again, because it has no retry policy",
        RetryState::InternalServerError => "not tried again, because the engine failed",
        RetryState::CancelRequested => "not tried again, because its cancellation was requested",
        _ => "not tried again",
    }
}

/// A wait was cancelled: a timer, a condition, a task.
///
/// What was waited for did not happen. Nothing else was undone.
#[derive(Debug)]
#[must_use = "a cancellation that is overlooked lets the workflow run on"]
pub struct Cancelled(Carrier);

impl Cancelled {
    pub(crate) fn new(reason: Arc<str>) -> Self {
        Self(Carrier::new(Failure::cancelled("cancelled"), Some(reason)))
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.0.reason.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl Error for Cancelled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// The time limit of a scope or a wait passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimedOut {
    /// The limit.
    pub after: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out after {:?}", self.after)
    }
}

impl Error for TimedOut {}

macro_rules! operation_errors {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $name(Carrier);

        impl $name {
            pub(crate) fn new(failure: Failure, reason: Option<Arc<str>>) -> Self {
                Self(Carrier::new(failure, reason))
            }

            /// Whether it was cancelled.
            #[must_use]
            pub fn is_cancelled(&self) -> bool {
                self.0.failure.is_cancelled()
            }

            /// The time limit that passed, if that is what happened.
            #[must_use]
            pub fn timeout_type(&self) -> Option<TimeoutType> {
                self.0.failure.timeout_type()
            }

            /// Why it was cancelled, if the workflow asked for that.
            #[must_use]
            pub fn cancel_reason(&self) -> Option<&str> {
                self.0.reason.as_deref()
            }

            /// What history records.
            #[must_use]
            pub fn failure(&self) -> &Failure {
                &self.0.failure
            }

            /// The error of user code behind this one, if it is a kind of `E`.
            #[must_use]
            pub fn downcast<E: ActivityFailure>(&self) -> Option<E> {
                downcast(&self.0.failure)
            }

            /// The failure of user code behind this error, if there is one.
            #[must_use]
            pub fn application_failure(&self) -> Option<ApplicationFailure> {
                self.0
                    .failure
                    .chain()
                    .find(|failure| matches!(failure.kind, FailureKind::Application { .. }))
                    .map(|failure| ApplicationFailure::from_failure(failure.clone()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.failure.message)?;
                match &self.0.failure.kind {
                    FailureKind::Activity(info) => write!(f, " (`{}`)", info.activity_type)?,
                    FailureKind::ChildWorkflow(info) => write!(f, " (`{}`)", info.workflow_type)?,
                    _ => {}
                }
                self.0.explain(f)
            }
        }

        impl Error for $name {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
    )+};
}

operation_errors! {
    /// An activity ended without a result: it failed, timed out or was cancelled.
    ActivityExecutionError;
    /// A child workflow ended without a result, or did not start.
    ChildWorkflowError;
    /// A signal to, or a cancellation of, another execution could not be delivered.
    ExternalWorkflowError;
}

macro_rules! errors_of_results {
    ($($name:ident)+) => {$(
        impl $name {
            /// It has completed, and its result cannot be read.
            pub(crate) fn unread(error: &ConvertError) -> Self {
                let mut unread = Self::new(failure_of(error, "ConvertError"), None);
                unread.0.unread = true;
                unread
            }

            pub(crate) fn is_unread(&self) -> bool {
                self.0.unread
            }
        }
    )+};
}

errors_of_results!(ActivityExecutionError ChildWorkflowError);

impl ActivityExecutionError {
    pub(crate) fn in_attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt;
        self
    }

    /// The number of the last attempt, from 1; 0 when none started or history does not tell.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}

/// A failure of user code, with what a caller can act on.
///
/// Return one from an activity or a workflow to choose its type, to say that trying again is
/// useless, or to hand over details.
#[derive(Debug)]
pub struct ApplicationFailure(Carrier);

impl ApplicationFailure {
    /// A failure that may be tried again. `error_type` is what retry policies refer to.
    #[must_use]
    pub fn new(message: impl Into<String>, error_type: impl Into<String>) -> Self {
        Self::from_failure(Failure::application(message, error_type))
    }

    /// A failure for which trying again is useless.
    #[must_use]
    pub fn non_retryable(message: impl Into<String>, error_type: impl Into<String>) -> Self {
        Self::from_failure(Failure::application(message, error_type).non_retryable())
    }

    pub(crate) fn from_failure(failure: Failure) -> Self {
        Self(Carrier::new(failure, None))
    }

    fn edit(self, change: impl FnOnce(&mut Failure)) -> Self {
        let mut failure = Arc::unwrap_or_clone(self.0.failure);
        change(&mut failure);
        Self::from_failure(failure)
    }

    /// The same failure with a value for whoever handles it.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn with_details<T: Serialize>(self, value: &T) -> Result<Self, ConvertError> {
        Ok(self.with_payload(convert::to_payload(value)?))
    }

    pub(crate) fn with_payload(self, payload: Payload) -> Self {
        self.edit(|failure| {
            if let FailureKind::Application { details, .. } = &mut failure.kind {
                details.push(payload);
            }
        })
    }

    /// The same failure with the wait before the next attempt, in place of the retry policy's. Zero leaves it
    /// at the policy's.
    #[must_use]
    pub fn with_next_retry_delay(self, delay: Duration) -> Self {
        self.edit(|failure| {
            if let FailureKind::Application {
                next_retry_delay, ..
            } = &mut failure.kind
            {
                *next_retry_delay = Some(delay);
            }
        })
    }

    /// The same failure, saying that no attempt of the activity did anything. A saga then does not undo
    /// the step, also after several attempts, of which an earlier one may otherwise have done the work
    /// (G5): for "no such card", and not for "already charged".
    #[must_use]
    pub fn nothing_happened(self) -> Self {
        let failure = Arc::unwrap_or_clone(self.0.failure);
        Self::from_failure(failure.marked(Mark::NothingHappened))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// The type, as retry policies refer to it.
    #[must_use]
    pub fn error_type(&self) -> &str {
        match &self.0.failure.kind {
            FailureKind::Application { error_type, .. } => error_type,
            _ => "",
        }
    }

    /// Whether trying again is useless.
    #[must_use]
    pub fn is_non_retryable(&self) -> bool {
        matches!(
            self.0.failure.kind,
            FailureKind::Application {
                non_retryable: true,
                ..
            }
        )
    }

    /// A value that came along.
    ///
    /// # Errors
    ///
    /// When there is no such value, or it is of another type.
    pub fn details<T: DeserializeOwned>(&self, index: usize) -> Result<T, ConvertError> {
        let details: &[Payload] = match &self.0.failure.kind {
            FailureKind::Application { details, .. } => details,
            _ => &[],
        };
        let mut said = details.iter().filter(|payload| !Mark::is_one(payload));
        convert::from_payload(said.nth(index))
    }

    /// What history records.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }
}

impl fmt::Display for ApplicationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.failure.message)
    }
}

impl Error for ApplicationFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error of one's own that keeps its kinds, across workflows, clients and languages.
///
/// Derive it for an enum: each variant is an application failure whose type is the variant's name, whose message is what
/// the error displays, and whose details are its fields. An activity or a handler that returns the enum as its error
/// fails so; a workflow reads it back with `downcast`, as a client does of a workflow that passed it on.
///
/// - A variant may have `#[failure(name = "..")]` for another type, `#[failure(non_retryable)]` if trying again is useless,
///   and `#[failure(nothing_happened)]` if no attempt did anything, see [`ApplicationFailure::nothing_happened`].
/// - The only field is one detail, several without names are one each, and those with names are one object. So other
///   languages throw and read it as an `ApplicationError` of that type.
/// - With `?` in a function that returns another error, convert first: `.map_err(ApplicationFailure::from)?`.
///
/// ```
/// use steadfast::prelude::*;
///
/// #[derive(Debug, PartialEq, ActivityFailure)]
/// enum ShopError {
///     #[failure(non_retryable)]
///     NoSuchCard { last_digits: String },
///     SoldOut(u32),
/// }
///
/// impl std::fmt::Display for ShopError {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "the shop says {self:?}")
///     }
/// }
///
/// impl std::error::Error for ShopError {}
///
/// struct Shop;
///
/// #[activities]
/// impl Shop {
///     #[activity]
///     async fn charge(card: String) -> Result<u32, ShopError> {
///         Err(ShopError::NoSuchCard { last_digits: card })
///     }
/// }
///
/// let failure = ApplicationFailure::from(ShopError::SoldOut(3));
/// assert_eq!(failure.error_type(), "SoldOut");
/// assert_eq!(failure.details::<u32>(0).unwrap(), 3);
/// assert_eq!(ShopError::from_application_failure(&failure), Some(ShopError::SoldOut(3)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that can be read back",
    label = "this type does not derive `ActivityFailure`",
    note = "write `#[derive(ActivityFailure)]` on the error"
)]
pub trait ActivityFailure: Sized {
    /// The types of the failures that it makes.
    const TYPES: &'static [&'static str];

    /// The failure that history records.
    fn to_application_failure(&self) -> ApplicationFailure;

    /// Reads a failure back; `None` for one of another type, or with other details.
    fn from_application_failure(failure: &ApplicationFailure) -> Option<Self>;
}

/// The first failure of user code in a chain that is one of an error's.
pub(crate) fn downcast<E: ActivityFailure>(failure: &Failure) -> Option<E> {
    let of_code = failure
        .chain()
        .filter(|failure| matches!(failure.kind, FailureKind::Application { .. }));
    of_code
        .map(|failure| ApplicationFailure::from_failure(failure.clone()))
        .find_map(|failure| E::from_application_failure(&failure))
}

/// Walks an error and its sources.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn carried<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Failure> {
    error
        .downcast_ref::<Carrier>()
        .map(|carrier| &*carrier.failure)
}

/// Whether an error is a cancellation, whatever context was added to it.
pub(crate) fn is_cancelled(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| carried(error).is_some_and(Failure::is_cancelled))
}

fn too_large<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TooLarge> {
    match error.downcast_ref() {
        Some(ConvertError::TooLarge(too_large)) => Some(too_large),
        _ => error.downcast_ref(),
    }
}

/// The failure that history records for an error.
pub(crate) fn failure_of(error: &(dyn Error + 'static), type_name: &str) -> Failure {
    // An error of this module stands for its failure.
    if let Some(failure) = error.source().and_then(carried)
        && error.to_string().starts_with(failure.message.as_str())
    {
        return failure.clone();
    }
    match error.downcast_ref() {
        Some(ConvertError::TooLarge(too_large)) => return too_large.to_failure(),
        Some(ConvertError::SideEffect(failure)) => return (**failure).clone(),
        _ => {}
    }
    if let Some(timed_out) = error.downcast_ref::<TimedOut>() {
        return Failure::timeout(timed_out.to_string(), TimeoutType::StartToClose);
    }
    let mut failure = Failure::application(error.to_string(), type_name);
    failure.cause = error.source().map(|source| {
        Box::new(
            carried(source)
                .cloned()
                .unwrap_or_else(|| failure_of(source, "Error")),
        )
    });
    if let Some(below) = chain(error).find_map(carried) {
        keep_what_decides(&mut failure, below);
    } else if let Some(too_large) = chain(error).find_map(too_large) {
        keep_what_decides(&mut failure, &too_large.to_failure());
    }
    failure
}

/// Gives a failure that adds context what decides of the first application failure below it (F4).
///
/// Behind an activity or a child workflow, whether and when to try again was about that, and so was whether its work
/// was done: its type and details stay, and the error that adds context is tried again as the error without context
/// would be.
fn keep_what_decides(context: &mut Failure, below: &Failure) {
    let first = below
        .chain()
        .find(|failure| matches!(failure.kind, FailureKind::Application { .. }));
    let Some(first) = first else { return };
    context.kind.clone_from(&first.kind);
    if !std::ptr::eq(first, below)
        && let FailureKind::Application {
            non_retryable,
            next_retry_delay,
            details,
            ..
        } = &mut context.kind
    {
        *non_retryable = false;
        *next_retry_delay = None;
        details.retain(|detail| !Mark::is_one(detail));
    }
}

/// A type's name without the modules it is in, but with the last one for the many types that are
/// just called `Error`.
pub(crate) fn short_type_name<T: ?Sized>() -> Cow<'static, str> {
    let full = type_name::<T>();
    let plain = full.split('<').next().unwrap_or(full);
    let mut parts = plain.rsplit("::");
    match (parts.next(), parts.next()) {
        (Some("Error"), Some(module)) => Cow::Owned(format!("{module}::Error")),
        (Some(last), _) => Cow::Borrowed(last),
        (None, _) => Cow::Borrowed(full),
    }
}
