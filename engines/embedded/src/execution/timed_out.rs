//! Time limits that passed.

use steadfast_core::{
    failure::{Failure, TimeoutType},
    ids::{ActivityId, ActivityType},
};

use super::Activity;

/// What timed out.
#[derive(Clone, Debug)]
pub(crate) enum TimedOut {
    /// The worker that had the workflow task did not answer in time.
    WorkflowTask { attempt: u32 },
    /// A time limit of an activity passed, or its attempt ended with its process.
    Activity {
        activity_id: ActivityId,
        activity_type: ActivityType,
        attempt: u32,
        timeout_type: TimeoutType,
        text: String,
        is_retried: bool,
    },
    /// A time limit of the run or the execution passed.
    Workflow,
}

impl TimedOut {
    /// That an activity timed out which is not tried again.
    pub(crate) fn activity(
        activity: &Activity,
        failure: &Failure,
        timeout_type: TimeoutType,
    ) -> Self {
        Self::Activity {
            activity_id: activity.task.activity_id.clone(),
            activity_type: activity.task.activity_type.clone(),
            attempt: activity.attempt,
            timeout_type,
            text: failure.message.clone(),
            is_retried: false,
        }
    }
}
