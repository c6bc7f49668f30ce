//! Commands: what a workflow task asks the engine to do.
//!
//! A command is a request; the event that it leads to is the fact. The order of commands is the
//! order of their events.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    ids::{
        ActivityId, ActivityType, EventId, Namespace, RunId, SignalName, TaskQueue, TimerId,
        UpdateId, UpdateName, WorkflowId, WorkflowType,
    },
    options::{
        ActivityTimeouts, ParentClosePolicy, Priority, WorkflowIdReusePolicy, WorkflowTimeouts,
    },
    payload::{Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
    text::OneLine,
};

/// Schedules an activity.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ScheduleActivityTask {
    /// The id, unique among the run's open activities.
    pub activity_id: ActivityId,
    /// The activity's type.
    pub activity_type: ActivityType,
    /// Where a worker picks it up.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// When it is tried again; the engine's default applies when absent.
    pub retry_policy: Option<RetryPolicy>,
    /// Words for people about it.
    // Fields are stored by position, so that only the last one may be left out.
    #[serde(default)]
    pub user_metadata: Option<Box<UserMetadata>>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Box<Priority>>,
}

/// Starts a child workflow.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StartChildWorkflowExecution {
    /// The child's id.
    pub workflow_id: WorkflowId,
    /// The child's type.
    pub workflow_type: WorkflowType,
    /// Where a worker picks up its workflow tasks.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Its time limits.
    pub timeouts: WorkflowTimeouts,
    /// What happens to it when this execution closes.
    pub parent_close_policy: ParentClosePolicy,
    /// Whether its id may have been used before.
    pub workflow_id_reuse_policy: WorkflowIdReusePolicy,
    /// When it is run again after a failure.
    pub retry_policy: Option<RetryPolicy>,
    /// Values shown with the execution.
    pub memo: PayloadMap,
    /// Values that executions are found by.
    pub search_attributes: PayloadMap,
    /// Words for people about the child, which has them too.
    // Fields are stored by position, so that only the last one may be left out.
    #[serde(default)]
    pub user_metadata: Option<Box<UserMetadata>>,
    /// How urgent its tasks are.
    #[serde(default)]
    pub priority: Option<Box<Priority>>,
    /// When it is run again once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron_schedule: Option<Box<str>>,
}

/// Asks for the cancellation of another execution.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RequestCancelExternalWorkflowExecution {
    /// The namespace, if not the caller's own.
    pub namespace: Option<Namespace>,
    /// The target.
    pub workflow_id: WorkflowId,
    /// One run of it, or the current one.
    pub run_id: Option<RunId>,
    /// Refuses targets that are not children of the caller.
    pub child_workflow_only: bool,
    /// Why.
    pub reason: String,
}

/// Signals another execution.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SignalExternalWorkflowExecution {
    /// The namespace, if not the caller's own.
    pub namespace: Option<Namespace>,
    /// The target.
    pub workflow_id: WorkflowId,
    /// One run of it, or the current one.
    pub run_id: Option<RunId>,
    /// The signal.
    pub signal_name: SignalName,
    /// Its arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Refuses targets that are not children of the caller.
    pub child_workflow_only: bool,
}

/// Records a fact that only the worker knows, such as the result of a local activity.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RecordMarker {
    /// What kind of marker it is.
    pub marker_name: String,
    /// The recorded values.
    pub details: BTreeMap<String, Vec<Payload>>,
    /// The recorded failure.
    pub failure: Option<Failure>,
    /// Words for people about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<Box<UserMetadata>>,
}

impl RecordMarker {
    /// A text among the recorded values.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let payload = self.details.get(key)?.first()?;
        std::str::from_utf8(payload.data.as_slice()).ok()
    }
}

/// Ends the run and starts the next one of the same execution.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ContinueAsNewWorkflowExecution {
    /// The workflow to continue as.
    pub workflow_type: WorkflowType,
    /// Where a worker picks up its workflow tasks.
    pub task_queue: TaskQueue,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// The time limits of the new run; what is absent is inherited.
    pub timeouts: WorkflowTimeouts,
    /// When the new run is run again after a failure; inherited when absent.
    pub retry_policy: Option<RetryPolicy>,
    /// Values shown with the execution; inherited when absent.
    pub memo: Option<PayloadMap>,
    /// Values that executions are found by; inherited when absent.
    pub search_attributes: Option<PayloadMap>,
}

