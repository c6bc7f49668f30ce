//! What a saga says of its undoing.

use std::{error::Error, fmt};

use crate::error::WorkflowError;

pub(super) const UNKNOWN: &str = "the step may have happened and could not be undone: its output, from which it \
    would be undone, is not known; undo it with a key that is known before, or give it a `look_up`";
pub(super) const STILL_RUNS: &str = "the step still ran when the time for compensations was over: it may happen, \
    and is not undone";
pub(super) const STOPPED: &str = "skipped, because a compensation before it failed";
pub(super) const TOO_LATE: &str = "skipped, because the time for compensations was over";

#[derive(Debug)]
pub(super) enum NotUndone {
    Failed(WorkflowError),
    Skipped(&'static str),
}

/// How one step was undone.
#[derive(Debug)]
pub struct Compensated {
    pub(super) step: String,
    pub(super) outcome: Result<(), NotUndone>,
}

impl Compensated {
    /// The step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Whether it was not tried, because one before it failed or the time was over (G7, G8).
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self.outcome, Err(NotUndone::Skipped(_)))
    }

    /// Why it could not be undone, if that was tried and failed.
    #[must_use]
    pub fn error(&self) -> Option<&WorkflowError> {
        match &self.outcome {
            Err(NotUndone::Failed(error)) => Some(error),
            Err(NotUndone::Skipped(_)) | Ok(()) => None,
        }
    }
}

/// What a saga undid and what it did not, in the order in which it was tried.
#[derive(Debug, Default)]
pub struct SagaReport {
    pub(super) steps: Vec<Compensated>,
}

impl SagaReport {
    /// Every step that was to be undone.
    #[must_use]
    pub fn steps(&self) -> &[Compensated] {
        &self.steps
    }

    /// Whether everything that was due is undone.
    pub(super) fn is_whole(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The steps that are not undone, also those that were skipped.
    pub fn failed(&self) -> impl Iterator<Item = &Compensated> {
        self.steps.iter().filter(|step| step.outcome.is_err())
    }
}

impl fmt::Display for SagaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match &step.outcome {
                Ok(()) => write!(f, "`{}` compensated", step.step)?,
                Err(NotUndone::Failed(error)) => {
                    write!(f, "`{}` not compensated: {error}", step.step)?;
                }
                Err(NotUndone::Skipped(why)) => {
                    write!(f, "`{}` not compensated: {why}", step.step)?;
                }
            }
        }
        Ok(())
    }
}

/// A saga that ended with an error and could not undo everything. The original error stays its
/// source, so a cancellation stays one. A saga whose body went well ends with one too if it could not undo
/// a step that was dropped; it has undone the others then.
#[derive(Debug)]
pub struct SagaError {
    source: Box<dyn Error + Send + Sync>,
    report: String,
}

impl SagaError {
    pub(super) fn new(error: WorkflowError, report: &SagaReport) -> Self {
        let report = report.to_string();
        Self {
            source: error.into_source(),
            report,
        }
    }
}

impl fmt::Display for SagaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (saga: {})", self.source, self.report)
    }
}

impl Error for SagaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
