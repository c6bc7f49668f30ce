//! What Temporal's protocol says of an event and a history here has no field for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The fields of an event that this version does not model, as they were said: the flags of another SDK, the header of a
/// marker, versions of workers.
///
/// It is the JSON of a message `temporal.api.history.v1.HistoryEvent` in which nothing but these fields is set. A replay
/// does not look at it; whoever tells the event to Temporal's tools, or to a worker of another SDK, puts it back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Unmodelled(String);

impl Unmodelled {
    /// Takes the JSON text of such a message.
    #[must_use]
    pub fn new(json: String) -> Self {
        Self(json)
    }

    /// The JSON text of the message.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }
}

/// What a worker of another SDK says of its answer to a workflow task and this version does not model. A worker of
/// steadfast says none of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UnmodelledAnswer {
    /// Of the event `WorkflowTaskCompleted`.
    pub completed: Option<Box<Unmodelled>>,
    /// Of the event that a command leads to, by the command's index.
    pub commands: BTreeMap<usize, Box<Unmodelled>>,
}
