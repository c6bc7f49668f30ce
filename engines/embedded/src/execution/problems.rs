//! What is wrong with the workflow task of a run that fails again and again.
//!
//! From the fifth failure in a row on the run has the search attribute `TemporalReportedProblems`, as on a Temporal
//! Service: the category and the cause of the last failure that history has. It goes when a task is completed, and
//! stays when the run is ended without one. Signals do not change it. After a restart it is still there, because it
//! is in the run's row; how many failures there were is then what history knows.

use std::borrow::Cow;

use steadfast_core::{
    event::{EventKind, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    payload::PayloadMap,
};
use steadfast_engine::{REPORTED_PROBLEMS, SearchAttributeType};

use super::Execution;
use crate::attributes::typed;

/// Whether somebody else sets what only the engine does.
pub(crate) fn claims_problems(attributes: &PayloadMap) -> bool {
    attributes.contains_key(REPORTED_PROBLEMS)
}

/// What is said of that.
pub(crate) const NOT_YOURS: &str =
    "the search attribute `TemporalReportedProblems` is set by the engine, and only by it";

/// From so many failures in a row on they are reported.
const REPORTED_FROM: u32 = 5;

/// The failures of the workflow task since it was last completed.
#[derive(Debug)]
pub(crate) struct TaskProblems {
    failures: u32,
    category: &'static str,
    cause: String,
    pub(crate) last_failure: Failure,
}

impl Execution {
    /// Notes that the task failed or timed out, which history tells or not.
    pub(super) fn note_task_problem(&mut self, event: &EventKind, is_recorded: bool) {
        let (category, cause, last_failure) = match event {
            EventKind::WorkflowTaskFailed { cause, failure, .. } => {
                if matches!(
                    cause,
                    WorkflowTaskFailedCause::ForceCloseCommand
                        | WorkflowTaskFailedCause::ResetWorkflow
                ) {
                    return;
                }
                let failure = failure.as_deref().cloned();
                let failure =
                    failure.unwrap_or_else(|| Failure::application(format!("{cause:?}"), ""));
                ("Failed", format!("{cause:?}"), failure)
            }
            // That a worker did not come for it is no fault of the task.
            EventKind::WorkflowTaskTimedOut {
                timeout_type: TimeoutType::ScheduleToStart,
                ..
            } => return,
            EventKind::WorkflowTaskTimedOut { timeout_type, .. } => {
                let text = "the worker did not answer the workflow task in time";
                let failure = Failure::timeout(text, TimeoutType::StartToClose);
                ("TimedOut", format!("{timeout_type:?}"), failure)
            }
            _ => return,
        };
        // The attempt counts on where the process that counted has ended with each of them.
        let before = self.attempt.saturating_sub(1);
        match &mut self.problems {
            Some(problems) => {
                problems.failures = problems.failures.saturating_add(1).max(before);
                problems.last_failure = last_failure;
                if is_recorded {
                    (problems.category, problems.cause) = (category, cause);
                }
            }
            None => {
                self.problems = Some(Box::new(TaskProblems {
                    failures: before.max(1),
                    category,
                    cause,
                    last_failure,
                }));
            }
        }
        self.report_problems();
    }

    fn report_problems(&mut self) {
        let Some(problems) = &self.problems else {
            return;
        };
        if problems.failures < REPORTED_FROM && self.reported_problems.is_none() {
            return;
        }
        let TaskProblems {
            category, cause, ..
        } = &**problems;
        let json = format!(
            r#"["category=WorkflowTask{category}","cause=WorkflowTask{category}Cause{cause}"]"#
        );
        let payload = typed(json.into_bytes(), SearchAttributeType::KeywordList);
        if self.reported_problems.as_deref() != Some(&payload) {
            self.reported_problems = Some(Box::new(payload));
            self.attributes_changed = true;
        }
    }

    /// Notes that a task was completed.
    pub(super) fn forget_task_problems(&mut self) {
        self.problems = None;
        if self.reported_problems.take().is_some() {
            self.attributes_changed = true;
        }
    }

    /// Takes over what the run's row says.
    pub(crate) fn recover_problems(&mut self, stored: &PayloadMap) {
        self.reported_problems = stored.get(REPORTED_PROBLEMS).cloned().map(Box::new);
    }

    /// The search attributes that the run is found by.
    pub(crate) fn shown_attributes(&self) -> Cow<'_, PayloadMap> {
        let Some(reported) = &self.reported_problems else {
            return Cow::Borrowed(&self.search_attributes);
        };
        let mut shown = self.search_attributes.clone();
        shown.insert(REPORTED_PROBLEMS.to_owned(), (**reported).clone());
        Cow::Owned(shown)
    }
}
