//! Checks the commands of an answered task before any of them has an effect, so that an answer is
//! taken as a whole or not at all (E2).

use std::collections::BTreeSet;

use steadfast_core::{
    command::{Command, ScheduleActivityTask},
    event::{EventKind, WorkflowTaskFailedCause},
    ids::{ActivityId, EventId, TimerId, WorkflowId},
    limit::PayloadLimit,
    payload::PayloadMap,
};

use steadfast_engine::schedule::CronSchedule;

use super::{
    Execution, MAX_PENDING, TaskKind,
    problems::{NOT_YOURS, claims_problems},
};
use crate::attributes::Registry;

/// Why commands were refused.
pub(crate) type Refusal = (WorkflowTaskFailedCause, String);

/// What the commands before the current one have done.
#[derive(Default)]
struct Overlay<'a> {
    timers_started: BTreeSet<&'a TimerId>,
    timers_cancelled: BTreeSet<&'a TimerId>,
    activities_scheduled: BTreeSet<&'a ActivityId>,
    activity_events: BTreeSet<u64>,
    activities_cancelled: BTreeSet<u64>,
    children_started: BTreeSet<&'a WorkflowId>,
    children: usize,
    cancels: usize,
    signals: usize,
}

impl<'a> Overlay<'a> {
    /// Notes what a command does, whose event will have an id.
    fn note(&mut self, command: &'a Command, event_id: u64) {
        match command {
            Command::ScheduleActivityTask(activity) => {
                self.activities_scheduled.insert(&activity.activity_id);
                self.activity_events.insert(event_id);
            }
            Command::RequestCancelActivityTask { scheduled_event_id } => {
                self.activities_cancelled.insert(scheduled_event_id.0);
            }
            Command::StartTimer { timer_id, .. } => {
                self.timers_started.insert(timer_id);
                self.timers_cancelled.remove(timer_id);
            }
            Command::CancelTimer { timer_id } => {
                self.timers_started.remove(timer_id);
                self.timers_cancelled.insert(timer_id);
            }
            Command::StartChildWorkflowExecution(child) => {
                self.children_started.insert(&child.workflow_id);
                self.children += 1;
            }
            Command::RequestCancelExternalWorkflowExecution(_) => self.cancels += 1,
            Command::SignalExternalWorkflowExecution(_) => self.signals += 1,
            Command::RecordMarker(_)
            | Command::UpsertWorkflowSearchAttributes { .. }
            | Command::ModifyWorkflowProperties { .. }
            | Command::AcceptUpdate { .. }
            | Command::CompleteUpdate { .. }
            | Command::RejectUpdate { .. }
            | Command::CompleteWorkflowExecution { .. }
            | Command::FailWorkflowExecution { .. }
            | Command::CancelWorkflowExecution { .. }
            | Command::ContinueAsNewWorkflowExecution(_) => {}
        }
    }
}

impl Execution {
    pub(super) fn check_commands(
        &self,
        task: TaskKind,
        commands: &[Command],
        attributes: &Registry,
    ) -> Result<(), Refusal> {
        let mut seen = Overlay::default();
        // The ids that the events of the commands will have: started and completed come first.
        let mut event_id = match task {
            TaskKind::Normal { .. } => self.next_event_id + 2,
            TaskKind::Transient { .. } | TaskKind::Speculative => self.next_event_id + 3,
        };
        for (index, command) in commands.iter().enumerate() {
            let is_last = index + 1 == commands.len();
            PayloadLimit::default()
                .check_command(command)
                .map_err(|error| (WorkflowTaskFailedCause::PayloadsTooLarge, error.to_string()))?;
            if let Some(values) = sets_attributes(command) {
                let cause = WorkflowTaskFailedCause::BadSearchAttributes;
                if claims_problems(values) {
                    return Err((cause, NOT_YOURS.to_owned()));
                }
                let checked = attributes.check(values);
                checked.map_err(|error| (cause, format!("BadSearchAttributes: {error}")))?;
            }
            self.check_command(command, &seen)?;
            if command.is_closing() {
                if !is_last {
                    return Err((
                        WorkflowTaskFailedCause::BadCloseAttributes,
                        format!("`{}` must be the last command", command.name()),
                    ));
                }
                self.check_nothing_waits(&seen)?;
            }
            if !is_last {
                // Most answers have one command only, and what it does concerns no other.
                seen.note(command, event_id);
            }
            if !matches!(command, Command::RejectUpdate { .. }) {
                event_id += 1;
            }
        }
        Ok(())
    }

