//! What the engine alone decides and somebody has to hear of: time limits that passed. Each is a line in the log
//! and counts, once. What workers report, they log themselves.

use super::execution::{Execution, TimedOut};

/// How often what happened since the engine was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeoutCounts {
    pub(crate) workflow_tasks_timed_out: u64,
    pub(crate) activities_timed_out: u64,
    pub(crate) workflows_timed_out: u64,
}

impl TimeoutCounts {
    fn count(&mut self, timed_out: &TimedOut) {
        let count = match timed_out {
            TimedOut::WorkflowTask { .. } => &mut self.workflow_tasks_timed_out,
            TimedOut::Activity { .. } => &mut self.activities_timed_out,
            TimedOut::Workflow => &mut self.workflows_timed_out,
        };
        *count += 1;
    }

    /// Counts what happened to a run, and logs it.
    pub(super) fn report(&mut self, run: &Execution, timed_out: &TimedOut) {
        self.count(timed_out);
        let (workflow_id, run_id) = (&run.id.workflow_id, &run.id.run_id);
        let workflow_type = &run.start.workflow_type;
        match timed_out {
            TimedOut::WorkflowTask { attempt } => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                attempt,
                "a workflow task timed out; it is tried again"
            ),
            TimedOut::Activity {
                activity_id,
                activity_type,
                attempt,
                timeout_type,
                text,
                is_retried,
            } => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?activity_id,
                ?activity_type,
                attempt,
                ?timeout_type,
                failure = text,
                is_retried,
                "an activity timed out"
            ),
            TimedOut::Workflow => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                "a workflow timed out"
            ),
        }
    }
}
