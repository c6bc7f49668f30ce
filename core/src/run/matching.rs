//! Holds the commands of workflow code against the events that answer them.
//!
//! Each command event of a workflow task belongs to one command, in order. A pair that does not
//! fit is a [`Nondeterminism`]; a pair that does tells the command's machine its event id.

use super::{
    ActivityInfo, Asked, MARKER_LOCAL_ACTIVITY, MARKER_PATCH, Phase, Role, Run, Sent, mismatch,
};
use crate::{
    activation::OperationId,
    command::Command,
    error::RunError,
    event::EventKind,
    ids::EventId,
    machine::{ActivityInput, ChildInput, ExternalInput, TimerInput},
    payload::PayloadMap,
    run::{Machine, Nondeterminism},
};

impl Run {
    /// How many events from a place on are command events.
    pub(super) fn count_command_events(&self, from: usize) -> usize {
        self.events
            .iter()
            .skip(from)
            .take_while(|event| event.kind.is_command_event() || event.kind.may_be_ignored())
            .count()
    }

    /// Matches the commands that were sent for one workflow task with so many command events, which
    /// follow its completion. Does nothing when that is not in history yet.
    pub(super) fn match_commands(&mut self, count: usize) -> Result<(), RunError> {
        let Some(completed) = self.events.pop_front() else {
            return Ok(());
        };
        let completed_event_id = completed.event_id;
        if !matches!(completed.kind, EventKind::WorkflowTaskCompleted { .. }) {
            return Err(RunError::AnswerLost {
                event_id: completed_event_id,
            });
        }
        self.phase = Phase::Idle;
        let mut last = completed_event_id;
        for _ in 0..count {
            let Some(event) = self.events.pop_front() else {
                break;
            };
            last = event.event_id;
            match self.sent.front() {
                Some(sent) if fits(&sent.asked, &event.kind) => {}
                _ if is_deprecated_patch(&event.kind)
                    || is_change_version(&event.kind)
                    || event.kind.may_be_ignored() =>
                {
                    continue;
                }
                found => {
                    let now = found.map_or_else(
                        || "nothing: the code asks for less than history recorded".to_owned(),
                        |sent| mismatch::describe_asked(&sent.asked),
                    );
                    return Err(self.nondeterminism(
                        event.event_id,
                        mismatch::describe_event(&event.kind),
                        now,
                        completed_event_id,
                    ));
                }
            }
            if let Some(sent) = self.sent.pop_front() {
                self.bind(&sent, event.event_id)?;
            }
        }
        match self.sent.front() {
            None => Ok(()),
            Some(sent) => Err(self.nondeterminism(
                last.next(),
                "nothing more in this workflow task".to_owned(),
                mismatch::describe_asked(&sent.asked),
                completed_event_id,
            )),
        }
    }

    /// Expects an event in history, if one was asked for.
    pub(super) fn expect(
        &mut self,
        asked: Option<Asked>,
        operation: Option<OperationId>,
        role: Role,
    ) {
        if let Some(asked) = asked {
            self.sent.push_back(Sent {
                asked,
                operation,
                role,
            });
        }
    }

    /// Tells the machine behind a command that its event is in history.
    fn bind(&mut self, sent: &Sent, event_id: EventId) -> Result<(), RunError> {
        let Some(id) = sent.operation else {
            return Ok(());
        };
        let Some(operation) = self.operations.get_mut(&id) else {
            return Ok(());
        };
        let effects = match (&mut operation.machine, sent.role) {
            (Machine::Activity(machine, _), Role::Start) => {
                operation.event_id = event_id;
                self.by_event.insert(event_id, id);
                machine.handle(ActivityInput::Scheduled)
            }
            (Machine::Activity(machine, _), Role::RequestCancel) => {
                machine.handle(ActivityInput::CancelRecorded)
            }
            (Machine::Timer(machine, _), Role::Start) => {
                operation.event_id = event_id;
                self.by_event.insert(event_id, id);
                machine.handle(TimerInput::Started)
            }
            (Machine::Timer(machine, _), Role::RequestCancel) => {
                machine.handle(TimerInput::CancelRecorded)
            }
            (Machine::Child(machine, _), Role::Start) => {
                operation.event_id = event_id;
                self.by_event.insert(event_id, id);
                machine.handle(ChildInput::Initiated)
            }
            (Machine::Child(machine, info), Role::RequestCancel) => {
                info.cancel_event_id = event_id;
                self.by_event.insert(event_id, id);
                machine.handle(ChildInput::CancelInitiated)
            }
            (Machine::External(machine), Role::Start | Role::RequestCancel) => {
                operation.event_id = event_id;
                self.by_event.insert(event_id, id);
                machine.handle(ExternalInput::Initiated)
            }
            (Machine::LocalActivity(..) | Machine::Internal, Role::Start | Role::RequestCancel) => {
                return Ok(());
            }
        };
        let effects = effects.map_err(|impossible| RunError::InvalidHistory {
            event_id,
            message: impossible.to_string(),
        })?;
        self.carry_out(id, effects);
        Ok(())
    }

