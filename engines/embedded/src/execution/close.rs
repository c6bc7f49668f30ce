//! The ways in which a run ends, and the run that may follow.

use std::time::Duration;

use steadfast_core::{
    command::{Command, ContinueAsNewWorkflowExecution},
    event::{ContinueAsNewInitiator, EventKind, WorkflowExecutionStarted, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    ids::{EventId, Identity, RunId},
    payload::Payload,
    retry::RetryState,
    time::Timestamp,
};
use steadfast_engine::{ActivityNotice, schedule::CronSchedule};

use super::{ActivityState, Effect, Execution, PendingUpdate, TaskKind, TimedOut, engine_identity};

/// A run that follows another one of the same execution.
#[derive(Debug)]
pub(crate) struct NewRun {
    pub(crate) run_id: RunId,
    pub(crate) start: Box<WorkflowExecutionStarted>,
    pub(crate) updates: Vec<PendingUpdate>,
}

/// Who starts the first run of a new chain, as a Temporal Service says it.
pub(crate) fn started_by_cron(cron: Option<&str>) -> Option<ContinueAsNewInitiator> {
    cron.map(|_| ContinueAsNewInitiator::CronSchedule)
}

/// How long the first task of a new chain waits.
pub(crate) fn first_backoff(cron: Option<&str>, delay: Duration, now: Timestamp) -> Duration {
    cron.and_then(|text| CronSchedule::new(text).ok()?.backoff(now, now))
        .unwrap_or(delay)
}

pub(crate) fn new_run_id() -> RunId {
    RunId::new(uuid::Uuid::now_v7().to_string()).expect("a uuid is an id")
}

impl Execution {
    /// Ends the run with an event.
    fn close(&mut self, now: Timestamp, kind: EventKind) {
        self.drop_buffered();
        self.acquit_task();
        self.record(now, kind);
        for activity in self.activities.values() {
            if let ActivityState::Started(attempt) = &activity.state {
                attempt.notices.send_replace(ActivityNotice::NotFound);
            }
        }
        self.effects.push(Effect::Closed);
        if self.query_task.is_none() {
            self.reassign_queries();
        }
    }

    /// Ends the run as a closing command says.
    pub(super) fn close_by_command(
        &mut self,
        command: Command,
        completed: EventId,
        now: Timestamp,
    ) {
        match command {
            Command::CompleteWorkflowExecution { result } => {
                let next = self.next_by_schedule(Ok(result.as_ref()), now);
                self.close_and_follow(now, next, |new_execution_run_id| {
                    EventKind::WorkflowExecutionCompleted {
                        result,
                        workflow_task_completed_event_id: completed,
                        new_execution_run_id,
                    }
                });
            }
            Command::CancelWorkflowExecution { details } => {
                self.close(
                    now,
                    EventKind::WorkflowExecutionCanceled {
                        details,
                        workflow_task_completed_event_id: completed,
                    },
                );
                self.close_updates(false);
            }
            Command::FailWorkflowExecution { failure } => {
                let (retry_state, next) = self.retry(&failure, now);
                let next = next.or_else(|| self.next_by_schedule(Err(&failure), now));
                self.close_and_follow(now, next, |new_execution_run_id| {
                    EventKind::WorkflowExecutionFailed {
                        failure,
                        retry_state,
                        workflow_task_completed_event_id: completed,
                        new_execution_run_id,
                    }
                });
            }
            Command::ContinueAsNewWorkflowExecution(next) => {
                let run = self.continued_run(&next);
                let new_execution_run_id = run.run_id.clone();
                self.close_and_follow(now, Some(run), |_| {
                    EventKind::WorkflowExecutionContinuedAsNew {
                        new_execution_run_id,
                        next,
                        workflow_task_completed_event_id: completed,
                    }
                });
            }
            _ => debug_assert!(false, "`{}` does not close a run", command.name()),
        }
    }

    fn close_and_follow(
        &mut self,
        now: Timestamp,
        next: Option<Box<NewRun>>,
        kind: impl FnOnce(Option<RunId>) -> EventKind,
    ) {
        self.close(now, kind(next.as_ref().map(|run| run.run_id.clone())));
        let updates = self.close_updates(next.is_some());
        if let Some(mut run) = next {
            run.updates = updates;
            self.effects.push(Effect::StartRun(run));
        }
    }

    /// Stops the run from outside (ground rule 13).
    pub(crate) fn terminate(
        &mut self,
        reason: String,
        details: Vec<Payload>,
        identity: Identity,
        now: Timestamp,
    ) {
        self.force_close_task(now);
        self.close(
            now,
            EventKind::WorkflowExecutionTerminated {
                reason,
                details,
                identity: Some(identity),
            },
        );
        self.close_updates(false);
    }

    /// A time limit of the run passed.
    pub(super) fn time_out(&mut self, now: Timestamp) {
        self.force_close_task(now);
        let failure = Failure::timeout("workflow timeout", TimeoutType::StartToClose);
        let (retry_state, next) = self.retry(&failure, now);
        let next = next.or_else(|| self.next_by_schedule(Err(&failure), now));
        self.effects.push(Effect::Report(TimedOut::Workflow));
        self.close_and_follow(now, next, |new_execution_run_id| {
            EventKind::WorkflowExecutionTimedOut {
                retry_state,
                new_execution_run_id,
            }
        });
    }

    /// Fails the task that is with a worker and records what waited for its end.
    fn force_close_task(&mut self, now: Timestamp) {
        let Some(task) = self.take_started_task() else {
            return;
        };
        if let TaskKind::Normal { .. } = task.kind {
            let (scheduled_event_id, started_event_id) = self.record_task_started(&task);
            self.record(
                now,
                EventKind::WorkflowTaskFailed {
                    scheduled_event_id,
                    started_event_id,
                    cause: WorkflowTaskFailedCause::ForceCloseCommand,
                    failure: None,
                    identity: Some(engine_identity()),
                    base_run_id: None,
                    new_run_id: None,
                },
            );
        }
        self.flush_buffered(now);
    }

    /// The next attempt under the retry policy of the run, or why there is none.
    fn retry(&self, failure: &Failure, now: Timestamp) -> (RetryState, Option<Box<NewRun>>) {
        let Some(policy) = &self.start.retry_policy else {
            return (RetryState::RetryPolicyNotSet, None);
        };
        let due = match policy.next_attempt(
            failure,
            self.start.attempt,
            now,
            self.start.execution_expiration_time,
        ) {
            Ok(due) => due,
            Err(state) => return (state, None),
        };
        let run_id = new_run_id();
        let start = WorkflowExecutionStarted {
            original_execution_run_id: run_id.clone(),
            continued_execution_run_id: Some(self.id.run_id.clone()),
            initiator: Some(ContinueAsNewInitiator::Retry),
            continued_failure: Some(failure.clone()),
            attempt: self.start.attempt.saturating_add(1),
            first_workflow_task_backoff: due.since(now),
            identity: None,
            user_metadata: None,
            ..(*self.start).clone()
        };
        let run = NewRun {
            run_id,
            start: Box::new(start),
            updates: Vec::new(),
        };
        (RetryState::InProgress, Some(Box::new(run)))
    }

    /// The next run by the cron schedule of the run, if it has one. As on a Temporal Service it is started also when its time
    /// comes after that of the whole execution: then the execution has timed out.
    fn next_by_schedule(
        &self,
        ended: Result<Option<&Payload>, &Failure>,
        now: Timestamp,
    ) -> Option<Box<NewRun>> {
        let schedule = CronSchedule::new(self.start.cron_schedule.as_deref()?).ok()?;
        let backoff = schedule.backoff(self.execution_time(), now)?;
        let expires = self.start.execution_expiration_time;
        if expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        let run_id = new_run_id();
        let start = WorkflowExecutionStarted {
            original_execution_run_id: run_id.clone(),
            continued_execution_run_id: Some(self.id.run_id.clone()),
            initiator: Some(ContinueAsNewInitiator::CronSchedule),
            continued_failure: ended.err().cloned(),
            last_completion_result: match ended {
                Ok(Some(result)) => Some(result.clone()),
                Ok(None) | Err(_) => self.start.last_completion_result.clone(),
            },
            attempt: 1,
            first_workflow_task_backoff: backoff,
            identity: None,
            user_metadata: None,
            memo: self.memo.clone(),
            search_attributes: self.search_attributes.clone(),
            ..(*self.start).clone()
        };
        Some(Box::new(NewRun {
            run_id,
            start: Box::new(start),
            updates: Vec::new(),
        }))
    }

    fn continued_run(&self, next: &ContinueAsNewWorkflowExecution) -> Box<NewRun> {
        let run_id = new_run_id();
        let mut timeouts = next.timeouts.clone();
        timeouts.execution_timeout = self.start.timeouts.execution_timeout;
        timeouts.run_timeout = timeouts.run_timeout.or(self.start.timeouts.run_timeout);
        timeouts.task_timeout = timeouts.task_timeout.or(self.start.timeouts.task_timeout);
        let start = WorkflowExecutionStarted {
            workflow_id: self.id.workflow_id.clone(),
            workflow_type: next.workflow_type.clone(),
            task_queue: next.task_queue.clone(),
            input: next.input.clone(),
            header: next.header.clone(),
            timeouts,
            identity: None,
            original_execution_run_id: run_id.clone(),
            first_execution_run_id: self.start.first_execution_run_id.clone(),
            continued_execution_run_id: Some(self.id.run_id.clone()),
            initiator: Some(ContinueAsNewInitiator::Workflow),
            continued_failure: None,
            last_completion_result: self.start.last_completion_result.clone(),
            parent: self.start.parent.clone(),
            root: self.start.root.clone(),
            retry_policy: next
                .retry_policy
                .clone()
                .or_else(|| self.start.retry_policy.clone()),
            attempt: 1,
            execution_expiration_time: self.start.execution_expiration_time,
            first_workflow_task_backoff: Duration::ZERO,
            memo: next.memo.clone().unwrap_or_else(|| self.memo.clone()),
            search_attributes: next
                .search_attributes
                .clone()
                .unwrap_or_else(|| self.search_attributes.clone()),
            user_metadata: None,
            priority: self.start.priority.clone(),
            cron_schedule: self.start.cron_schedule.clone(),
        };
        Box::new(NewRun {
            run_id,
            start: Box::new(start),
            updates: Vec::new(),
        })
    }
}
