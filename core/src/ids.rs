//! Names and ids of everything that a history mentions.
//!
//! A value of one of these types is the proof that the name is not empty and at most
//! [`MAX_ID_BYTES`] long. The types do not say whether the thing named exists.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The longest id or name in bytes, as on a Temporal Service.
pub const MAX_ID_BYTES: usize = 1_000;

/// Says why a text cannot be an id or a name.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidId {
    /// The text has no characters.
    #[error("a {what} must not be empty")]
    Empty {
        /// What the text was meant to be.
        what: &'static str,
    },
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("a {what} has at most {MAX_ID_BYTES} bytes, this one has {bytes}")]
    TooLong {
        /// What the text was meant to be.
        what: &'static str,
        /// How long the text is.
        bytes: usize,
    },
}

macro_rules! id_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $what:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Makes a ", $what, " from a text.")]
            ///
            /// # Errors
            ///
            /// When the text is empty or longer than [`MAX_ID_BYTES`].
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                if text.is_empty() {
                    Err(InvalidId::Empty { what: $what })
                } else if text.len() > MAX_ID_BYTES {
                    Err(InvalidId::TooLong { what: $what, bytes: text.len() })
                } else {
                    Ok(Self(Arc::from(text)))
                }
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;
            fn try_from(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    )+};
}

id_types! {
    /// Where executions live; ids are unique within one.
    Namespace = "namespace";
    /// Where a worker polls for tasks.
    TaskQueue = "task queue name";
    /// The id that the starter gave an execution; at most one run of it is open at a time.
    WorkflowId = "workflow id";
    /// The id of one run of an execution.
    RunId = "run id";
    /// The name that a workflow is registered under.
    WorkflowType = "workflow type";
    /// The id of an activity within its run.
    ActivityId = "activity id";
    /// The name that an activity is registered under.
    ActivityType = "activity type";
    /// The id of a timer within its run.
    TimerId = "timer id";
    /// The name of a signal.
    SignalName = "signal name";
    /// The name of a query.
    QueryName = "query name";
    /// The name of an update.
    UpdateName = "update name";
    /// The id of an update within its execution.
    UpdateId = "update id";
    /// The id of a patch within a workflow's code.
    PatchId = "patch id";
    /// The id of a schedule, unique within its namespace.
    ScheduleId = "schedule id";
    /// The id of a request, by which a repeated one is recognized.
    RequestId = "request id";
    /// Who asked for something: a client, a worker or the engine itself.
    Identity = "identity";
}

/// The position of an event in its history, counted from 1. Zero means that there is no event.
#[derive(Clone, Copy, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl EventId {
    /// The id of no event.
    pub const NONE: Self = Self(0);

    /// The id of the event after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether this is the id of an event at all.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.0 != 0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Names an execution: its workflow id and one of its runs.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct WorkflowExecution {
    /// The id that the starter gave.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
}

impl fmt::Display for WorkflowExecution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workflow_id, self.run_id)
    }
}
