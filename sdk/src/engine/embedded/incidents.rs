//! What the engine alone decides and somebody has to hear of: time limits that passed. Each is a line in the log
//! and counts, once. What workers report, they log themselves.

use steadfast_core::{
    failure::{Failure, TimeoutType},
    ids::{ActivityId, ActivityType},
};

use super::execution::{Activity, Execution};

/// Something that went wrong with a run.
#[derive(Clone, Debug)]
pub(crate) enum Incident {
    /// The worker that had the workflow task did not answer in time.
    TaskTimedOut { attempt: u32 },
    /// A time limit of an activity passed, or its attempt ended with its process.
    ActivityTimedOut {
        activity_id: ActivityId,
        activity_type: ActivityType,
        attempt: u32,
        timeout_type: TimeoutType,
        text: String,
        is_retried: bool,
    },
    /// A time limit of the run or the execution passed.
    WorkflowTimedOut,
}

impl Incident {
    /// That an activity timed out which is not tried again.
    pub(crate) fn activity_timed_out(
        activity: &Activity,
        failure: &Failure,
        timeout_type: TimeoutType,
    ) -> Self {
        Self::ActivityTimedOut {
            activity_id: activity.task.activity_id.clone(),
            activity_type: activity.task.activity_type.clone(),
            attempt: activity.attempt,
            timeout_type,
            text: failure.message.clone(),
            is_retried: false,
        }
    }
}

/// How often what happened since the engine was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IncidentCounts {
    pub(crate) workflow_tasks_timed_out: u64,
    pub(crate) activities_timed_out: u64,
    pub(crate) workflows_timed_out: u64,
}

impl IncidentCounts {
    fn count(&mut self, incident: &Incident) {
        let count = match incident {
            Incident::TaskTimedOut { .. } => &mut self.workflow_tasks_timed_out,
            Incident::ActivityTimedOut { .. } => &mut self.activities_timed_out,
            Incident::WorkflowTimedOut => &mut self.workflows_timed_out,
        };
        *count += 1;
    }

    /// Counts what happened to a run, and logs it.
    pub(super) fn report(&mut self, run: &Execution, incident: &Incident) {
        self.count(incident);
        let (workflow_id, run_id) = (&run.id.workflow_id, &run.id.run_id);
        let workflow_type = &run.start.workflow_type;
        match incident {
            Incident::TaskTimedOut { attempt } => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                attempt,
                "a workflow task timed out; it is tried again"
            ),
            Incident::ActivityTimedOut {
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
            Incident::WorkflowTimedOut => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                "a workflow timed out"
            ),
        }
    }
}
