//! The client half: requests about executions.

use steadfast_core::{
    ids::RunId,
    payload::Payload,
    task::{ActivityOutcome, HeartbeatReply},
};
use steadfast_engine::{
    ActivityRef, CancelWorkflowRequest, EngineError, ExecutionRef, ResetWorkflowRequest, Signal,
    SignalWorkflowRequest, StartWorkflowRequest, StartedWorkflow, TerminateWorkflowRequest,
    spelling::enums::{CONFLICT_POLICIES, REUSE_POLICIES},
};
use steadfast_wire::values::{
    event_id_out, execution_out, id, normal_queue, priority_out, retry_policy_out,
    search_attributes_out, text, timeout_out, workflow_type,
};
use temporalio_protos::temporal::api::{
    enums::v1::ResetReapplyExcludeType, workflowservice::v1 as proto,
};

use super::{Connection, service::Patience, status::error_of};
use steadfast_core::options::WorkflowIdConflictPolicy;
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;

/// Sends a request as a client does.
macro_rules! send {
    ($connection:expr, $method:ident, $request:expr) => {
        $connection
            .service
            .call(Patience::Client, $request, |mut stub, request| async move {
                stub.$method(request).await
            })
            .await
    };
}
pub(super) use send;

impl Connection {
    pub(super) async fn start_workflow(
        &self,
        request: StartWorkflowRequest,
    ) -> Result<StartedWorkflow, EngineError> {
        let request = self.start_out(request)?;
        let answer =
            send!(self, start_workflow_execution, request).map_err(|status| error_of(&status))?;
        Ok(StartedWorkflow {
            run_id: id(&answer.run_id)?,
            started: answer.started,
        })
    }

