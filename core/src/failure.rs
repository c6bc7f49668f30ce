//! Failures as they are recorded in a history: the first of the three planes of error.
//!
//! A `Failure` is data. What `?` moves in user code is made from it by the SDK, and infrastructure
//! errors never become one.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        ActivityId, ActivityType, EventId, Identity, Namespace, RunId, WorkflowId, WorkflowType,
    },
    payload::Payload,
    retry_state::RetryState,
    text::Lines,
};

/// A recorded failure: a message, what kind it is, and the failure that caused it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Failure {
    /// What happened, for people.
    pub message: String,
    /// Which SDK made the failure; empty when unknown.
    pub source: String,
    /// Where it happened, if the SDK says so.
    pub stack_trace: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What caused it.
    pub cause: Option<Box<Self>>,
    /// The message and the stack trace in a form that only whoever has the codec can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded_attributes: Option<Box<Payload>>,
}

/// The kinds of failure that a Temporal history knows.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "engines and machines decide every kind by name"
)]
pub enum FailureKind {
    /// User code failed.
    Application {
        /// The name of the error's type, which retry policies refer to.
        error_type: String,
        /// Whether trying again is useless.
        non_retryable: bool,
        /// Values for whoever handles the failure.
        details: Vec<Payload>,
        /// The wait before the next attempt, in place of the policy's; zero is none.
        next_retry_delay: Option<Duration>,
        /// How much of a failure it is.
        #[serde(default)]
        category: ApplicationErrorCategory,
    },
    /// A time limit passed.
    Timeout {
        /// Which limit.
        timeout_type: TimeoutType,
        /// What the last heartbeat said.
        last_heartbeat_details: Vec<Payload>,
    },
    /// It was cancelled.
    Cancelled {
        /// Values from whoever was cancelled.
        details: Vec<Payload>,
        /// Who requested it, if that is known.
        #[serde(default)]
        identity: Option<Identity>,
    },
    /// It was terminated.
    Terminated {
        /// Who requested it, if that is known.
        identity: Option<Identity>,
    },
    /// The engine failed.
    Server {
        /// Whether trying again is useless.
        non_retryable: bool,
    },
    /// An activity ended without a result; the cause says how.
    Activity(Box<ActivityFailureInfo>),
    /// A child workflow ended without a result; the cause says how.
    ChildWorkflow(Box<ChildWorkflowFailureInfo>),
    /// The run was reset.
    Reset {
        /// What the last heartbeat said.
        last_heartbeat_details: Vec<Payload>,
    },
    /// A Nexus operation of a workflow in another language ended without a result; the cause says
    /// how.
    NexusOperation(Box<NexusOperationFailureInfo>),
    /// The handler of a Nexus operation refused it.
    NexusHandler {
        /// The name of the error's type in the Nexus protocol.
        error_type: String,
        /// Whether the operation is tried again.
        retry_behavior: NexusHandlerRetryBehavior,
    },
    /// A message only: nobody said what kind it is.
    Unspecified,
}

/// How much of a failure an application's failure is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the categories of Temporal"
)]
pub enum ApplicationErrorCategory {
    /// Nothing was said.
    #[default]
    Unspecified,
    /// It is expected: tools neither count nor log it as an error.
    Benign,
}

/// Whether an operation is tried again that a Nexus handler refused.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the behaviours of Temporal"
)]
pub enum NexusHandlerRetryBehavior {
    /// The type of the error says so.
    #[default]
    Unspecified,
    /// It is.
    Retryable,
    /// It is not.
    NonRetryable,
}

/// Says which Nexus operation ended without a result.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NexusOperationFailureInfo {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The endpoint that it was sent to.
    pub endpoint: String,
    /// The service there.
    pub service: String,
    /// The operation's name.
    pub operation: String,
    /// What its handler calls it, once it has started; an older name of the token.
    pub operation_id: String,
    /// What its handler calls it, once it has started.
    pub operation_token: String,
}

/// Says which activity ended without a result.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActivityFailureInfo {
    /// The event that scheduled it.
    pub scheduled_event_id: EventId,
    /// The event that started its last attempt.
    pub started_event_id: EventId,
    /// The worker of its last attempt.
    pub identity: Option<Identity>,
    /// Its type.
    pub activity_type: ActivityType,
    /// Its id.
    pub activity_id: ActivityId,
    /// Why it was not tried again.
    pub retry_state: RetryState,
}