    /// A run does not close while something waits that it has not seen (ground rule 5). A timer
    /// that fired meanwhile and is cancelled by the same answer does not count (scenario 41).
    fn check_nothing_waits(&self, seen: &Overlay<'_>) -> Result<(), Refusal> {
        let waits = self.buffered.iter().any(|(_, kind)| {
            !matches!(kind, EventKind::TimerFired { timer_id, .. } if seen.timers_cancelled.contains(timer_id))
        });
        if waits {
            return Err((
                WorkflowTaskFailedCause::UnhandledCommand,
                "UnhandledCommand".to_owned(),
            ));
        }
        Ok(())
    }

    fn check_command(&self, command: &Command, seen: &Overlay<'_>) -> Result<(), Refusal> {
        match command {
            Command::ScheduleActivityTask(activity) => self.check_schedule(activity, seen)?,
            Command::RequestCancelActivityTask { scheduled_event_id } => {
                self.check_activity_cancel(*scheduled_event_id, seen)?;
            }
            Command::StartTimer { timer_id, .. } => {
                if self.is_timer_open(timer_id, seen) {
                    return Err((
                        WorkflowTaskFailedCause::StartTimerDuplicateId,
                        format!("StartTimerDuplicateId: a timer with the id `{timer_id}` is open"),
                    ));
                }
            }
            Command::CancelTimer { timer_id } => {
                if !self.is_timer_open(timer_id, seen) && self.buffered_timer(timer_id).is_none() {
                    return Err((
                        WorkflowTaskFailedCause::BadCancelTimerAttributes,
                        format!(
                            "BadCancelTimerAttributes: invalid history builder state for action: \
                             add-timer-canceled-event, TimerID: {timer_id}"
                        ),
                    ));
                }
            }
            Command::StartChildWorkflowExecution(child) => {
                if let Some(cron) = &child.cron_schedule {
                    CronSchedule::new(cron).map_err(|error| {
                        (
                            WorkflowTaskFailedCause::BadStartChildExecutionAttributes,
                            format!("BadStartChildExecutionAttributes: {error}"),
                        )
                    })?;
                }
                self.check_limit(
                    "child workflows",
                    self.children.len() + seen.children + 1,
                    WorkflowTaskFailedCause::BadStartChildExecutionAttributes,
                )?;
            }
            Command::RequestCancelExternalWorkflowExecution(cancel) => {
                if seen.children_started.contains(&cancel.workflow_id) {
                    return Err((
                        WorkflowTaskFailedCause::BadRequestCancelExternalWorkflowExecutionAttributes,
                        "BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel \
                         for child workflow is not allowed in same workflow task."
                            .to_owned(),
                    ));
                }
                self.check_limit(
                    "cancellations of other executions",
                    self.cancels.len() + seen.cancels + 1,
                    WorkflowTaskFailedCause::BadRequestCancelExternalWorkflowExecutionAttributes,
                )?;
            }
            Command::SignalExternalWorkflowExecution(_) => {
                self.check_limit(
                    "signals to other executions",
                    self.signals.len() + seen.signals + 1,
                    WorkflowTaskFailedCause::BadSignalWorkflowExecutionAttributes,
                )?;
            }
            Command::RecordMarker(_)
            | Command::UpsertWorkflowSearchAttributes { .. }
            | Command::ModifyWorkflowProperties { .. }
            | Command::AcceptUpdate { .. }
            | Command::CompleteUpdate { .. }
            | Command::RejectUpdate { .. }
            | Command::CompleteWorkflowExecution { .. }
            | Command::FailWorkflowExecution { .. }
            | Command::CancelWorkflowExecution { .. }
            | Command::ContinueAsNewWorkflowExecution(_) => {}
        }
        Ok(())
    }

    /// Whether a timer is open after the commands before.
    fn is_timer_open(&self, timer_id: &TimerId, seen: &Overlay<'_>) -> bool {
        let was_open =
            self.timer_ids.contains_key(timer_id) && !seen.timers_cancelled.contains(timer_id);
        was_open || seen.timers_started.contains(timer_id)
    }

