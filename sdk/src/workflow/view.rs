//! What a workflow can know about itself.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use steadfast_core::{
    event::WorkflowExecutionStarted,
    ids::{RunId, TaskQueue, WorkflowExecution, WorkflowId, WorkflowType},
    payload::PayloadMap,
    run::Run,
    time::Timestamp,
};

use super::cell::RunCell;
use crate::{
    convert::{self, ConvertError},
    system_time::to_system_time,
};

/// What a workflow can know about itself at one moment: who it is, and how it was started.
///
/// Handlers that must not act (`#[init]`, `#[query]`, `#[update_validator]`) get one in place of
/// a context.
#[derive(Clone, Debug)]
pub struct WorkflowContextView {
    execution: WorkflowExecution,
    workflow_type: WorkflowType,
    started: WorkflowExecutionStarted,
    now: Timestamp,
    history_length: u64,
    history_size_bytes: u64,
    continue_as_new_suggested: bool,
    all_handlers_finished: bool,
}

impl WorkflowContextView {
    pub(crate) fn of(cell: &RunCell, started: &WorkflowExecutionStarted) -> Self {
        let all_handlers_finished = cell.all_handlers_finished();
        cell.peek(|run| Self::of_run(run, started, all_handlers_finished))
    }

    fn of_run(run: &Run, started: &WorkflowExecutionStarted, all_handlers_finished: bool) -> Self {
        Self {
            execution: run.execution().clone(),
            workflow_type: run.workflow_type().clone(),
            started: started.clone(),
            now: run.now(),
            history_length: run.history_length(),
            history_size_bytes: run.history_size_bytes(),
            continue_as_new_suggested: run.is_continue_as_new_suggested(),
            all_handlers_finished,
        }
    }

    /// Whether every signal and update handler that was called has finished (M4). A run that ends
    /// before leaves them unfinished.
    #[must_use]
    pub fn all_handlers_finished(&self) -> bool {
        self.all_handlers_finished
    }

    /// The execution's id.
    #[must_use]
    pub fn workflow_id(&self) -> &WorkflowId {
        &self.execution.workflow_id
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &RunId {
        &self.execution.run_id
    }

    /// The workflow's type.
    #[must_use]
    pub fn workflow_type(&self) -> &WorkflowType {
        &self.workflow_type
    }

    /// Where workers pick up its workflow tasks.
    #[must_use]
    pub fn task_queue(&self) -> &TaskQueue {
        &self.started.task_queue
    }

    /// The attempt under the workflow's retry policy, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.started.attempt
    }

    /// The first run of the chain of continued and retried runs.
    #[must_use]
    pub fn first_execution_run_id(&self) -> &RunId {
        &self.started.first_execution_run_id
    }

    /// The run that this one continues, if it does.
    #[must_use]
    pub fn continued_run_id(&self) -> Option<&RunId> {
        self.started.continued_execution_run_id.as_ref()
    }

    /// The parent, if this is a child workflow.
    #[must_use]
    pub fn parent(&self) -> Option<&WorkflowExecution> {
        self.started.parent.as_ref().map(|parent| &parent.execution)
    }

    /// The time of the workflow task at hand, which is the same in every replay.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        to_system_time(self.now)
    }

    /// The time limit of this run, if there is one.
    #[must_use]
    pub fn run_timeout(&self) -> Option<Duration> {
        self.started.timeouts.run_timeout
    }

    /// How many events the history has.
    #[must_use]
    pub fn history_length(&self) -> u64 {
        self.history_length
    }

    /// How many bytes the history has.
    #[must_use]
    pub fn history_size_bytes(&self) -> u64 {
        self.history_size_bytes
    }

    /// Whether the history has grown so long that the workflow should continue as new.
    #[must_use]
    pub fn is_continue_as_new_suggested(&self) -> bool {
        self.continue_as_new_suggested
    }

    /// A value of the memo that the execution was started with.
    ///
    /// # Errors
    ///
    /// When the value is of another type, or absent and not optional.
    pub fn memo<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConvertError> {
        convert::from_payload(self.started.memo.get(key))
    }

    /// The search attributes that the execution was started with.
    #[must_use]
    pub fn search_attributes(&self) -> &PayloadMap {
        &self.started.search_attributes
    }

    /// What the last run that completed returned, if this run is the next one of a schedule or of a chain of runs.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    pub fn last_completion_result<T: DeserializeOwned>(&self) -> Result<Option<T>, ConvertError> {
        let last = self.started.last_completion_result.as_ref();
        last.map(|last| convert::from_payload(Some(last)))
            .transpose()
    }

    /// The schedule that the workflow is run again and again by, if it was started with one.
    #[must_use]
    pub fn cron_schedule(&self) -> Option<&str> {
        self.started.cron_schedule.as_deref()
    }

    /// How the previous run failed, if this one retries it, or is the next one of a schedule.
    #[must_use]
    pub fn last_failure(&self) -> Option<&steadfast_core::failure::Failure> {
        self.started.continued_failure.as_ref()
    }
}