/// Says which child workflow ended without a result.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChildWorkflowFailureInfo {
    /// The child's workflow id.
    pub workflow_id: WorkflowId,
    /// The child's run, once it has started.
    pub run_id: Option<RunId>,
    /// The child's type.
    pub workflow_type: WorkflowType,
    /// The event that initiated the child.
    pub initiated_event_id: EventId,
    /// The event that recorded its start.
    pub started_event_id: EventId,
    /// Why it was not tried again.
    pub retry_state: RetryState,
    /// The child's namespace, if it is recorded.
    #[serde(default)]
    pub namespace: Option<Namespace>,
}

/// The time limits that a timeout can be of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the limits of Temporal"
)]
pub enum TimeoutType {
    /// From the start of an attempt to its end.
    StartToClose,
    /// From scheduling to the start of an attempt.
    ScheduleToStart,
    /// From scheduling to the end of the last attempt.
    ScheduleToClose,
    /// Between two heartbeats.
    Heartbeat,
}

impl fmt::Display for TimeoutType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartToClose => "start-to-close",
            Self::ScheduleToStart => "schedule-to-start",
            Self::ScheduleToClose => "schedule-to-close",
            Self::Heartbeat => "heartbeat",
        })
    }
}

impl Failure {
    /// How many failures may be nested as causes of each other where they are read and written, as in Temporal's
    /// own decoders.
    pub const MAX_CAUSES: usize = 100;

    /// A failure of a kind, with a message and no cause.
    #[must_use]
    pub fn new(message: impl Into<String>, kind: FailureKind) -> Self {
        Self {
            message: message.into(),
            source: String::new(),
            stack_trace: String::new(),
            kind,
            cause: None,
            encoded_attributes: None,
        }
    }

    /// A failure of user code that may be tried again.
    #[must_use]
    pub fn application(message: impl Into<String>, error_type: impl Into<String>) -> Self {
        Self::new(
            message,
            FailureKind::Application {
                error_type: error_type.into(),
                non_retryable: false,
                details: Vec::new(),
                next_retry_delay: None,
                category: ApplicationErrorCategory::Unspecified,
            },
        )
    }

    /// A cancellation.
    #[must_use]
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(
            message,
            FailureKind::Cancelled {
                details: Vec::new(),
                identity: None,
            },
        )
    }

    /// A time limit that passed.
    #[must_use]
    pub fn timeout(message: impl Into<String>, timeout_type: TimeoutType) -> Self {
        Self::new(
            message,
            FailureKind::Timeout {
                timeout_type,
                last_heartbeat_details: Vec::new(),
            },
        )
    }

    /// The same failure, for which trying again is useless, if it is one of user code.
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        if let FailureKind::Application { non_retryable, .. } = &mut self.kind {
            *non_retryable = true;
        }
        self
    }

    /// The same failure with a cause.
    #[must_use]
    pub fn with_cause(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The failure and what caused it, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> + Clone {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }

    /// The values that the failure and its causes carry.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> + Clone {
        self.chain().flat_map(Self::details)
    }

    fn details(&self) -> &[Payload] {
        match &self.kind {
            FailureKind::Application { details, .. } | FailureKind::Cancelled { details, .. } => {
                details
            }
            FailureKind::Timeout {
                last_heartbeat_details,
                ..
            }
            | FailureKind::Reset {
                last_heartbeat_details,
            } => last_heartbeat_details,
            _ => &[],
        }
    }

    /// The values that this failure itself carries, to change them.
    pub(crate) fn details_mut(&mut self) -> Option<&mut Vec<Payload>> {
        match &mut self.kind {
            FailureKind::Application { details, .. } | FailureKind::Cancelled { details, .. } => {
                Some(details)
            }
            FailureKind::Timeout {
                last_heartbeat_details,
                ..
            }
            | FailureKind::Reset {
                last_heartbeat_details,
            } => Some(last_heartbeat_details),
            _ => None,
        }
    }

    /// Whether this is a cancellation: it is one itself, or an activity or a child workflow that
    /// was cancelled. An application failure caused by a cancellation is not one.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.chain()
            .find(|failure| {
                !matches!(
                    failure.kind,
                    FailureKind::Activity(_) | FailureKind::ChildWorkflow(_)
                )
            })
            .is_some_and(|failure| matches!(failure.kind, FailureKind::Cancelled { .. }))
    }

    /// The time limit that passed, if this is a timeout or caused by one.
    #[must_use]
    pub fn timeout_type(&self) -> Option<TimeoutType> {
        self.chain().find_map(|failure| match failure.kind {
            FailureKind::Timeout { timeout_type, .. } => Some(timeout_type),
            _ => None,
        })
    }
}

/// Writes the message and then, after a colon each, the messages of the causes.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, failure) in self.chain().enumerate() {
            if depth > 0 {
                f.write_str(": ")?;
            }
            write!(f, "{}", Lines(&failure.message))?;
        }
        Ok(())
    }
}
