//! Writing activities: the context that an activity gets and the errors that it returns.

mod heartbeat;
mod registrar;

use std::{error::Error, fmt, sync::Arc, time::SystemTime};

use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::{
    failure::Failure,
    ids::{ActivityId, ActivityType, Namespace, TaskQueue, WorkflowExecution, WorkflowType},
    limit::PayloadLimit,
    mark::Mark,
    options::ActivityTimeouts,
    payload::{Payload, PayloadMap},
    task::{ActivityTask, HeartbeatReply, LocalActivityTask, TaskToken},
    text::panic_message,
    time::Timestamp,
};
use tokio::sync::watch;

pub use self::{heartbeat::Heartbeat, registrar::ActivityRegistrar};
pub(crate) use self::{
    heartbeat::Heartbeater,
    registrar::{ActivityFn, activity_fn, dynamic_activity_fn},
};
use crate::{
    convert::{self, ConvertError},
    error::{failure_of, short_type_name},
    system_time::to_system_time,
};

/// Why a running activity is asked to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CancelCause {
    /// The workflow asked for it.
    Cancelled,
    /// A time limit of this attempt passed; its outcome will be refused.
    TimedOut,
    /// The workflow has closed, or the activity is no longer known; its outcome will be refused.
    NotFound,
    /// The worker is shutting down; another attempt follows elsewhere.
    WorkerShutdown,
    /// The activity was paused.
    Paused,
    /// The activity was reset.
    Reset,
}

impl CancelCause {
    /// What the answer to a heartbeat asks for.
    pub(crate) fn of_reply(reply: &HeartbeatReply) -> Option<Self> {
        if reply.cancel_requested {
            Some(Self::Cancelled)
        } else if reply.reset {
            Some(Self::Reset)
        } else if reply.paused {
            Some(Self::Paused)
        } else {
            None
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled by the workflow",
            Self::TimedOut => "timed out",
            Self::NotFound => "no longer wanted: its workflow has closed",
            Self::WorkerShutdown => "the worker is shutting down",
            Self::Paused => "paused",
            Self::Reset => "reset",
        })
    }
}

/// What an activity can know about itself.
#[derive(Clone, Debug)]
pub struct ActivityInfo {
    /// The namespace of its workflow.
    pub namespace: Namespace,
    /// The run that scheduled it.
    pub execution: WorkflowExecution,
    /// The type of that run.
    pub workflow_type: WorkflowType,
    /// Its id.
    pub activity_id: ActivityId,
    /// Its type.
    pub activity_type: ActivityType,
    /// Where it was scheduled.
    pub task_queue: TaskQueue,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// When it was scheduled.
    pub scheduled_time: SystemTime,
    /// When this attempt started.
    pub started_time: SystemTime,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// Context that travelled with the call.
    pub header: PayloadMap,
    /// Whether it runs in the worker's own process, without a task queue.
    pub is_local: bool,
    /// Names this attempt for [`Client::async_activity`](crate::Client::async_activity), in any
    /// process; opaque bytes that can be kept. `None` for a local activity.
    pub task_token: Option<TaskToken>,
}

/// What an activity gets: who it is, how to say that it is alive, how to hear that it should stop.
///
/// Cheap to clone, and can be handed to other tasks.
#[derive(Clone)]
pub struct ActivityContext(Arc<Inner>);

struct Inner {
    info: ActivityInfo,
    heartbeat_details: Vec<Payload>,
    cause: watch::Sender<Option<CancelCause>>,
    heartbeater: Option<Heartbeater>,
}

impl fmt::Debug for ActivityContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityContext")
            .field("activity_type", &self.0.info.activity_type)
            .field("activity_id", &self.0.info.activity_id)
            .field("attempt", &self.0.info.attempt)
            .finish()
    }
}

impl ActivityContext {
    pub(crate) fn new(
        task: ActivityTask,
        cause: watch::Sender<Option<CancelCause>>,
        heartbeater: Heartbeater,
    ) -> Self {
        let info = ActivityInfo {
            namespace: task.namespace,
            execution: task.execution,
            workflow_type: task.workflow_type,
            activity_id: task.activity_id,
            activity_type: task.activity_type,
            task_queue: task.task_queue,
            attempt: task.attempt,
            scheduled_time: to_system_time(task.scheduled_time),
            started_time: to_system_time(task.started_time),
            timeouts: task.timeouts,
            header: task.header,
            is_local: false,
            task_token: Some(task.token),
        };
        Self(Arc::new(Inner {
            info,
            heartbeat_details: task.heartbeat_details,
            cause,
            heartbeater: Some(heartbeater),
        }))
    }

    pub(crate) fn local(
        task: &LocalActivityTask,
        workflow: LocalWorkflow,
        started_time: Timestamp,
        cause: watch::Sender<Option<CancelCause>>,
    ) -> Self {
        let info = ActivityInfo {
            namespace: workflow.namespace,
            execution: workflow.execution,
            workflow_type: workflow.workflow_type,
            activity_id: task.activity_id.clone(),
            activity_type: task.activity_type.clone(),
            task_queue: workflow.task_queue,
            attempt: task.attempt,
            scheduled_time: to_system_time(task.scheduled_time),
            started_time: to_system_time(started_time),
            timeouts: task.timeouts.clone(),
            header: task.header.clone(),
            is_local: true,
            task_token: None,
        };
        let inner = Inner {
            info,
            heartbeat_details: Vec::new(),
            cause,
            heartbeater: None,
        };
        Self(Arc::new(inner))
    }