/// One request of a workflow task.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every engine decides every command by name"
)]
pub enum Command {
    /// Schedules an activity.
    ScheduleActivityTask(Box<ScheduleActivityTask>),
    /// Asks for the cancellation of an activity.
    RequestCancelActivityTask {
        /// The event that scheduled the activity.
        scheduled_event_id: EventId,
    },
    /// Starts a timer.
    StartTimer {
        /// The id, unique among the run's open timers.
        timer_id: TimerId,
        /// When it fires, counted from now.
        start_to_fire_timeout: Duration,
        /// Words for people about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_metadata: Option<Box<UserMetadata>>,
    },
    /// Cancels a timer.
    CancelTimer {
        /// The timer.
        timer_id: TimerId,
    },
    /// Starts a child workflow.
    StartChildWorkflowExecution(Box<StartChildWorkflowExecution>),
    /// Asks for the cancellation of another execution.
    RequestCancelExternalWorkflowExecution(Box<RequestCancelExternalWorkflowExecution>),
    /// Signals another execution.
    SignalExternalWorkflowExecution(Box<SignalExternalWorkflowExecution>),
    /// Records a marker.
    RecordMarker(Box<RecordMarker>),
    /// Changes search attributes.
    UpsertWorkflowSearchAttributes {
        /// The new values; a null payload removes one.
        search_attributes: PayloadMap,
    },
    /// Changes the memo.
    ModifyWorkflowProperties {
        /// The new values; a null payload removes one.
        upserted_memo: PayloadMap,
    },
    /// Says that an update was accepted and its handler runs.
    AcceptUpdate {
        /// The update.
        update_id: UpdateId,
        /// Its name.
        name: UpdateName,
        /// Its arguments.
        input: Vec<Payload>,
    },
    /// Says how an accepted update ended.
    CompleteUpdate {
        /// The update.
        update_id: UpdateId,
        /// Its result.
        outcome: Result<Payload, Failure>,
    },
    /// Says that an update was refused by its validator. Leads to no event.
    RejectUpdate {
        /// The update.
        update_id: UpdateId,
        /// Why.
        failure: Failure,
    },
    /// Ends the execution as completed.
    CompleteWorkflowExecution {
        /// The result.
        result: Option<Payload>,
    },
    /// Ends the execution as failed.
    FailWorkflowExecution {
        /// Why.
        failure: Box<Failure>,
    },
    /// Ends the execution as cancelled.
    CancelWorkflowExecution {
        /// Values for whoever waits for the result.
        details: Vec<Payload>,
    },
    /// Ends the run and starts the next one.
    ContinueAsNewWorkflowExecution(Box<ContinueAsNewWorkflowExecution>),
}

impl Command {
    /// What it passes on besides the input, where the other side can see it.
    pub(crate) fn header_mut(&mut self) -> Option<&mut PayloadMap> {
        match self {
            Self::ScheduleActivityTask(activity) => Some(&mut activity.header),
            Self::StartChildWorkflowExecution(child) => Some(&mut child.header),
            Self::SignalExternalWorkflowExecution(signal) => Some(&mut signal.header),
            Self::ContinueAsNewWorkflowExecution(next) => Some(&mut next.header),
            _ => None,
        }
    }

    /// Words for people about what it asks for.
    #[must_use]
    pub fn user_metadata(&self) -> Option<&UserMetadata> {
        match self {
            Self::ScheduleActivityTask(activity) => activity.user_metadata.as_deref(),
            Self::StartTimer { user_metadata, .. } => user_metadata.as_deref(),
            Self::StartChildWorkflowExecution(child) => child.user_metadata.as_deref(),
            Self::RecordMarker(marker) => marker.user_metadata.as_deref(),
            _ => None,
        }
    }