    fn check_schedule(
        &self,
        activity: &ScheduleActivityTask,
        seen: &Overlay<'_>,
    ) -> Result<(), Refusal> {
        let id = &activity.activity_id;
        if self.activity_ids.contains_key(id) || seen.activities_scheduled.contains(id) {
            return Err((
                WorkflowTaskFailedCause::ScheduleActivityDuplicateId,
                format!("ScheduleActivityDuplicateId: an activity with the id `{id}` is open"),
            ));
        }
        let timeouts = &activity.timeouts;
        if timeouts.start_to_close_timeout.is_none() && timeouts.schedule_to_close_timeout.is_none()
        {
            return Err((
                WorkflowTaskFailedCause::BadScheduleActivityAttributes,
                format!(
                    "BadScheduleActivityAttributes: A valid StartToClose or ScheduleToCloseTimeout \
                     is not set on ScheduleActivityTaskCommand. ActivityId={id} ActivityType={}",
                    activity.activity_type
                ),
            ));
        }
        self.check_limit(
            "activities",
            self.activities.len() + seen.activities_scheduled.len() + 1,
            WorkflowTaskFailedCause::BadScheduleActivityAttributes,
        )
    }

    fn check_activity_cancel(&self, scheduled: EventId, seen: &Overlay<'_>) -> Result<(), Refusal> {
        let refuse = |text: String| {
            Err((
                WorkflowTaskFailedCause::BadRequestCancelActivityAttributes,
                format!("BadRequestCancelActivityAttributes: {text}"),
            ))
        };
        if !scheduled.is_some() {
            return refuse(
                "ScheduledEventId is not set on RequestCancelActivityTaskCommand.".to_owned(),
            );
        }
        let cancellable = self
            .activities
            .get(&scheduled.0)
            .is_some_and(|activity| !activity.cancel_requested.is_some())
            || seen.activity_events.contains(&scheduled.0)
            || self.buffered_activity_end(scheduled);
        if cancellable && !seen.activities_cancelled.contains(&scheduled.0) {
            Ok(())
        } else {
            refuse(format!(
                "invalid history builder state for action: \
                 add-activitytask-cancel-requested-event, ScheduledEventID: {scheduled}"
            ))
        }
    }

    fn check_limit(
        &self,
        what: &str,
        pending: usize,
        cause: WorkflowTaskFailedCause,
    ) -> Result<(), Refusal> {
        if pending > MAX_PENDING {
            return Err((
                cause,
                format!(
                    "the number of pending {what} of `{}` exceeds the limit of {MAX_PENDING}; wait for \
                     some to end before starting more",
                    self.id.workflow_id
                ),
            ));
        }
        Ok(())
    }

    /// A timer that fired while the task was out.
    pub(super) fn buffered_timer(&self, timer_id: &TimerId) -> Option<(usize, EventId)> {
        self.buffered
            .iter()
            .enumerate()
            .find_map(|(index, (_, kind))| match kind {
                EventKind::TimerFired {
                    timer_id: fired,
                    started_event_id,
                } if fired == timer_id => Some((index, *started_event_id)),
                _ => None,
            })
    }

    /// Whether an activity ended while the task was out.
    fn buffered_activity_end(&self, scheduled: EventId) -> bool {
        self.buffered.iter().any(|(_, kind)| {
            matches!(
                kind,
                EventKind::ActivityTaskCompleted { scheduled_event_id, .. }
                | EventKind::ActivityTaskFailed { scheduled_event_id, .. }
                | EventKind::ActivityTaskTimedOut { scheduled_event_id, .. }
                | EventKind::ActivityTaskCanceled { scheduled_event_id, .. }
                    if *scheduled_event_id == scheduled
            )
        })
    }
}

fn sets_attributes(command: &Command) -> Option<&PayloadMap> {
    match command {
        Command::UpsertWorkflowSearchAttributes { search_attributes } => Some(search_attributes),
        Command::StartChildWorkflowExecution(child) => Some(&child.search_attributes),
        Command::ContinueAsNewWorkflowExecution(next) => next.search_attributes.as_ref(),
        _ => None,
    }
}
