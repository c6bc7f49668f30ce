//! Requests that a worker answers: queries and updates.

use std::time::Duration;

use steadfast_engine::{
    EngineError, PollUpdateRequest, QueryWorkflowRequest, UpdateStage, UpdateWorkflowRequest,
};
use temporalio_protos::temporal::api::{
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage, update::v1 as update,
    workflowservice::v1 as proto,
};

use super::checks::{caller, execution_ref, required, unset, unsupported};
use crate::values::{Wire, Wired};

impl Wire {
    /// Asks a workflow's code about its state.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn query_in(
        &self,
        request: proto::QueryWorkflowRequest,
        answer_timeout: Duration,
    ) -> Wired<QueryWorkflowRequest> {
        let execution = execution_ref(request.execution, "")?;
        let query = request.query.ok_or_else(|| unset("WorkflowQuery"))?;
        Ok(QueryWorkflowRequest {
            execution,
            name: required(&query.query_type, "QueryType")?,
            input: self.payloads_in(query.query_args)?,
            answer_timeout,
        })
    }

    /// Sends an update.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] when a Temporal Service would refuse it, [`EngineError::Unsupported`] when it
    /// would not wait until the update is accepted, or asks for a callback.
    pub fn update_in(
        &self,
        request: proto::UpdateWorkflowExecutionRequest,
        new_id: impl FnOnce() -> String,
        answer_timeout: Duration,
    ) -> Wired<UpdateWorkflowRequest> {
        let execution = execution_ref(request.workflow_execution, &request.first_execution_run_id)?;
        let asked = request.request.unwrap_or_default();
        let meta = asked.meta.ok_or_else(|| unset("Update meta"))?;
        let update_id = match meta.update_id.as_str() {
            "" => new_id(),
            update_id => update_id.to_owned(),
        };
        let update_id = required(&update_id, "UpdateId")?;
        let input = asked.input.ok_or_else(|| unset("Update input"))?;
        let name = required(&input.name, "Update name")?;
        if !asked.completion_callbacks.is_empty() {
            return Err(unsupported("completion callbacks are not offered here"));
        }
        let wait_for = match stage(request.wait_policy)? {
            // What a service waits for when nothing is said.
            Stage::Unspecified | Stage::Completed => UpdateStage::Completed,
            Stage::Accepted => UpdateStage::Accepted,
            Stage::Admitted => {
                return Err(unsupported(
                    "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.",
                ));
            }
        };
        Ok(UpdateWorkflowRequest {
            execution,
            update_id,
            name,
            input: self.payloads_in(input.args)?,
            header: self.header_in(input.header)?,
            identity: caller(&meta.identity)?,
            wait_for,
            answer_timeout,
        })
    }
}

/// Asks how far an update has come.
///
/// # Errors
///
/// When a Temporal Service would refuse it, or knows no such update because it has no id.
pub fn poll_update_in(
    request: proto::PollWorkflowExecutionUpdateRequest,
) -> Wired<PollUpdateRequest> {
    let reference = request.update_ref.ok_or_else(|| unset("UpdateRef"))?;
    let execution = execution_ref(reference.workflow_execution, "")?;
    if reference.update_id.is_empty() {
        return Err(EngineError::not_found("update \"\" not found"));
    }
    Ok(PollUpdateRequest {
        execution,
        update_id: required(&reference.update_id, "UpdateId")?,
        wait_for: match stage(request.wait_policy)? {
            Stage::Unspecified | Stage::Admitted => UpdateStage::Admitted,
            Stage::Accepted => UpdateStage::Accepted,
            Stage::Completed => UpdateStage::Completed,
        },
    })
}

fn stage(policy: Option<update::WaitPolicy>) -> Wired<Stage> {
    let stage = policy.unwrap_or_default().lifecycle_stage;
    Stage::try_from(stage)
        .map_err(|_| EngineError::invalid(format!("unknown lifecycle stage of an update: {stage}")))
}