    pub(super) fn start_out(
        &self,
        request: StartWorkflowRequest,
    ) -> Result<proto::StartWorkflowExecutionRequest, EngineError> {
        Ok(proto::StartWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_id: text(Some(request.workflow_id)),
            workflow_type: workflow_type(request.workflow_type),
            task_queue: normal_queue(request.task_queue),
            input: self.wire.payloads_out(request.input)?,
            workflow_execution_timeout: timeout_out(request.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(request.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(request.timeouts.task_timeout),
            identity: text(Some(request.identity)),
            request_id: text(Some(request.request_id)),
            workflow_id_reuse_policy: REUSE_POLICIES.number(request.id_reuse_policy),
            workflow_id_conflict_policy: CONFLICT_POLICIES.number(request.id_conflict_policy),
            priority: priority_out(request.priority),
            cron_schedule: request.cron_schedule.map(String::from).unwrap_or_default(),
            retry_policy: retry_policy_out(request.retry_policy)?,
            memo: self.wire.memo_out(request.memo)?,
            search_attributes: search_attributes_out(request.search_attributes),
            user_metadata: self
                .wire
                .user_metadata_out(request.user_metadata.map(|words| *words))?,
            header: self.wire.header_out(request.header)?,
            workflow_start_delay: timeout_out(
                Some(request.start_delay).filter(|delay| !delay.is_zero()),
            ),
            ..proto::StartWorkflowExecutionRequest::default()
        })
    }

    pub(super) async fn signal_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        signal: Signal,
    ) -> Result<StartedWorkflow, EngineError> {
        let request = proto::SignalWithStartWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_id: text(Some(start.workflow_id)),
            workflow_type: workflow_type(start.workflow_type),
            task_queue: normal_queue(start.task_queue),
            input: self.wire.payloads_out(start.input)?,
            workflow_execution_timeout: timeout_out(start.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(start.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(start.timeouts.task_timeout),
            identity: text(Some(start.identity)),
            request_id: text(Some(start.request_id)),
            workflow_id_reuse_policy: REUSE_POLICIES.number(start.id_reuse_policy),
            workflow_id_conflict_policy: match start.id_conflict_policy {
                // What is open is signalled: to fail would be another request.
                WorkflowIdConflictPolicy::Fail => {
                    CONFLICT_POLICIES.number(WorkflowIdConflictPolicy::UseExisting)
                }
                policy => CONFLICT_POLICIES.number(policy),
            },
            signal_name: text(Some(signal.name)),
            signal_input: self.wire.payloads_out(signal.input)?,
            priority: priority_out(start.priority),
            cron_schedule: start.cron_schedule.map(String::from).unwrap_or_default(),
            retry_policy: retry_policy_out(start.retry_policy)?,
            memo: self.wire.memo_out(start.memo)?,
            search_attributes: search_attributes_out(start.search_attributes),
            user_metadata: self
                .wire
                .user_metadata_out(start.user_metadata.map(|words| *words))?,
            header: self.wire.header_out(start.header)?,
            workflow_start_delay: timeout_out(
                Some(start.start_delay).filter(|delay| !delay.is_zero()),
            ),
            ..proto::SignalWithStartWorkflowExecutionRequest::default()
        };
        let answer = send!(self, signal_with_start_workflow_execution, request)
            .map_err(|status| error_of(&status))?;
        Ok(StartedWorkflow {
            run_id: id(&answer.run_id)?,
            started: answer.started,
        })
    }

    pub(super) async fn signal_workflow(
        &self,
        request: SignalWorkflowRequest,
    ) -> Result<(), EngineError> {
        let SignalWorkflowRequest { execution, signal } = request;
        let request = proto::SignalWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&execution),
            signal_name: text(Some(signal.name)),
            input: self.wire.payloads_out(signal.input)?,
            identity: text(Some(signal.identity)),
            request_id: text(Some(signal.request_id)),
            header: self.wire.header_out(signal.header)?,
            ..proto::SignalWorkflowExecutionRequest::default()
        };
        send!(self, signal_workflow_execution, request).map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn request_cancel_workflow(
        &self,
        request: CancelWorkflowRequest,
    ) -> Result<(), EngineError> {
        let request = proto::RequestCancelWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&request.execution),
            first_execution_run_id: text(request.execution.first_execution_run_id),
            identity: text(Some(request.identity)),
            request_id: text(Some(request.request_id)),
            reason: request.reason,
            ..proto::RequestCancelWorkflowExecutionRequest::default()
        };
        send!(self, request_cancel_workflow_execution, request)
            .map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn terminate_workflow(
        &self,
        request: TerminateWorkflowRequest,
    ) -> Result<(), EngineError> {
        let request = proto::TerminateWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&request.execution),
            first_execution_run_id: text(request.execution.first_execution_run_id),
            reason: request.reason,
            details: self.wire.payloads_out(request.details)?,
            identity: text(Some(request.identity)),
            ..proto::TerminateWorkflowExecutionRequest::default()
        };
        send!(self, terminate_workflow_execution, request).map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn reset_workflow(
        &self,
        request: ResetWorkflowRequest,
    ) -> Result<RunId, EngineError> {
        let mut exclude = Vec::new();
        if request.exclude_signals {
            exclude.push(ResetReapplyExcludeType::Signal.into());
        }
        if request.exclude_updates {
            exclude.push(ResetReapplyExcludeType::Update.into());
        }
        let request = proto::ResetWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&request.execution),
            reason: request.reason,
            workflow_task_finish_event_id: event_id_out(request.workflow_task_finish_event_id),
            request_id: text(Some(request.request_id)),
            reset_reapply_exclude_types: exclude,
            identity: text(Some(request.identity)),
            ..proto::ResetWorkflowExecutionRequest::default()
        };
        let answer =
            send!(self, reset_workflow_execution, request).map_err(|status| error_of(&status))?;
        id(&answer.run_id)
    }

    pub(super) async fn delete_workflow(&self, execution: ExecutionRef) -> Result<(), EngineError> {
        let request = proto::DeleteWorkflowExecutionRequest {
            namespace: self.namespace(),
            workflow_execution: current(&execution),
        };
        send!(self, delete_workflow_execution, request).map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn complete_activity(
        &self,
        activity: ActivityRef,
        outcome: ActivityOutcome,
    ) -> Result<(), EngineError> {
        let namespace = self.namespace();
        let workflow_id = text(Some(activity.execution.workflow_id));
        let run_id = text(activity.execution.run_id);
        let activity_id = text(Some(activity.activity_id));
        let sent = match outcome {
            ActivityOutcome::Completed { result } => {
                let request = proto::RespondActivityTaskCompletedByIdRequest {
                    namespace,
                    workflow_id,
                    run_id,
                    activity_id,
                    result: self.wire.single_out(result)?,
                    ..Default::default()
                };
                send!(self, respond_activity_task_completed_by_id, request).map(drop)
            }
            ActivityOutcome::Failed {
                failure,
                last_heartbeat_details,
            } => {
                let details = last_heartbeat_details.unwrap_or_default();
                let request = proto::RespondActivityTaskFailedByIdRequest {
                    namespace,
                    workflow_id,
                    run_id,
                    activity_id,
                    failure: Some(self.wire.failure_out(failure)?),
                    last_heartbeat_details: self.wire.payloads_out(details)?,
                    ..Default::default()
                };
                send!(self, respond_activity_task_failed_by_id, request).map(drop)
            }
            ActivityOutcome::Cancelled { details } => {
                let request = proto::RespondActivityTaskCanceledByIdRequest {
                    namespace,
                    workflow_id,
                    run_id,
                    activity_id,
                    details: self.wire.payloads_out(details)?,
                    ..Default::default()
                };
                send!(self, respond_activity_task_canceled_by_id, request).map(drop)
            }
        };
        sent.map_err(|status| error_of(&status))
    }

    pub(super) async fn record_activity_heartbeat(
        &self,
        activity: ActivityRef,
        details: Vec<Payload>,
    ) -> Result<HeartbeatReply, EngineError> {
        let request = proto::RecordActivityTaskHeartbeatByIdRequest {
            namespace: self.namespace(),
            workflow_id: text(Some(activity.execution.workflow_id)),
            run_id: text(activity.execution.run_id),
            activity_id: text(Some(activity.activity_id)),
            details: self.wire.payloads_out(details)?,
            ..Default::default()
        };
        let reply = send!(self, record_activity_task_heartbeat_by_id, request)
            .map_err(|status| error_of(&status))?;
        Ok(HeartbeatReply {
            cancel_requested: reply.cancel_requested,
            paused: reply.activity_paused,
            reset: reply.activity_reset,
        })
    }
}

/// The run that a request is for: with a chain given, the current one, whatever it is.
pub(super) fn current(execution: &ExecutionRef) -> Option<WorkflowExecution> {
    let run_id = match &execution.first_execution_run_id {
        Some(_) => None,
        None => execution.run_id.as_ref(),
    };
    execution_out(&execution.workflow_id, run_id)
}
