//! Activities and local activities, as workflow code sees them.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_core::{
    activation::Resolution,
    failure::Failure,
    ids::{ActivityId, InvalidId, TaskQueue},
    options::{ActivityCancellationType, ActivityTimeouts},
    payload::Payload,
    retry::RetryPolicy,
    run::ActivityRequest,
};

use super::{CANCELLED_BY_CODE, RawOperation};
use crate::{
    convert::{ConvertError, user_metadata},
    definition::ActivityDefinition,
    error::ActivityExecutionError,
};

/// An activity that was scheduled. Resolves to its result.
///
/// When its scope is cancelled, or [`cancel`](Self::cancel) is called, what happens depends on its
/// [`ActivityCancellationType`]: with `TryCancel` it resolves to cancelled at once, while the
/// activity may still run; with `WaitCancellationCompleted` it resolves to whatever the activity
/// ends with; with `Abandon` it resolves at once and the activity is never told.
#[must_use = "dropping an activity cancels it; `.detach()` lets it run"]
pub struct ActivityFuture<T> {
    state: State,
    decode: fn(Option<&Payload>) -> Result<T, ConvertError>,
}

enum State {
    Started(RawOperation),
    /// The arguments could not be recorded, so nothing was scheduled.
    Refused(Option<ActivityExecutionError>),
}

impl<T> fmt::Debug for ActivityFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Started(operation) => write!(f, "ActivityFuture({operation:?})"),
            State::Refused(_) => f.write_str("ActivityFuture(refused)"),
        }
    }
}

impl<T> ActivityFuture<T> {
    pub(crate) fn started(
        operation: RawOperation,
        decode: fn(Option<&Payload>) -> Result<T, ConvertError>,
    ) -> Self {
        Self {
            state: State::Started(operation),
            decode,
        }
    }

    pub(crate) fn refused(
        error: &ConvertError,
        decode: fn(Option<&Payload>) -> Result<T, ConvertError>,
    ) -> Self {
        Self {
            state: State::Refused(Some(convert_error(error))),
            decode,
        }
    }

    pub(crate) fn misnamed(
        error: &InvalidId,
        decode: fn(Option<&Payload>) -> Result<T, ConvertError>,
    ) -> Self {
        let failure = Failure::application(error.to_string(), "InvalidId");
        Self {
            state: State::Refused(Some(ActivityExecutionError::new(failure, None))),
            decode,
        }
    }

    /// Cancels the activity by its type. Does nothing when it has ended or was cancelled before.
    pub fn cancel(&self) {
        self.cancel_with_reason(CANCELLED_BY_CODE);
    }

    /// Cancels the activity by its type, with a reason for whoever sees the error.
    pub fn cancel_with_reason(&self, reason: &str) {
        if let State::Started(operation) = &self.state {
            operation.cancel(reason);
        }
    }

    /// Lets the activity run without anybody waiting for it.
    pub fn detach(self) {
        if let State::Started(operation) = self.state {
            operation.detach();
        }
    }
}

impl<T> Future for ActivityFuture<T> {
    type Output = Result<T, ActivityExecutionError>;

    /// # Panics
    ///
    /// When it is polled after its end.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let decode = self.decode;
        match &mut self.state {
            State::Refused(error) => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
            State::Started(operation) => {
                operation.poll(context).map(|resolution| match resolution {
                    Resolution::Completed(result) => decode(result.as_ref())
                        .map_err(|error| ActivityExecutionError::unread(&error)),
                    Resolution::Failed {
                        failure,
                        reason,
                        attempt,
                    } => Err(ActivityExecutionError::new(*failure, reason).in_attempt(attempt)),
                    Resolution::Cancelled { reason } => Err(ActivityExecutionError::new(
                        Failure::cancelled("activity cancelled"),
                        Some(reason),
                    )),
                    Resolution::ChildStarted(_) => Err(ActivityExecutionError::new(
                        Failure::application("an activity is not a child workflow", "Internal"),
                        None,
                    )),
                })
            }
        }
    }
}

fn convert_error(error: &ConvertError) -> ActivityExecutionError {
    let failure = crate::error::failure_of(error, "ConvertError");
    ActivityExecutionError::new(failure, None)
}

/// How an activity is to be run. At least one time limit bounds every activity, so options start
/// with one.
///
/// A limit of zero is none, and none is longer than 100 years, as on a Temporal Service. What has no limit then, or a retry
/// policy that makes no sense, fails the workflow task with a text that says what to write.
#[derive(Clone, Debug)]
pub struct ActivityOptions {
    pub(crate) timeouts: ActivityTimeouts,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) task_queue: Option<TaskQueue>,
    pub(crate) activity_id: Option<ActivityId>,
    pub(crate) cancellation_type: ActivityCancellationType,
    pub(crate) summary: Option<String>,
}

/// Builds [`ActivityOptions`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ActivityOptionsBuilder(ActivityOptions);

/// How a local activity is to be run: in the worker's own process, without a task queue.
#[derive(Clone, Debug)]
pub struct LocalActivityOptions(pub(crate) ActivityOptions);

/// Builds [`LocalActivityOptions`].
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalActivityOptionsBuilder(ActivityOptions);

impl ActivityOptions {
    fn with_timeouts(timeouts: ActivityTimeouts) -> Self {
        Self {
            timeouts,
            retry_policy: None,
            task_queue: None,
            activity_id: None,
            cancellation_type: ActivityCancellationType::default(),
            summary: None,
        }
    }