    /// Says words for people about what it asks for. A command that has no place for them stays as it is.
    pub fn set_user_metadata(&mut self, words: Option<Box<UserMetadata>>) {
        match self {
            Self::ScheduleActivityTask(activity) => activity.user_metadata = words,
            Self::StartTimer { user_metadata, .. } => *user_metadata = words,
            Self::StartChildWorkflowExecution(child) => child.user_metadata = words,
            Self::RecordMarker(marker) => marker.user_metadata = words,
            _ => {}
        }
    }

    /// The values that it carries, but for those of a [failure](Self::failure), and the memo and the search attributes
    /// of another run.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &Payload> + Clone {
        let mut list: &[Payload] = &[];
        let mut map: Option<&PayloadMap> = None;
        let mut markers = None;
        match self {
            Self::ScheduleActivityTask(activity) => {
                list = &activity.input;
                map = Some(&activity.header);
            }
            Self::StartChildWorkflowExecution(child) => {
                list = &child.input;
                map = Some(&child.header);
            }
            Self::SignalExternalWorkflowExecution(signal) => {
                list = &signal.input;
                map = Some(&signal.header);
            }
            Self::ContinueAsNewWorkflowExecution(next) => {
                list = &next.input;
                map = Some(&next.header);
            }
            Self::RecordMarker(marker) => markers = Some(&marker.details),
            Self::UpsertWorkflowSearchAttributes {
                search_attributes: values,
            }
            | Self::ModifyWorkflowProperties {
                upserted_memo: values,
            } => map = Some(values),
            Self::CompleteWorkflowExecution {
                result: Some(result),
            }
            | Self::CompleteUpdate {
                outcome: Ok(result),
                ..
            } => list = std::slice::from_ref(result),
            Self::AcceptUpdate { input: values, .. }
            | Self::CancelWorkflowExecution { details: values } => list = values,
            Self::CompleteWorkflowExecution { result: None }
            | Self::CompleteUpdate {
                outcome: Err(_), ..
            }
            | Self::RequestCancelActivityTask { .. }
            | Self::StartTimer { .. }
            | Self::CancelTimer { .. }
            | Self::RequestCancelExternalWorkflowExecution(_)
            | Self::RejectUpdate { .. }
            | Self::FailWorkflowExecution { .. } => {}
        }
        let map = map.into_iter().flat_map(PayloadMap::values);
        let markers = markers.into_iter().flat_map(BTreeMap::values).flatten();
        let words = self.user_metadata().into_iter();
        list.iter()
            .chain(map)
            .chain(markers)
            .chain(words.flat_map(UserMetadata::payloads))
    }

    /// What the texts of a retry policy in it have in bytes.
    pub(crate) fn texts(&self) -> usize {
        let policy = match self {
            Self::ScheduleActivityTask(activity) => activity.retry_policy.as_ref(),
            Self::StartChildWorkflowExecution(child) => child.retry_policy.as_ref(),
            Self::ContinueAsNewWorkflowExecution(next) => next.retry_policy.as_ref(),
            _ => None,
        };
        policy.map_or(0, |policy| {
            let types = policy.non_retryable_error_types.iter();
            types.map(String::len).sum()
        })
    }

    /// The failure that it carries.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::FailWorkflowExecution { failure } => Some(failure),
            Self::RejectUpdate { failure, .. }
            | Self::CompleteUpdate {
                outcome: Err(failure),
                ..
            } => Some(failure),
            Self::RecordMarker(marker) => marker.failure.as_ref(),
            _ => None,
        }
    }

    /// The command's name, as Temporal spells it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ScheduleActivityTask(_) => "ScheduleActivityTask",
            Self::RequestCancelActivityTask { .. } => "RequestCancelActivityTask",
            Self::StartTimer { .. } => "StartTimer",
            Self::CancelTimer { .. } => "CancelTimer",
            Self::StartChildWorkflowExecution(_) => "StartChildWorkflowExecution",
            Self::RequestCancelExternalWorkflowExecution(_) => {
                "RequestCancelExternalWorkflowExecution"
            }
            Self::SignalExternalWorkflowExecution(_) => "SignalExternalWorkflowExecution",
            Self::RecordMarker(_) => "RecordMarker",
            Self::UpsertWorkflowSearchAttributes { .. } => "UpsertWorkflowSearchAttributes",
            Self::ModifyWorkflowProperties { .. } => "ModifyWorkflowProperties",
            Self::AcceptUpdate { .. } => "AcceptUpdate",
            Self::CompleteUpdate { .. } => "CompleteUpdate",
            Self::RejectUpdate { .. } => "RejectUpdate",
            Self::CompleteWorkflowExecution { .. } => "CompleteWorkflowExecution",
            Self::FailWorkflowExecution { .. } => "FailWorkflowExecution",
            Self::CancelWorkflowExecution { .. } => "CancelWorkflowExecution",
            Self::ContinueAsNewWorkflowExecution(_) => "ContinueAsNewWorkflowExecution",
        }
    }

    /// Whether the command ends the run.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(
            self,
            Self::CompleteWorkflowExecution { .. }
                | Self::FailWorkflowExecution { .. }
                | Self::CancelWorkflowExecution { .. }
                | Self::ContinueAsNewWorkflowExecution(_)
        )
    }
}

