//! What the run tells workflow code: jobs to do and operations that are resolved.

use std::sync::Arc;

use crate::{
    event::WorkflowExecutionStarted,
    failure::Failure,
    ids::{Identity, RunId, SignalName, UpdateId, UpdateName},
    payload::{Payload, PayloadMap},
};

/// Names an operation of a run. Ids grow in creation order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OperationId(pub u64);

/// One thing for workflow code to do. Jobs come one at a time, and the next one comes only after the
/// code has nothing left to do. The messages of a workflow task come first, together (M1); of the
/// rest, what came first in history wins (D6).
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the executor decides every job by name"
)]
pub enum Job {
    /// Create the workflow's state; handlers may be called from now on.
    InitializeWorkflow(Box<WorkflowExecutionStarted>),
    /// Give the messages of the workflow task to their handlers, in this order, before any other code
    /// is polled. In the first workflow task they precede the start of the run function.
    Messages(Vec<Message>),
    /// Start the run function.
    StartWorkflow,
    /// The cancellation of the execution was requested, and the root scope has been told.
    CancelWorkflow,
    /// Operations are resolved; [`Run::poll_resolution`](crate::run::Run::poll_resolution) has them.
    ResolveOperations,
    /// Random numbers start anew, because the run was reset here.
    Reseed,
}

/// What somebody outside has to say to a workflow.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the executor decides every message by name"
)]
pub enum Message {
    /// For a signal handler.
    Signal(SignalJob),
    /// For an update handler.
    Update(UpdateJob),
}

/// A signal for workflow code.
#[derive(Clone, Debug)]
pub struct SignalJob {
    /// Its name.
    pub name: SignalName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Context that travelled with the call.
    pub header: PayloadMap,
    /// Who signalled.
    pub identity: Option<Identity>,
}

/// An update for workflow code.
#[derive(Clone, Debug)]
pub struct UpdateJob {
    /// Its id.
    pub update_id: UpdateId,
    /// Its name.
    pub name: UpdateName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Whether the validator runs; it does not for an update that history says was accepted.
    pub validate: bool,
}

/// How an operation ended, or how far it came.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the executor decides every resolution by name"
)]
pub enum Resolution {
    /// It completed.
    Completed(Option<Payload>),
    /// It ended without a result.
    Failed {
        /// How.
        failure: Box<Failure>,
        /// Why, if this is a cancellation that the run itself asked for.
        reason: Option<Arc<str>>,
        /// The number of an activity's last attempt, from 1; 0 when none started or none is known.
        attempt: u32,
    },
    /// It was cancelled before it could leave a trace, or it is of a kind that just stops.
    Cancelled {
        /// Why.
        reason: Arc<str>,
    },
    /// The child workflow has started; its end follows.
    ChildStarted(RunId),
}

impl Resolution {
    /// Why it was cancelled, if the run itself asked for that.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<&Arc<str>> {
        match self {
            Self::Cancelled { reason } => Some(reason),
            Self::Failed { reason, .. } => reason.as_ref(),
            Self::Completed(_) | Self::ChildStarted(_) => None,
        }
    }
}
