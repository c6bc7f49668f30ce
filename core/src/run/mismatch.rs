//! What a person is told when the code does not fit the history.

use std::fmt;

use super::Asked;
use crate::{
    command::{ActivityLabel, Command},
    event::EventKind,
    ids::{ActivityId, ActivityType, EventId, RunId, WorkflowType},
    text::OneLine,
};

/// History and code disagree: what was recorded, what the code asks for now, and what to do.
#[derive(Clone, Debug)]
pub struct Nondeterminism {
    /// The workflow's type.
    pub workflow_type: WorkflowType,
    /// The run.
    pub run_id: RunId,
    /// The event they disagree about.
    pub event_id: EventId,
    /// What history recorded there.
    pub recorded: String,
    /// What the code asks for.
    pub now: String,
    /// The latest point that the run can be reset to so that the code's new way is taken.
    pub reset_point: EventId,
}

impl Nondeterminism {
    /// The code by which the error can be found.
    pub const CODE: &'static str = "X1100";
}

impl fmt::Display for Nondeterminism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            workflow_type,
            run_id,
            event_id,
            recorded,
            now,
            reset_point,
        } = self;
        writeln!(
            f,
            "[{}] workflow `{}` run {} does not replay: event {event_id} and this code disagree",
            Self::CODE,
            OneLine(workflow_type.as_str()),
            OneLine(run_id.as_str())
        )?;
        writeln!(f, "  recorded:  {recorded}")?;
        writeln!(f, "  now:       {now}")?;
        writeln!(
            f,
            "  cause:     usually a changed order of calls, or a call that depends on time, randomness or map order"
        )?;
        write!(
            f,
            "  help:      guard the change with `ctx.patched(\"...\")`, or reset the run to event {reset_point}"
        )
    }
}

/// Describes what the code asks for.
pub(super) fn describe_asked(asked: &Asked) -> String {
    match asked {
        Asked::Activity(info) => describe_activity(&info.activity_type, &info.activity_id),
        Asked::Other(command) => command.to_string(),
    }
}

fn describe_activity(activity_type: &ActivityType, activity_id: &ActivityId) -> String {
    let activity = ActivityLabel(activity_type, activity_id);
    format!("ScheduleActivityTask  {activity}")
}

/// Describes a command event by the command that it answers.
pub(super) fn describe_event(kind: &EventKind) -> String {
    match kind {
        EventKind::ActivityTaskScheduled { activity, .. } => {
            describe_activity(&activity.activity_type, &activity.activity_id)
        }
        EventKind::ActivityTaskCancelRequested {
            scheduled_event_id, ..
        } => Command::RequestCancelActivityTask {
            scheduled_event_id: *scheduled_event_id,
        }
        .to_string(),
        EventKind::TimerStarted {
            timer_id,
            start_to_fire_timeout,
            ..
        } => Command::StartTimer {
            timer_id: timer_id.clone(),
            start_to_fire_timeout: *start_to_fire_timeout,
            user_metadata: None,
        }
        .to_string(),
        EventKind::TimerCanceled { timer_id, .. } => Command::CancelTimer {
            timer_id: timer_id.clone(),
        }
        .to_string(),
        EventKind::MarkerRecorded { marker, .. } => {
            Command::RecordMarker(marker.clone()).to_string()
        }
        EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
            Command::StartChildWorkflowExecution(child.clone()).to_string()
        }
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. } => {
            Command::RequestCancelExternalWorkflowExecution(cancel.clone()).to_string()
        }
        EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. } => {
            Command::SignalExternalWorkflowExecution(signal.clone()).to_string()
        }
        EventKind::WorkflowExecutionUpdateAccepted {
            update_id, name, ..
        } => {
            format!(
                "AcceptUpdate  update `{}`  update_id `{}`",
                OneLine(name.as_str()),
                OneLine(update_id.as_str())
            )
        }
        EventKind::WorkflowExecutionUpdateCompleted { update_id, .. } => {
            format!(
                "CompleteUpdate  update_id `{}`",
                OneLine(update_id.as_str())
            )
        }
        EventKind::WorkflowExecutionCompleted { .. } => "CompleteWorkflowExecution".to_owned(),
        EventKind::WorkflowExecutionFailed { .. } => "FailWorkflowExecution".to_owned(),
        EventKind::WorkflowExecutionCanceled { .. } => "CancelWorkflowExecution".to_owned(),
        EventKind::WorkflowExecutionContinuedAsNew { next, .. } => {
            Command::ContinueAsNewWorkflowExecution(next.clone()).to_string()
        }
        other => OneLine(other.name()).to_string(),
    }
}