    fn nondeterminism(
        &self,
        event_id: EventId,
        recorded: String,
        now: String,
        reset_point: EventId,
    ) -> RunError {
        RunError::Nondeterminism(Box::new(Nondeterminism {
            workflow_type: self.workflow_type.clone(),
            run_id: self.execution.run_id.clone(),
            event_id,
            recorded,
            now,
            reset_point,
        }))
    }
}

impl Asked {
    /// What history is to have of a command. A rejection is an answer to a caller and leads to no
    /// event.
    pub(super) fn new(command: Command) -> Option<Self> {
        match command {
            Command::RejectUpdate { .. } => None,
            Command::ScheduleActivityTask(activity) => Some(Self::Activity(ActivityInfo {
                activity_id: activity.activity_id,
                activity_type: activity.activity_type,
            })),
            other => Some(Self::Other(other)),
        }
    }

    /// The same, of a command that goes to the engine.
    pub(super) fn of(command: &Command) -> Option<Self> {
        match command {
            Command::ScheduleActivityTask(activity) => Some(Self::Activity(ActivityInfo {
                activity_id: activity.activity_id.clone(),
                activity_type: activity.activity_type.clone(),
            })),
            other => Self::new(other.clone()),
        }
    }
}

fn is_deprecated_patch(kind: &EventKind) -> bool {
    matches!(kind, EventKind::MarkerRecorded { marker, .. }
        if marker.marker_name == MARKER_PATCH && marker.details.contains_key("deprecated"))
}

/// Whether another SDK recorded the event beside the marker of a patch, so that runs are found by their patches.
fn is_change_version(kind: &EventKind) -> bool {
    matches!(kind, EventKind::UpsertWorkflowSearchAttributes { search_attributes, .. }
        if is_change_version_alone(search_attributes))
}

fn is_change_version_alone(search_attributes: &PayloadMap) -> bool {
    search_attributes.keys().eq(["TemporalChangeVersion"])
}

/// Whether an event answers a command: the same kind of request, about the same subject.
fn fits(asked: &Asked, kind: &EventKind) -> bool {
    let command = match (asked, kind) {
        (Asked::Activity(now), EventKind::ActivityTaskScheduled { activity, .. }) => {
            return now.activity_id == activity.activity_id
                && now.activity_type == activity.activity_type;
        }
        (Asked::Activity(_), _) => return false,
        (Asked::Other(command), _) => command,
    };
    match (command, kind) {
        (
            Command::RequestCancelActivityTask {
                scheduled_event_id: now,
            },
            EventKind::ActivityTaskCancelRequested {
                scheduled_event_id, ..
            },
        ) => now == scheduled_event_id,
        (Command::StartTimer { timer_id: now, .. }, EventKind::TimerStarted { timer_id, .. })
        | (Command::CancelTimer { timer_id: now }, EventKind::TimerCanceled { timer_id, .. }) => {
            now == timer_id
        }
        (
            Command::StartChildWorkflowExecution(now),
            EventKind::StartChildWorkflowExecutionInitiated { child, .. },
        ) => now.workflow_id == child.workflow_id && now.workflow_type == child.workflow_type,
        (
            Command::RequestCancelExternalWorkflowExecution(now),
            EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. },
        ) => now.workflow_id == cancel.workflow_id,
        (
            Command::SignalExternalWorkflowExecution(now),
            EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. },
        ) => now.workflow_id == signal.workflow_id && now.signal_name == signal.signal_name,
        (Command::RecordMarker(now), EventKind::MarkerRecorded { marker, .. }) => {
            now.marker_name == marker.marker_name
                && (now.marker_name != MARKER_LOCAL_ACTIVITY && now.marker_name != MARKER_PATCH
                    || now.text("id") == marker.text("id"))
        }
        (
            Command::AcceptUpdate { update_id: now, .. },
            EventKind::WorkflowExecutionUpdateAccepted { update_id, .. },
        )
        | (
            Command::CompleteUpdate { update_id: now, .. },
            EventKind::WorkflowExecutionUpdateCompleted { update_id, .. },
        ) => now == update_id,
        (
            Command::ContinueAsNewWorkflowExecution(now),
            EventKind::WorkflowExecutionContinuedAsNew { next, .. },
        ) => now.workflow_type == next.workflow_type,
        (
            Command::UpsertWorkflowSearchAttributes {
                search_attributes: now,
            },
            EventKind::UpsertWorkflowSearchAttributes {
                search_attributes, ..
            },
        ) => is_change_version_alone(now) == is_change_version_alone(search_attributes),
        (
            Command::ModifyWorkflowProperties { .. },
            EventKind::WorkflowPropertiesModified { .. },
        )
        | (
            Command::CompleteWorkflowExecution { .. },
            EventKind::WorkflowExecutionCompleted { .. },
        )
        | (Command::FailWorkflowExecution { .. }, EventKind::WorkflowExecutionFailed { .. })
        | (Command::CancelWorkflowExecution { .. }, EventKind::WorkflowExecutionCanceled { .. }) => {
            true
        }
        _ => false,
    }
}