    /// Options with a limit on each attempt and defaults for the rest.
    #[must_use]
    pub fn start_to_close_timeout(timeout: Duration) -> Self {
        Self::with_timeouts(ActivityTimeouts {
            start_to_close_timeout: Some(timeout),
            ..ActivityTimeouts::default()
        })
    }

    /// Options with a limit on all attempts together and defaults for the rest.
    #[must_use]
    pub fn schedule_to_close_timeout(timeout: Duration) -> Self {
        Self::with_timeouts(ActivityTimeouts {
            schedule_to_close_timeout: Some(timeout),
            ..ActivityTimeouts::default()
        })
    }

    /// Starts options with a limit on each attempt.
    pub fn with_start_to_close_timeout(timeout: Duration) -> ActivityOptionsBuilder {
        ActivityOptionsBuilder(Self::start_to_close_timeout(timeout))
    }

    /// Starts options with a limit on all attempts together.
    pub fn with_schedule_to_close_timeout(timeout: Duration) -> ActivityOptionsBuilder {
        ActivityOptionsBuilder(Self::schedule_to_close_timeout(timeout))
    }

    pub(crate) fn request(
        self,
        activity_type: steadfast_core::ids::ActivityType,
        input: Vec<Payload>,
    ) -> ActivityRequest {
        ActivityRequest {
            activity_id: self.activity_id,
            activity_type,
            task_queue: self.task_queue,
            input,
            header: std::collections::BTreeMap::new(),
            timeouts: self.timeouts,
            retry_policy: self.retry_policy,
            cancellation_type: self.cancellation_type,
            user_metadata: user_metadata(self.summary.as_deref(), None),
        }
    }
}

impl From<ActivityOptionsBuilder> for ActivityOptions {
    fn from(builder: ActivityOptionsBuilder) -> Self {
        builder.build()
    }
}

impl ActivityOptionsBuilder {
    /// Limits each attempt.
    pub fn start_to_close_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.start_to_close_timeout = Some(timeout);
        self
    }

    /// Limits all attempts together.
    pub fn schedule_to_close_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.schedule_to_close_timeout = Some(timeout);
        self
    }

    /// Limits the wait for a worker. An attempt that nobody picks up in time is not tried again.
    pub fn schedule_to_start_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.schedule_to_start_timeout = Some(timeout);
        self
    }

    /// Limits the silence between two heartbeats. An activity can only hear of its cancellation on
    /// a Temporal Service if it heartbeats.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.heartbeat_timeout = Some(timeout);
        self
    }

    /// Says when the activity is tried again; by default after one second, then twice as long each
    /// time up to 100 seconds, without end.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retry_policy = Some(policy);
        self
    }

    /// Chooses where a worker picks the activity up; by default the workflow's own queue.
    pub fn task_queue(mut self, queue: TaskQueue) -> Self {
        self.0.task_queue = Some(queue);
        self
    }

    /// Chooses the activity's id, which must be unique among the run's open activities.
    pub fn activity_id(mut self, id: ActivityId) -> Self {
        self.0.activity_id = Some(id);
        self
    }

    /// Chooses what cancelling the activity does.
    pub fn cancellation_type(mut self, cancellation_type: ActivityCancellationType) -> Self {
        self.0.cancellation_type = cancellation_type;
        self
    }

    /// Says in a line what this activity is for. Tools show it; a replay does not compare it.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.0.summary = Some(summary.into());
        self
    }

    /// The options.
    #[must_use]
    pub fn build(self) -> ActivityOptions {
        self.0
    }
}

impl LocalActivityOptions {
    /// Options with a limit on each attempt and defaults for the rest.
    #[must_use]
    pub fn start_to_close_timeout(timeout: Duration) -> Self {
        Self(ActivityOptions::start_to_close_timeout(timeout))
    }

    /// Starts options with a limit on each attempt.
    pub fn with_start_to_close_timeout(timeout: Duration) -> LocalActivityOptionsBuilder {
        LocalActivityOptionsBuilder(ActivityOptions::start_to_close_timeout(timeout))
    }

    /// Starts options with a limit on all attempts together.
    pub fn with_schedule_to_close_timeout(timeout: Duration) -> LocalActivityOptionsBuilder {
        LocalActivityOptionsBuilder(ActivityOptions::schedule_to_close_timeout(timeout))
    }
}

impl From<LocalActivityOptionsBuilder> for LocalActivityOptions {
    fn from(builder: LocalActivityOptionsBuilder) -> Self {
        builder.build()
    }
}

impl LocalActivityOptionsBuilder {
    /// Limits all attempts together.
    pub fn schedule_to_close_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.schedule_to_close_timeout = Some(timeout);
        self
    }

    /// Says when the activity is tried again.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retry_policy = Some(policy);
        self
    }

    /// Chooses what cancelling the activity does.
    pub fn cancellation_type(mut self, cancellation_type: ActivityCancellationType) -> Self {
        self.0.cancellation_type = cancellation_type;
        self
    }

    /// Says in a line what this activity is for. Tools show it; a replay does not compare it.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.0.summary = Some(summary.into());
        self
    }

    /// The options.
    #[must_use]
    pub fn build(self) -> LocalActivityOptions {
        LocalActivityOptions(self.0)
    }
}

/// The type that a definition is registered under.
pub(crate) fn activity_type<A: ActivityDefinition>() -> steadfast_core::ids::ActivityType {
    steadfast_core::ids::ActivityType::new(A::ACTIVITY_TYPE)
        .expect("the macro refuses empty and overlong names")
}
