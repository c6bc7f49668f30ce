//! Runs today's code against saved histories.

use steadfast_core::{history::History, ids::WorkflowType, limit::PayloadLimit, run::Run};
use thiserror::Error;

use crate::{
    definition::WorkflowImplementation,
    history_json::{self, HistoryJsonError},
    worker::Registry,
    workflow::instance::InstanceError,
};

/// Why a history does not replay.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The workflow's type is not registered.
    #[error("{message}")]
    NotRegistered {
        /// Which type, and which are.
        message: String,
    },
    /// The history does not start with `WorkflowExecutionStarted`.
    #[error("a history starts with WorkflowExecutionStarted; this one does not")]
    NotAHistory,
    /// The text is not a history.
    #[error(transparent)]
    Json(#[from] HistoryJsonError),
    /// The code does not fit the history, panics, or the history is not valid.
    #[error("{message}")]
    Failed {
        /// What was recorded, what the code asks for now, and what to do.
        message: String,
        /// Whether the code asks for something else than was recorded.
        nondeterminism: bool,
    },
}

/// Runs today's code against saved histories: before a deployment, in a test.
///
/// A history of any Temporal Service will do. Activities are not run; their recorded outcomes are
/// given to the code.
#[derive(Default)]
pub struct Replayer {
    registry: Registry,
    payload_limit: PayloadLimit,
}

impl std::fmt::Debug for Replayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replayer")
    }
}

impl Replayer {
    /// A replayer that knows no workflow yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a workflow.
    #[must_use]
    pub fn register_workflow<W: WorkflowImplementation>(mut self) -> Self {
        self.registry.add_workflow::<W>();
        self
    }

    /// Says how many bytes of payload the engine takes that recorded the histories, if that is not the 2 MiB
    /// (2,097,152 bytes) of most: code that asked for more was told that it is too large.
    #[must_use]
    pub fn max_payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_limit = PayloadLimit::new(bytes);
        self
    }

    /// Replays a history that was saved as JSON: by [`to_json`](crate::history_json::to_json),
    /// `temporal workflow show -o json` or the Web UI.
    ///
    /// # Errors
    ///
    /// When the text is not a history, or the code does not fit it; the text says where and why.
    pub fn replay_json(&self, json: &str) -> Result<(), ReplayError> {
        let history = history_json::from_json(json)?;
        self.replay(&history)
    }

    /// Replays a history.
    ///
    /// # Errors
    ///
    /// When the code does not fit the history; the text says where and why.
    pub fn replay(&self, history: &History) -> Result<(), ReplayError> {
        use steadfast_core::event::EventKind;
        let Some(EventKind::WorkflowExecutionStarted(started)) =
            history.events.first().map(|event| &event.kind)
        else {
            return Err(ReplayError::NotAHistory);
        };
        let workflow_type: &WorkflowType = &started.workflow_type;
        let new = self
            .registry
            .workflow(workflow_type)
            .map_err(|message| ReplayError::NotRegistered { message })?;
        let run = Run::new(history.execution.clone(), workflow_type.clone());
        let mut instance = new(run.with_payload_limit(self.payload_limit.clone()));
        instance
            .handle_task(history.events.clone(), Vec::new())
            .map_err(|error| ReplayError::Failed {
                nondeterminism: matches!(
                    &error,
                    InstanceError::Run(run)
                        if matches!(**run, steadfast_core::error::RunError::Nondeterminism(_))
                ),
                message: error.to_string(),
            })
    }
}
