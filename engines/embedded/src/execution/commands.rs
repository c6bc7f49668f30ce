//! Applies the answer to a workflow task: its events, in command order, then what waited.

use steadfast_core::{
    command::Command,
    event::EventKind,
    failure::{Failure, FailureKind},
    ids::{EventId, Identity},
    payload::PayloadMap,
    task::WorkflowTaskCompletion,
    time::Timestamp,
};

use super::{Effect, Execution, Sticky, Task, TaskKind, time::settle_commands, validate::Refusal};
use crate::attributes::Registry;

/// What became of a workflow task that was answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    /// It is in the history.
    Recorded,
    /// It led to nothing and never was; the last event that a worker knows of a task is this one.
    Vanished { last_started: EventId },
}

impl Execution {
    /// Takes the answer of a worker. When its commands are refused, the task has failed.
    pub(crate) fn complete_task(
        &mut self,
        mut completion: WorkflowTaskCompletion,
        attributes: &Registry,
        now: Timestamp,
    ) -> Result<Answered, Refusal> {
        let Task::Started(task) = &self.task else {
            return Ok(Answered::Recorded);
        };
        let kind = task.kind;
        // A worker elsewhere has to be told that what it saw of the task never was.
        let may_vanish = kind == TaskKind::Speculative && (!task.remote || completion.goes_back);
        let checked = settle_commands(&mut completion.commands, &self.start.timeouts)
            .and_then(|()| self.check_commands(kind, &completion.commands, attributes));
        if let Err((cause, message)) = checked {
            let failure = Failure::new(
                message.clone(),
                FailureKind::Server {
                    non_retryable: false,
                },
            );
            self.fail_task(cause, failure, now);
            return Err((cause, message));
        }
        self.acquit_task();
        if may_vanish && leaves_no_trace(&completion) {
            self.discard_speculative_task(completion, now);
            return Ok(Answered::Vanished {
                last_started: self.previous_started,
            });
        }
        let Some(task) = self.take_started_task() else {
            return Ok(Answered::Recorded);
        };
        let (scheduled_event_id, started_event_id) = self.record_task_started(&task);
        let mut unmodelled = std::mem::take(&mut completion.unmodelled);
        let completed = self.record(
            now,
            EventKind::WorkflowTaskCompleted {
                scheduled_event_id,
                started_event_id,
                identity: Some(task.worker.clone()),
            },
        );
        if let Some(said) = unmodelled.completed {
            self.keep_unmodelled(self.tail.len() - 1, said);
        }
        let sticky = completion.sticky.take();
        let closing = completion.commands.last().is_some_and(Command::is_closing);
        for (index, command) in completion.commands.into_iter().enumerate() {
            let from = self.tail.len();
            self.apply_command(
                command,
                completed,
                scheduled_event_id,
                &task.worker,
                closing,
                now,
            );
            if let Some(said) = unmodelled.commands.remove(&index) {
                self.keep_unmodelled(from, said);
            }
        }
        if self.is_open() {
            // An update that the worker did not answer is offered again.
            self.readmit_updates(&task.updates);
            self.sticky = match sticky {
                Some(queue) => Some(Sticky::Queue(Box::new(queue))),
                None if task.remote => None,
                None => Some(Sticky::Worker(task.worker)),
            };
            if self.flush_buffered(now) || completion.force_new_workflow_task {
                self.schedule_task(now);
            } else {
                self.schedule_updates(now);
            }
        }
        Ok(Answered::Recorded)
    }

    /// Every update was rejected, so the task never was (it has no events). The worker saw events that do not exist: one elsewhere
    /// goes back to what it knew before, one here gets the whole history next time.
    fn discard_speculative_task(&mut self, completion: WorkflowTaskCompletion, now: Timestamp) {
        let Some(task) = self.take_started_task() else {
            return;
        };
        for command in completion.commands {
            if let Command::RejectUpdate { update_id, failure } = command {
                self.update_rejected(&update_id, failure);
            }
        }
        self.readmit_updates(&task.updates);
        let kept = completion.sticky.filter(|_| task.remote);
        self.sticky = kept.map(|queue| Sticky::Queue(Box::new(queue)));
        if self.flush_buffered(now) {
            self.schedule_task(now);
        } else {
            self.schedule_updates(now);
        }
    }

