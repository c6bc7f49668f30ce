//! Why a client did not get what it asked for.

use std::{fmt, sync::Arc};

use steadfast_core::{failure::Failure, ids::InvalidId, text::Escaped};
use thiserror::Error;

use crate::{
    convert::ConvertError,
    engine::EngineError,
    error::{self, ActivityFailure},
};

/// Why a client did not get what it asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A value could not be encoded or decoded.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// An id or a name is not valid.
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// The execution ended without a result.
    #[error(transparent)]
    Workflow(#[from] WorkflowExecutionError),
    /// The workflow's code refused a query or an update, or failed at it.
    #[error("{0}")]
    Refused(Box<Failure>),
    /// The URL is not one of an engine.
    #[error("`{}` is not the URL of an engine: {}", Escaped(url), Escaped(message))]
    Url {
        /// The URL.
        url: String,
        /// What is wrong, and what to write.
        message: String,
    },
}

impl ClientError {
    /// Whether the execution ended as cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Workflow(WorkflowExecutionError::Cancelled { .. })
        )
    }

    /// The error of the workflow's or an activity's code behind this one, if it is a kind of `E`.
    #[must_use]
    pub fn downcast<E: ActivityFailure>(&self) -> Option<E> {
        match self {
            Self::Workflow(error) => error.downcast(),
            Self::Refused(failure) => error::downcast(failure),
            _ => None,
        }
    }

    /// Whether something that was asked for does not exist or is closed.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Engine(EngineError::NotFound { .. }))
    }
}

/// How an execution ended without a result.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum WorkflowExecutionError {
    /// Its run function returned an error.
    #[error("the workflow failed: {}", .0)]
    Failed(Arc<Failure>),
    /// It was cancelled.
    #[error("the workflow was cancelled{}", Because(reason))]
    Cancelled {
        /// Why.
        reason: String,
    },
    /// It was terminated.
    #[error("the workflow was terminated{}", Because(reason))]
    Terminated {
        /// Why.
        reason: String,
    },
    /// Its time limit passed.
    #[error("the workflow timed out")]
    TimedOut,
}

impl WorkflowExecutionError {
    /// The error of the workflow's or an activity's code behind this one, if it is a kind of `E`.
    #[must_use]
    pub fn downcast<E: ActivityFailure>(&self) -> Option<E> {
        match self {
            Self::Failed(failure) => error::downcast(failure),
            Self::Cancelled { .. } | Self::Terminated { .. } | Self::TimedOut => None,
        }
    }
}

struct Because<'a>(&'a str);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", Escaped(self.0))
        }
    }
}
