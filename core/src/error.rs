//! Why a run cannot go on.

use thiserror::Error;

use crate::{ids::EventId, run::Nondeterminism};

/// Why a run cannot go on. After one, a run keeps returning it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The code asks for something else than history recorded.
    #[error("{0}")]
    Nondeterminism(Box<Nondeterminism>),
    /// The history contradicts itself.
    #[error("the history is not valid at event {event_id}: {message}")]
    InvalidHistory {
        /// Where.
        event_id: EventId,
        /// What is wrong.
        message: String,
    },
    /// The events do not follow those that the run has seen; it has to be rebuilt from the start.
    #[error("the events start at {given}, but the run has seen all up to {seen}")]
    Gap {
        /// The last event that the run has seen.
        seen: EventId,
        /// The first event given.
        given: EventId,
    },
    /// The engine did not accept the last answer; the run has to be rebuilt from the start.
    #[error("the answer to the workflow task before event {event_id} was not accepted")]
    AnswerLost {
        /// The event found in place of the answer.
        event_id: EventId,
    },
}