    fn apply_command(
        &mut self,
        command: Command,
        completed: EventId,
        task_scheduled: EventId,
        worker: &Identity,
        closing: bool,
        now: Timestamp,
    ) {
        let workflow_task_completed_event_id = completed;
        match command {
            Command::ScheduleActivityTask(activity) => {
                let scheduled = self.record(
                    now,
                    EventKind::ActivityTaskScheduled {
                        activity: activity.into(),
                        workflow_task_completed_event_id,
                    },
                );
                if !closing && let Some(activity) = self.activities.get(&scheduled.0) {
                    self.effects.push(activity.dispatch(scheduled.0));
                }
            }
            Command::RequestCancelActivityTask { scheduled_event_id } => {
                self.record(
                    now,
                    EventKind::ActivityTaskCancelRequested {
                        scheduled_event_id,
                        workflow_task_completed_event_id,
                    },
                );
                self.cancel_activity(scheduled_event_id.0, worker, now, closing);
            }
            Command::StartTimer {
                timer_id,
                start_to_fire_timeout,
                user_metadata,
            } => {
                self.record(
                    now,
                    EventKind::TimerStarted {
                        timer_id,
                        start_to_fire_timeout,
                        workflow_task_completed_event_id,
                        user_metadata,
                    },
                );
            }
            Command::CancelTimer { timer_id } => {
                let started = self.timer_ids.get(&timer_id).map(|id| EventId(*id));
                let fired = self.buffered_timer(&timer_id);
                if let (None, Some((index, _))) = (started, fired) {
                    self.remove_buffered(index);
                }
                let Some(started_event_id) = started.or_else(|| fired.map(|(_, id)| id)) else {
                    return;
                };
                self.record(
                    now,
                    EventKind::TimerCanceled {
                        timer_id,
                        started_event_id,
                        workflow_task_completed_event_id,
                        identity: Some(worker.clone()),
                    },
                );
            }
            Command::StartChildWorkflowExecution(child) => {
                let initiated = self.record(
                    now,
                    EventKind::StartChildWorkflowExecutionInitiated {
                        child,
                        workflow_task_completed_event_id,
                    },
                );
                if !closing {
                    self.effects.push(Effect::StartChild {
                        initiated: initiated.0,
                    });
                }
            }
            Command::RequestCancelExternalWorkflowExecution(cancel) => {
                let initiated = self.record(
                    now,
                    EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                        cancel,
                        workflow_task_completed_event_id,
                    },
                );
                if !closing {
                    self.effects.push(Effect::CancelExternal {
                        initiated: initiated.0,
                    });
                }
            }
            Command::SignalExternalWorkflowExecution(signal) => {
                let initiated = self.record(
                    now,
                    EventKind::SignalExternalWorkflowExecutionInitiated {
                        signal,
                        workflow_task_completed_event_id,
                    },
                );
                if !closing {
                    self.effects.push(Effect::SignalExternal {
                        initiated: initiated.0,
                    });
                }
            }
            Command::RecordMarker(marker) => {
                self.record(
                    now,
                    EventKind::MarkerRecorded {
                        marker,
                        workflow_task_completed_event_id,
                    },
                );
            }
            Command::UpsertWorkflowSearchAttributes { search_attributes } => {
                self.record(
                    now,
                    EventKind::UpsertWorkflowSearchAttributes {
                        search_attributes,
                        workflow_task_completed_event_id,
                    },
                );
            }
            Command::ModifyWorkflowProperties { upserted_memo } => {
                self.record(
                    now,
                    EventKind::WorkflowPropertiesModified {
                        upserted_memo,
                        workflow_task_completed_event_id,
                    },
                );
            }
            Command::AcceptUpdate {
                update_id,
                name,
                input,
            } => {
                let (identity, header) = match self.updates.get(&update_id) {
                    Some(pending) => {
                        let update = &pending.update;
                        (update.identity.clone(), update.header.clone())
                    }
                    None => (None, PayloadMap::new()),
                };
                self.record(
                    now,
                    EventKind::WorkflowExecutionUpdateAccepted {
                        update_id,
                        name,
                        input,
                        identity,
                        accepted_request_sequencing_event_id: task_scheduled,
                        header,
                    },
                );
            }
            Command::CompleteUpdate { update_id, outcome } => {
                let accepted_event_id = match self.updates.get(&update_id).map(|p| &p.state) {
                    Some(super::UpdateState::Accepted { event }) => *event,
                    _ => EventId::NONE,
                };
                self.record(
                    now,
                    EventKind::WorkflowExecutionUpdateCompleted {
                        update_id,
                        accepted_event_id,
                        outcome: Box::new(outcome),
                    },
                );
            }
            Command::RejectUpdate { update_id, failure } => {
                self.update_rejected(&update_id, failure);
            }
            Command::CompleteWorkflowExecution { .. }
            | Command::FailWorkflowExecution { .. }
            | Command::CancelWorkflowExecution { .. }
            | Command::ContinueAsNewWorkflowExecution(_) => {
                self.close_by_command(command, completed, now);
            }
        }
    }

    /// Removes something that waited; what still waits is stored anew.
    fn remove_buffered(&mut self, index: usize) {
        self.forget_buffered_rows();
        self.buffered.remove(index);
    }
}

/// Whether an answer to a task that exists only for updates leads to no event.
fn leaves_no_trace(completion: &WorkflowTaskCompletion) -> bool {
    !completion.force_new_workflow_task
        && completion
            .commands
            .iter()
            .all(|command| matches!(command, Command::RejectUpdate { .. }))
}