/// Writes the name and what identifies the command's subject, for people, on one line.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::ScheduleActivityTask(activity) => {
                let label = ActivityLabel(&activity.activity_type, &activity.activity_id);
                write!(f, "  {label}")
            }
            Self::RequestCancelActivityTask { scheduled_event_id } => {
                write!(f, "  scheduled by event {scheduled_event_id}")
            }
            Self::StartTimer {
                timer_id,
                start_to_fire_timeout,
                ..
            } => {
                write!(
                    f,
                    "  timer_id `{}`  {start_to_fire_timeout:?}",
                    OneLine(timer_id.as_str())
                )
            }
            Self::CancelTimer { timer_id } => {
                write!(f, "  timer_id `{}`", OneLine(timer_id.as_str()))
            }
            Self::StartChildWorkflowExecution(child) => write!(
                f,
                "  workflow_type `{}`  workflow_id `{}`",
                OneLine(child.workflow_type.as_str()),
                OneLine(child.workflow_id.as_str())
            ),
            Self::RequestCancelExternalWorkflowExecution(cancel) => {
                write!(
                    f,
                    "  workflow_id `{}`",
                    OneLine(cancel.workflow_id.as_str())
                )
            }
            Self::SignalExternalWorkflowExecution(signal) => {
                write!(
                    f,
                    "  signal `{}`  workflow_id `{}`",
                    OneLine(signal.signal_name.as_str()),
                    OneLine(signal.workflow_id.as_str())
                )
            }
            Self::RecordMarker(marker) => {
                write!(f, "  marker `{}`", OneLine(&marker.marker_name))?;
                match marker.text("id") {
                    Some(id) => write!(f, "  id `{}`", OneLine(id)),
                    None => Ok(()),
                }
            }
            Self::AcceptUpdate {
                update_id, name, ..
            } => {
                write!(
                    f,
                    "  update `{}`  update_id `{}`",
                    OneLine(name.as_str()),
                    OneLine(update_id.as_str())
                )
            }
            Self::CompleteUpdate { update_id, .. } | Self::RejectUpdate { update_id, .. } => {
                write!(f, "  update_id `{}`", OneLine(update_id.as_str()))
            }
            Self::ContinueAsNewWorkflowExecution(next) => {
                write!(
                    f,
                    "  workflow_type `{}`",
                    OneLine(next.workflow_type.as_str())
                )
            }
            Self::UpsertWorkflowSearchAttributes { .. }
            | Self::ModifyWorkflowProperties { .. }
            | Self::CompleteWorkflowExecution { .. }
            | Self::FailWorkflowExecution { .. }
            | Self::CancelWorkflowExecution { .. } => Ok(()),
        }
    }
}

/// What an activity is known by, for people, on one line.
pub(crate) struct ActivityLabel<'a>(pub(crate) &'a ActivityType, pub(crate) &'a ActivityId);

impl fmt::Display for ActivityLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "activity_type `{}`  activity_id `{}`",
            OneLine(self.0.as_str()),
            OneLine(self.1.as_str())
        )
    }
}
