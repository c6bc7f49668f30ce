//! Resets executions: a new run goes on from a point in the history of another.

use std::fmt;

use steadfast_core::{
    event::{EventKind, WorkflowTaskFailedCause},
    history::History,
    ids::{EventId, RunId},
};

use super::{ClientError, WorkflowHandle, new_request_id};
use crate::engine::{EngineError, ExecutionRef, ResetWorkflowRequest};

/// Where a run is reset to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResetPoint {
    /// An event that belongs to a workflow task: what came before it is kept.
    Event(EventId),
    /// The first workflow task: everything is done again.
    FirstWorkflowTask,
    /// The last workflow task that was answered: its commands and what followed are discarded.
    LastWorkflowTask,
    /// The last workflow task of the run before this one, whose answer was to continue as new.
    LastContinuedAsNew,
}

impl ResetPoint {
    /// An event by its number.
    #[must_use]
    pub fn event(id: u64) -> Self {
        Self::Event(EventId(id))
    }
}

/// What is applied again after a reset. Cancel and terminate requests never are (T2).
#[derive(Clone, Copy, Debug, Default)]
pub struct ResetOptions {
    /// Leaves out signals after the point.
    pub exclude_signals: bool,
    /// Leaves out updates after the point.
    pub exclude_updates: bool,
}

/// An event that a run can be reset to, and what that means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResetChoice {
    /// The event.
    pub event_id: EventId,
    /// How the workflow task ended that the event belongs to.
    pub task: ResetTask,
    /// How many events are kept.
    pub kept: u64,
    /// How many events are discarded; signals and updates among them are applied again.
    pub discarded: u64,
}

/// How the workflow task ended that a run can be reset to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResetTask {
    /// It was answered: its commands are discarded and asked for anew.
    Completed,
    /// It failed: it is tried again with what was known then.
    Failed,
    /// It timed out: it is tried again with what was known then.
    TimedOut,
    /// It was with a worker.
    Started,
}

impl fmt::Display for ResetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.task {
            ResetTask::Completed => "the commands of this workflow task are asked for anew",
            ResetTask::Failed => "this workflow task, which failed, is tried again",
            ResetTask::TimedOut => "this workflow task, which timed out, is tried again",
            ResetTask::Started => "this workflow task is tried again",
        };
        write!(
            f,
            "event {}: {meaning}; {} events are kept, {} discarded",
            self.event_id, self.kept, self.discarded
        )
    }
}

impl<W> WorkflowHandle<W> {
    /// Resets the execution: a new run goes on from a point in the history of this one (T1 to T3).
    ///
    /// The current run, if it is open, is terminated. Activities that were pending at the point are
    /// dispatched again, timers keep their time, running children go on with the new run. Gives a
    /// handle of the new run.
    ///
    /// # Errors
    ///
    /// When there is no such execution, the point is not a valid one (the error names those that
    /// are), or the engine fails.
    pub async fn reset(
        &self,
        point: ResetPoint,
        reason: impl Into<String>,
        options: ResetOptions,
    ) -> Result<Self, ClientError> {
        let history = self.history().await?;
        let (base, event_id) = match point {
            ResetPoint::Event(id) => (history.execution.run_id.clone(), id),
            ResetPoint::FirstWorkflowTask => {
                (history.execution.run_id.clone(), first_answer(&history)?)
            }
            ResetPoint::LastWorkflowTask => {
                (history.execution.run_id.clone(), last_answer(&history)?)
            }
            ResetPoint::LastContinuedAsNew => {
                let previous = self.at_run(continued_run(&history)?);
                let history = previous.history().await?;
                (history.execution.run_id.clone(), last_answer(&history)?)
            }
        };
        let request = ResetWorkflowRequest {
            execution: self.at_run(base).execution,
            workflow_task_finish_event_id: event_id,
            reason: reason.into(),
            identity: self.client.identity().clone(),
            request_id: new_request_id()?,
            exclude_signals: options.exclude_signals,
            exclude_updates: options.exclude_updates,
        };
        let run_id = self.client.engine().reset_workflow(request).await?;
        Ok(self.at_run(run_id))
    }

    /// Lists the points that the run can be reset to, the first one first. Each displays as what
    /// resetting to it means.
    ///
    /// # Errors
    ///
    /// When there is no such execution, or the engine fails.
    pub async fn reset_points(&self) -> Result<Vec<ResetChoice>, ClientError> {
        let history = self.history().await?;
        let length = history.events.len() as u64;
        let choices = history
            .events
            .iter()
            .enumerate()
            .filter_map(|(index, event)| {
                let task = match &event.kind {
                    EventKind::WorkflowTaskCompleted { .. } => ResetTask::Completed,
                    // A reset is recorded as a failed task; what it copied has points of its own.
                    EventKind::WorkflowTaskFailed { cause, .. }
                        if *cause != WorkflowTaskFailedCause::ResetWorkflow =>
                    {
                        ResetTask::Failed
                    }
                    EventKind::WorkflowTaskTimedOut { .. } => ResetTask::TimedOut,
                    EventKind::WorkflowTaskStarted { .. } if index + 1 == history.events.len() => {
                        ResetTask::Started
                    }
                    _ => return None,
                };
                let kept = event.event_id.0.saturating_sub(1);
                Some(ResetChoice {
                    event_id: event.event_id,
                    task,
                    kept,
                    discarded: length.saturating_sub(kept),
                })
            });
        Ok(choices.collect())
    }

    /// The same execution, one run of it.
    fn at_run(&self, run_id: RunId) -> Self {
        let execution = ExecutionRef {
            workflow_id: self.execution.workflow_id.clone(),
            run_id: Some(run_id),
            first_execution_run_id: None,
        };
        Self::new(self.client.clone(), execution)
    }
}

fn answers(history: &History) -> impl DoubleEndedIterator<Item = EventId> {
    history
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::WorkflowTaskCompleted { .. }))
        .map(|event| event.event_id)
}

fn first_answer(history: &History) -> Result<EventId, EngineError> {
    answers(history).next().ok_or_else(unanswered)
}

fn last_answer(history: &History) -> Result<EventId, EngineError> {
    answers(history).next_back().ok_or_else(unanswered)
}

fn unanswered() -> EngineError {
    EngineError::invalid("no workflow task was answered yet: there is nothing to reset")
}

/// The run that continued as this one.
fn continued_run(history: &History) -> Result<RunId, EngineError> {
    match history.events.first().map(|event| &event.kind) {
        Some(EventKind::WorkflowExecutionStarted(started)) => {
            started.continued_execution_run_id.clone()
        }
        _ => None,
    }
    .ok_or_else(|| EngineError::invalid("this run does not continue another one"))
}
