//! Timers.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_core::{activation::Resolution, payload::UserMetadata};

use super::{CANCELLED_BY_CODE, RawOperation};
use crate::{convert::user_metadata, error::Cancelled};

/// A timer that runs. Resolves when it fires, or to [`Cancelled`] at once when it is cancelled;
/// then it never fires.
#[derive(Debug)]
#[must_use = "dropping a timer cancels it"]
pub struct TimerFuture(RawOperation);

impl TimerFuture {
    pub(crate) fn new(operation: RawOperation) -> Self {
        Self(operation)
    }

    /// Cancels the timer. Does nothing when it has fired or was cancelled before.
    pub fn cancel(&self) {
        self.0.cancel(CANCELLED_BY_CODE);
    }

    /// Whether an internal wait was fulfilled and nobody has taken note.
    pub(crate) fn is_granted(&self) -> bool {
        self.0.is_completed()
    }

    /// Lets the timer run without anybody waiting for it.
    pub fn detach(self) {
        self.0.detach();
    }
}

impl Future for TimerFuture {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map(plain_outcome)
    }
}

/// How long a timer runs, and what for. A [`Duration`] is one without words.
///
/// ```
/// # use std::time::Duration;
/// # use steadfast::prelude::*;
/// # #[workflow]
/// # #[derive(Default)]
/// # struct Tea;
/// # #[workflow_methods]
/// # impl Tea {
/// # #[run]
/// # async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
/// let five_minutes = Duration::from_secs(300);
/// ctx.timer(TimerOptions::new(five_minutes).summary("the tea draws")).await?;
/// # Ok(())
/// # }
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TimerOptions {
    pub(crate) duration: Duration,
    summary: Option<String>,
}

impl TimerOptions {
    /// A timer that runs so long.
    pub fn new(duration: Duration) -> Self {
        Self {
            duration,
            summary: None,
        }
    }

    /// Says in a line what is waited for. Tools show it; a replay does not compare it.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    pub(crate) fn user_metadata(&self) -> Option<Box<UserMetadata>> {
        user_metadata(self.summary.as_deref(), None)
    }
}

impl From<Duration> for TimerOptions {
    fn from(duration: Duration) -> Self {
        Self::new(duration)
    }
}

/// The outcome of an operation that only ends or is cancelled.
pub(crate) fn plain_outcome(resolution: Resolution) -> Result<(), Cancelled> {
    match resolution {
        Resolution::Completed(_) | Resolution::ChildStarted(_) => Ok(()),
        Resolution::Cancelled { reason } => Err(Cancelled::new(reason)),
        Resolution::Failed { reason, .. } => {
            Err(Cancelled::new(reason.unwrap_or_else(|| Arc::from(""))))
        }
    }
}
