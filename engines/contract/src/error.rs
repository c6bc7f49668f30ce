//! Why an engine could not do what it was asked: the infrastructure plane of error.

use thiserror::Error;

use steadfast_core::{
    event::WorkflowTaskFailedCause,
    ids::{RunId, ScheduleId},
    text::Escaped,
};

/// An engine's refusal or failure. It never becomes part of a history.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no such execution, task or activity, or it is no longer open.
    #[error("{}", Escaped(message))]
    NotFound {
        /// What was not found, in the words of a Temporal Service.
        message: String,
    },
    /// An execution with the same workflow id exists and the request's policies forbid another.
    #[error("workflow execution already started: workflow id is in use by run `{run_id}`")]
    AlreadyStarted {
        /// The run that exists.
        run_id: RunId,
    },
    /// The request is not valid.
    #[error("{}", Escaped(message))]
    InvalidArgument {
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// A schedule with the same id exists.
    #[error("schedule \"{}\" is already registered", Escaped(schedule_id.as_str()))]
    ScheduleExists {
        /// The id.
        schedule_id: ScheduleId,
    },
    /// The schedule was changed since it was described, so that an update of what was described would undo that.
    /// Describing it again and updating that helps.
    #[error("mismatched conflict token")]
    ScheduleChanged,
    /// The commands of a workflow task were refused; the task has been recorded as failed.
    #[error("workflow task refused: {}", Escaped(message))]
    WorkflowTaskRefused {
        /// The recorded cause.
        cause: WorkflowTaskFailedCause,
        /// What is wrong with the commands.
        message: String,
    },
    /// A query or an update was refused or failed in the workflow.
    #[error("{0}")]
    Failed(Box<steadfast_core::failure::Failure>),
    /// A limit of the engine was reached.
    #[error("{}", Escaped(message))]
    ResourceExhausted {
        /// Which limit, and what to do.
        message: String,
    },
    /// The store could not be read or written. What was acknowledged before is safe.
    #[error("{}", Escaped(message))]
    Storage {
        /// What happened, and what to do.
        message: String,
    },
    /// The engine cannot be reached. Trying again may help.
    #[error("{}", Escaped(message))]
    Unavailable {
        /// What happened, and what to do.
        message: String,
    },
    /// The engine has stopped, and will not answer again: it was shut down, or something happened after
    /// which it must not write. What it acknowledged is safe. A worker ends with this error.
    #[error("{}", Escaped(message))]
    Stopped {
        /// What happened, and what to do.
        message: String,
    },
    /// The engine does not offer this.
    #[error("{}", Escaped(message))]
    Unsupported {
        /// What is not offered, and what to do instead.
        message: String,
    },
    /// Nobody answered a query or took an update in the time that the caller allowed: mostly because no
    /// worker polls the task queue, or it is paused.
    #[error("{}", Escaped(message))]
    Unanswered {
        /// Why, as far as can be seen, and what to do.
        message: String,
    },
    /// The time that the caller allowed is over.
    #[error("the deadline of the request passed")]
    DeadlineExceeded,
}

impl EngineError {
    /// The text with which every engine refuses a request for a closed execution.
    pub const ALREADY_COMPLETED: &'static str = "workflow execution already completed";
    /// The text with which every engine gives up an update that no worker had accepted when its run closed.
    pub const UPDATE_ABORTED: &'static str = "workflow update was aborted by closing workflow";
    /// The text with which every engine refuses an answer to a task that is no longer its turn.
    pub const TASK_NOT_FOUND: &'static str = "Workflow task not found.";

    /// A `NotFound` with a text.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound {
            message: message.into(),
        }
    }

    /// An `InvalidArgument` with a text.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidArgument {
            message: message.into(),
        }
    }
}
