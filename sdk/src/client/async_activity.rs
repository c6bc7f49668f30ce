//! Ends, and keeps alive, an activity from outside its worker.

use std::sync::Arc;

use serde::Serialize;
use steadfast_core::{
    payload::Payload,
    task::{ActivityOutcome, TaskToken},
};

use super::ClientError;
use crate::{
    activity::{ActivityEnd, ActivityError, CancelCause},
    convert::{self, ConvertError},
    engine::{ActivityRef, Engine, EngineError},
};

/// Names an activity that [completes asynchronously](ActivityError::complete_async).
#[derive(Clone, Debug)]
pub struct AsyncActivityTarget(Target);

#[derive(Clone, Debug)]
enum Target {
    Token(TaskToken),
    Id(ActivityRef),
}

impl From<TaskToken> for AsyncActivityTarget {
    fn from(token: TaskToken) -> Self {
        Self(Target::Token(token))
    }
}

impl From<ActivityRef> for AsyncActivityTarget {
    fn from(activity: ActivityRef) -> Self {
        Self(Target::Id(activity))
    }
}

/// An activity that completes asynchronously: its function has returned
/// [`complete_async`](ActivityError::complete_async), and its outcome is reported with this. Made by
/// [`Client::async_activity`](super::Client::async_activity).
///
/// The activity's time limits count on, also while no process runs. An attempt that was handed over
/// is never started again by a restart.
#[derive(Clone, Debug)]
pub struct AsyncActivityHandle {
    engine: Arc<dyn Engine>,
    target: Target,
}

impl AsyncActivityHandle {
    pub(super) fn new(engine: Arc<dyn Engine>, target: AsyncActivityTarget) -> Self {
        let AsyncActivityTarget(target) = target;
        Self { engine, target }
    }

    /// Ends the activity with a result.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](ClientError::is_not_found) when the activity has ended, timed out or was
    /// never known; also when the value cannot be encoded or the engine fails.
    pub async fn complete<T: Serialize + ?Sized>(&self, result: &T) -> Result<(), ClientError> {
        let result = Some(convert::to_payload(result)?);
        let limit = self.engine.payload_limit();
        limit
            .check("the activity's result", result.iter())
            .map_err(ConvertError::from)?;
        self.end(ActivityOutcome::Completed { result }).await
    }

    /// Ends the attempt as the error says: failed, and tried again by the retry policy; or, with
    /// [`ActivityError::cancelled`], cancelled.
    ///
    /// # Errors
    ///
    /// As for [`complete`](Self::complete); also when the activity is to end as cancelled and
    /// nobody asked for that, or when the error is another
    /// [`complete_async`](ActivityError::complete_async).
    pub async fn fail(&self, error: impl Into<ActivityError>) -> Result<(), ClientError> {
        let outcome = match error.into().into_end(&self.engine.payload_limit()) {
            ActivityEnd::Failed(failure) | ActivityEnd::Unreadable(failure) => {
                ActivityOutcome::Failed {
                    failure: *failure,
                    last_heartbeat_details: None,
                }
            }
            ActivityEnd::Cancelled(details) => ActivityOutcome::Cancelled { details },
            ActivityEnd::CompleteAsync => {
                return Err(EngineError::invalid(
                    "the activity goes on elsewhere already; end it with a result or an error",
                )
                .into());
            }
        };
        self.end(outcome).await
    }

    /// Says that the activity is alive, with a value that the next attempt can read. Gives the
    /// reason to stop, if there is one; answer it with [`fail`](Self::fail) and
    /// [`ActivityError::cancelled`].
    ///
    /// Every call reaches the engine: nothing is throttled here.
    ///
    /// # Errors
    ///
    /// As for [`complete`](Self::complete).
    pub async fn heartbeat<T: Serialize + ?Sized>(
        &self,
        details: &T,
    ) -> Result<Option<CancelCause>, ClientError> {
        let details: Vec<Payload> = vec![convert::to_payload(details)?];
        let limit = self.engine.payload_limit();
        limit
            .check("the heartbeat's details", details.iter())
            .map_err(ConvertError::from)?;
        let reply = match self.target.clone() {
            Target::Token(token) => self.engine.record_heartbeat(token, details).await?,
            Target::Id(activity) => {
                self.engine
                    .record_activity_heartbeat(activity, details)
                    .await?
            }
        };
        Ok(CancelCause::of_reply(&reply))
    }

    async fn end(&self, outcome: ActivityOutcome) -> Result<(), ClientError> {
        let failure = match &outcome {
            ActivityOutcome::Failed { failure, .. } => Some(failure.clone()),
            ActivityOutcome::Completed { .. } | ActivityOutcome::Cancelled { .. } => None,
        };
        match self.target.clone() {
            Target::Token(token) => self.engine.complete_activity_task(token, outcome).await?,
            Target::Id(activity) => self.engine.complete_activity(activity, outcome).await?,
        }
        if let Some(failure) = failure {
            tracing::warn!(activity = ?self.target, %failure, "an attempt at an activity failed");
        }
        Ok(())
    }
}