    /// What the activity can know about itself.
    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.0.info
    }

    /// Whether the activity is asked to stop. It hears of that at its next heartbeat at the latest
    /// (A1).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel_cause().is_some()
    }

    /// Why the activity is asked to stop, if it is.
    #[must_use]
    pub fn cancel_cause(&self) -> Option<CancelCause> {
        *self.0.cause.borrow()
    }

    /// Waits until the activity is asked to stop.
    pub async fn cancelled(&self) -> CancelCause {
        let mut causes = self.0.cause.subscribe();
        // The sender lives in this context, so the wait cannot fail.
        match causes.wait_for(Option::is_some).await.map(|cause| *cause) {
            Ok(Some(cause)) => cause,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Says that the activity is alive, with payloads that the next attempt gets (A3).
    ///
    /// Returns at once; at most one heartbeat per 0.8 of the heartbeat timeout is sent. After a
    /// cancellation it is still delivered, a warning is logged, and the result says so (A2). Payloads that are
    /// too large for the engine are not: the heartbeat says only that the activity is alive, and the result
    /// says so too (F8).
    pub fn record_heartbeat(&self, details: Vec<Payload>) -> Heartbeat {
        let cause = self.cancel_cause();
        let mut too_large = None;
        if let Some(heartbeater) = &self.0.heartbeater {
            if let Some(cause) = cause {
                tracing::warn!(
                    activity_id = ?self.0.info.activity_id,
                    %cause,
                    "a heartbeat of an activity that is asked to stop; it is delivered all the same"
                );
            }
            too_large = heartbeater.beat_with(details).err();
        }
        if let Some(too_large) = &too_large {
            tracing::warn!(
                activity_id = ?self.0.info.activity_id,
                %too_large,
                "a heartbeat says only that the activity is alive"
            );
        }
        Heartbeat::new(cause, too_large)
    }

    /// Says that the activity is alive, with a value that the next attempt gets.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized, or is too large. Then it says only that the activity is alive, and the
    /// next attempt gets what was said before.
    pub fn heartbeat<T: Serialize>(&self, details: &T) -> Result<Heartbeat, ConvertError> {
        self.record_heartbeat(vec![convert::to_payload(details)?])
            .taken()
    }

    /// What the last heartbeat of the previous attempt said; `None` at first.
    ///
    /// # Errors
    ///
    /// When the value is of another type.
    pub fn heartbeat_details<T: DeserializeOwned>(&self) -> Result<Option<T>, ConvertError> {
        self.0
            .heartbeat_details
            .first()
            .map(|payload| convert::from_payload(Some(payload)))
            .transpose()
    }

    /// Heartbeats again with the last details, without a word about a cancellation (A5).
    pub(crate) fn record_heartbeat_quietly(&self) {
        if let Some(heartbeater) = &self.0.heartbeater {
            heartbeater.beat_again();
        }
    }

    pub(crate) fn heartbeater(&self) -> Option<&Heartbeater> {
        self.0.heartbeater.as_ref()
    }
}

/// The workflow that a local activity belongs to.
#[derive(Clone)]
pub(crate) struct LocalWorkflow {
    pub(crate) namespace: Namespace,
    pub(crate) execution: WorkflowExecution,
    pub(crate) workflow_type: WorkflowType,
    pub(crate) task_queue: TaskQueue,
}

/// How an activity ends when not with a value.
///
/// Everything that `?` finds becomes one: `anyhow` and `std` errors and texts are failures that are
/// tried again by the retry policy, under the name of their type. An
/// [`ApplicationFailure`](crate::error::ApplicationFailure) below them decides instead: its type, its details, whether
/// and when to try again. It does not implement [`Error`] itself, which is what makes that possible.
pub struct ActivityError(ActivityEnd);

impl ActivityError {
    /// The activity stopped because it was asked to. Only this makes it appear cancelled (A4).
    #[must_use]
    pub fn cancelled() -> Self {
        Self(ActivityEnd::Cancelled(Vec::new()))
    }

    /// The activity stopped because it was asked to, with a value for whoever asked.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn cancelled_with<T: Serialize>(details: &T) -> Result<Self, ConvertError> {
        Ok(Self(ActivityEnd::Cancelled(vec![convert::to_payload(
            details,
        )?])))
    }

    /// The activity has failed and trying again is useless.
    #[must_use]
    pub fn non_retryable<E: Into<Box<dyn Error + Send + Sync>>>(error: E) -> Self {
        let error = error.into();
        let mut failure = failure_of(error.as_ref(), &short_type_name::<E>());
        if let steadfast_core::failure::FailureKind::Application { non_retryable, .. } =
            &mut failure.kind
        {
            *non_retryable = true;
        }
        Self(ActivityEnd::Failed(Box::new(failure)))
    }

    /// The activity goes on elsewhere, and its outcome is reported through
    /// [`Client::async_activity`](crate::Client::async_activity), by its
    /// [task token](ActivityInfo::task_token) or its id, from any process that reaches the engine.
    ///
    /// Until this is returned the attempt is the worker's, and is started again if the worker dies;
    /// afterwards only its outcome and its time limits end it. So whoever is given the token may be
    /// given it twice.
    ///
    /// ```
    /// # use steadfast::prelude::*;
    /// struct Approvals;
    ///
    /// #[activities]
    /// impl Approvals {
    ///     /// Asks a person, and does not wait for the answer.
    ///     #[activity]
    ///     async fn approve(ctx: ActivityContext, order: String) -> Result<bool, ActivityError> {
    ///         let token = ctx.info().task_token.clone();
    ///         // .. send `order` and `token` to whoever decides ..
    ///         Err(ActivityError::complete_async())
    ///     }
    /// }
    ///
    /// /// Called when the person has decided.
    /// async fn decided(
    ///     client: &Client,
    ///     token: steadfast::core::task::TaskToken,
    ///     yes: bool,
    /// ) -> Result<(), steadfast::client::ClientError> {
    ///     client.async_activity(token).complete(&yes).await
    /// }
    /// ```
    #[must_use]
    pub fn complete_async() -> Self {
        Self(ActivityEnd::CompleteAsync)
    }

    /// Whether the activity stopped because it was asked to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, ActivityEnd::Cancelled(_))
    }

    /// The arguments could not be read, and the function was not called. A worker with other code may read them.
    pub(crate) fn unreadable(error: &ConvertError) -> Self {
        let failure = failure_of(error, &short_type_name::<ConvertError>());
        Self(ActivityEnd::Unreadable(Box::new(failure)))
    }

    /// The function has returned, and what it returned cannot be written; another attempt would do its work again.
    pub(crate) fn unwritable(error: ConvertError) -> Self {
        let Self(end) = Self::non_retryable(error);
        Self(match end {
            ActivityEnd::Failed(failure) => {
                ActivityEnd::Failed(Box::new(failure.marked(Mark::MayHaveHappened)))
            }
            end => end,
        })
    }

    /// What the engine is told, made to fit (F8).
    pub(crate) fn into_end(self, limit: &PayloadLimit) -> ActivityEnd {
        let fit = |failure| Box::new(limit.fit("the activity's failure", failure));
        match self.0 {
            ActivityEnd::Failed(failure) => ActivityEnd::Failed(fit(*failure)),
            ActivityEnd::Unreadable(failure) => ActivityEnd::Unreadable(fit(*failure)),
            // It has stopped all the same; whoever asked is told why there is nothing to read.
            ActivityEnd::Cancelled(details) => ActivityEnd::Cancelled(
                match limit.check("the details of the cancellation", details.iter()) {
                    Ok(()) => details,
                    Err(too_large) => convert::to_payload(&too_large.to_string())
                        .into_iter()
                        .collect(),
                },
            ),
            ActivityEnd::CompleteAsync => ActivityEnd::CompleteAsync,
        }
    }
}

