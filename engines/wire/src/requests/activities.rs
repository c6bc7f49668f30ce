//! How activities end, and that they are alive: from workers, and from those who know only their ids.

use steadfast_core::{
    payload::Payload,
    task::{ActivityOutcome, TaskToken},
};
use steadfast_engine::ActivityRef;
use temporalio_protos::temporal::api::{
    common::v1::Payloads, failure::v1::Failure, workflowservice::v1 as proto,
};

use super::{
    checks::{required, run_ref, unset},
    tasks::token,
};
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
        let outcome = self.activity_failure_in(request.failure, request.last_heartbeat_details)?;
        Ok((activity, outcome))
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

    /// Ends an attempt with a value.
    ///
    /// # Errors
    ///
    /// When the codec refuses it.
    pub fn attempt_completed_in(
        &self,
        request: proto::RespondActivityTaskCompletedRequest,
    ) -> Wired<(TaskToken, ActivityOutcome)> {
        let result = self.single_in(request.result)?;
        Ok((
            token(request.task_token),
            ActivityOutcome::Completed { result },
        ))
    }

    /// Ends an attempt with a failure.
    ///
    /// # Errors
    ///
    /// When there is no failure.
    pub fn attempt_failed_in(
        &self,
        request: proto::RespondActivityTaskFailedRequest,
    ) -> Wired<(TaskToken, ActivityOutcome)> {
        let outcome = self.activity_failure_in(request.failure, request.last_heartbeat_details)?;
        Ok((token(request.task_token), outcome))
    }

    /// Ends an attempt as cancelled.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn attempt_cancelled_in(
        &self,
        request: proto::RespondActivityTaskCanceledRequest,
    ) -> Wired<(TaskToken, ActivityOutcome)> {
        let details = self.payloads_in(request.details)?;
        Ok((
            token(request.task_token),
            ActivityOutcome::Cancelled { details },
        ))
    }

    /// Says that an attempt is alive.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn attempt_heartbeat_in(
        &self,
        request: proto::RecordActivityTaskHeartbeatRequest,
    ) -> Wired<(TaskToken, Vec<Payload>)> {
        Ok((
            token(request.task_token),
            self.payloads_in(request.details)?,
        ))
    }

    fn activity_failure_in(
        &self,
        failure: Option<Failure>,
        last_heartbeat_details: Option<Payloads>,
    ) -> Wired<ActivityOutcome> {
        let failure = self
            .optional_failure_in(failure)?
            .ok_or_else(|| unset("Failure"))?;
        let last_heartbeat_details = match last_heartbeat_details {
            Some(details) => Some(self.payloads_in(Some(details))?),
            None => None,
        };
        Ok(ActivityOutcome::Failed {
            failure,
            last_heartbeat_details,
        })
    }
}

fn activity(activity_id: &str, workflow_id: &str, run_id: &str) -> Wired<ActivityRef> {
    let activity_id = required(activity_id, "ActivityId")?;
    Ok(ActivityRef {
        execution: run_ref(workflow_id, run_id, "")?,
        activity_id,
    })
}
