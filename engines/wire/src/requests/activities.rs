//! How activities end, and that they are alive, from those who know only their ids.

use steadfast_core::{payload::Payload, task::ActivityOutcome};
use steadfast_engine::ActivityRef;
use temporalio_protos::temporal::api::workflowservice::v1 as proto;

use super::checks::{required, run_ref, unset};
use crate::values::{Wire, Wired};

impl Wire {
    /// Ends an activity with a value.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn activity_completed_in(
        &self,
        request: proto::RespondActivityTaskCompletedByIdRequest,
    ) -> Wired<(ActivityRef, ActivityOutcome)> {
        let activity = activity(&request.activity_id, &request.workflow_id, &request.run_id)?;
        let result = self.single_in(request.result)?;
        Ok((activity, ActivityOutcome::Completed { result }))
    }

    /// Ends an activity with a failure.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it, or there is no failure.
    pub fn activity_failed_in(
        &self,
        request: proto::RespondActivityTaskFailedByIdRequest,
    ) -> Wired<(ActivityRef, ActivityOutcome)> {
        let activity = activity(&request.activity_id, &request.workflow_id, &request.run_id)?;
        let failure = self
            .optional_failure_in(request.failure)?
            .ok_or_else(|| unset("Failure"))?;
        let last_heartbeat_details = match request.last_heartbeat_details {
            Some(details) => Some(self.payloads_in(Some(details))?),
            None => None,
        };
        Ok((
            activity,
            ActivityOutcome::Failed {
                failure,
                last_heartbeat_details,
            },
        ))
    }

    /// Ends an activity as cancelled.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn activity_cancelled_in(
        &self,
        request: proto::RespondActivityTaskCanceledByIdRequest,
    ) -> Wired<(ActivityRef, ActivityOutcome)> {
        let activity = activity(&request.activity_id, &request.workflow_id, &request.run_id)?;
        let details = self.payloads_in(request.details)?;
        Ok((activity, ActivityOutcome::Cancelled { details }))
    }

    /// Says that an activity is alive.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn activity_heartbeat_in(
        &self,
        request: proto::RecordActivityTaskHeartbeatByIdRequest,
    ) -> Wired<(ActivityRef, Vec<Payload>)> {
        let activity = activity(&request.activity_id, &request.workflow_id, &request.run_id)?;
        Ok((activity, self.payloads_in(request.details)?))
    }
}

fn activity(activity_id: &str, workflow_id: &str, run_id: &str) -> Wired<ActivityRef> {
    let activity_id = required(activity_id, "ActivityId")?;
    Ok(ActivityRef {
        execution: run_ref(workflow_id, run_id, "")?,
        activity_id,
    })
}