/// How an activity's function ended, when not with a value.
pub(crate) enum ActivityEnd {
    Failed(Box<Failure>),
    /// It was not called, because its arguments could not be read.
    Unreadable(Box<Failure>),
    Cancelled(Vec<Payload>),
    CompleteAsync,
}

impl ActivityEnd {
    /// What a call of the function comes to. A panic is a failure, and so is a result that the engine does
    /// not take (F8); neither says that nothing was done.
    pub(crate) fn of_call(
        result: std::thread::Result<Result<Payload, ActivityError>>,
        limit: &PayloadLimit,
    ) -> Result<Payload, Self> {
        let error = match result {
            Ok(Ok(result)) => match limit.take("the activity's result", result) {
                Ok(result) => return Ok(result),
                Err(too_large) => too_large.to_failure(),
            },
            Ok(Err(error)) => return Err(error.into_end(limit)),
            Err(panic) => {
                let text = format!("the activity panicked: {}", panic_message(&*panic));
                Failure::application(text, "Panic")
            }
        };
        let error = error.marked(Mark::MayHaveHappened);
        Err(ActivityError(Self::Failed(Box::new(error))).into_end(limit))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ActivityError {
    fn from(error: E) -> Self {
        let error = error.into();
        let failure = failure_of(error.as_ref(), &short_type_name::<E>());
        Self(ActivityEnd::Failed(Box::new(failure)))
    }
}

impl fmt::Display for ActivityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ActivityEnd::Failed(failure) | ActivityEnd::Unreadable(failure) => {
                fmt::Display::fmt(failure, f)
            }
            ActivityEnd::Cancelled(_) => f.write_str("cancelled"),
            ActivityEnd::CompleteAsync => f.write_str("completes asynchronously"),
        }
    }
}

impl fmt::Debug for ActivityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActivityError({self})")
    }
}
