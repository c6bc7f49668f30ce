//! What clients and workers ask of a service, as requests to an engine.
//!
//! A request is refused as a Temporal Service refuses it, in its words, where an id or a time of it cannot be
//! expressed. Everything else is for the engine to check: retry policies, the ids of runs, the sizes of values.
//!
//! What a request may leave out and an engine wants is filled in as a service does it: ids come from `new_id`, and who
//! does not say who asks is [`NOBODY`].

mod activities;
mod answers;
mod checks;
mod multi_operation;
mod schedules;
mod tasks;

use steadfast_core::{
    ids::RequestId,
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
};
use steadfast_engine::{
    CancelWorkflowRequest, EngineError, ExecutionRef, ResetWorkflowRequest, Signal,
    SignalWorkflowRequest, StartWorkflowRequest, TerminateWorkflowRequest,
    spelling::enums::{CONFLICT_POLICIES, REUSE_POLICIES},
};
use temporalio_protos::temporal::api::{
    enums::v1::{ResetReapplyExcludeType, ResetReapplyType},
    workflowservice::v1 as proto,
};

use self::checks::{
    checked_policy, checked_queue, checked_timeout, execution_ref, request_id, required, unset,
    unsupported,
};
pub use self::{
    answers::poll_update_in,
    checks::{NOBODY, caller},
    multi_operation::UpdateWithStart,
    schedules::{
        delete_schedule_in, list_schedules_in, matching_times_in, patch_schedule_in, schedule_id_in,
    },
    tasks::{activity_poll_in, workflow_poll_in},
};
use crate::{
    unmodelled,
    values::{
        Wire, Wired, cron_schedule, duration_in, event_id, priority_in, retry_policy_in,
        search_attributes_in, timeout_in, type_name,
    },
};

/// The number of the deprecated policy that is a conflict policy today.
const TERMINATE_IF_RUNNING: i32 = 4;

impl Wire {
    /// Starts an execution.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] when a Temporal Service would refuse it, [`EngineError::Unsupported`] when it
    /// asks for a cron schedule or for a callback.
    pub fn start_in(
        &self,
        request: proto::StartWorkflowExecutionRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<StartWorkflowRequest> {
        let request_id = request_id(&request.request_id, new_id)?;
        self.start(request, request_id, WorkflowIdConflictPolicy::Fail)
    }

    /// Signals an execution, starting one first if there is none.
    ///
    /// # Errors
    ///
    /// As for [`start_in`](Self::start_in).
    pub fn signal_with_start_in(
        &self,
        request: proto::SignalWithStartWorkflowExecutionRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<(StartWorkflowRequest, Signal)> {
        if request.workflow_id.is_empty() {
            return Err(unset("WorkflowId"));
        }
        if request.signal_name.is_empty() {
            return Err(EngineError::invalid("signal not set"));
        }
        let workflow_type = request.workflow_type;
        if workflow_type.as_ref().is_none_or(|it| it.name.is_empty()) {
            return Err(EngineError::invalid("workflow type not set"));
        }
        if request.workflow_id_conflict_policy
            == CONFLICT_POLICIES.number(WorkflowIdConflictPolicy::Fail)
        {
            return Err(EngineError::invalid(
                "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.",
            ));
        }
        let request_id = request_id(&request.request_id, new_id)?;
        let signal = Signal {
            name: required(&request.signal_name, "SignalName")?,
            input: self.payloads_in(request.signal_input)?,
            header: self.header_in(request.header.clone())?,
            identity: caller(&request.identity)?,
            request_id: request_id.clone(),
        };
        let start = proto::StartWorkflowExecutionRequest {
            namespace: request.namespace,
            workflow_id: request.workflow_id,
            workflow_type,
            task_queue: request.task_queue,
            input: request.input,
            workflow_execution_timeout: request.workflow_execution_timeout,
            workflow_run_timeout: request.workflow_run_timeout,
            workflow_task_timeout: request.workflow_task_timeout,
            identity: request.identity,
            workflow_id_reuse_policy: request.workflow_id_reuse_policy,
            workflow_id_conflict_policy: request.workflow_id_conflict_policy,
            retry_policy: request.retry_policy,
            cron_schedule: request.cron_schedule,
            memo: request.memo,
            search_attributes: request.search_attributes,
            user_metadata: request.user_metadata,
            header: request.header,
            priority: request.priority,
            versioning_override: request.versioning_override,
            time_skipping_config: request.time_skipping_config,
            workflow_start_delay: request.workflow_start_delay,
            ..proto::StartWorkflowExecutionRequest::default()
        };
        let start = self.start(start, request_id, WorkflowIdConflictPolicy::UseExisting)?;
        Ok((start, signal))
    }

    fn start(
        &self,
        request: proto::StartWorkflowExecutionRequest,
        request_id: RequestId,
        conflict_policy: WorkflowIdConflictPolicy,
    ) -> Wired<StartWorkflowRequest> {
        let workflow_id = required(&request.workflow_id, "WorkflowId")?;
        checked_policy(request.retry_policy.as_ref())?;
        checked_timeout(request.workflow_start_delay.as_ref(), "WorkflowStartDelay")?;
        if !request.completion_callbacks.is_empty() {
            return Err(unsupported("completion callbacks are not offered here"));
        }
        let workflow_type = required(&type_name(request.workflow_type), "WorkflowType")?;
        let task_queue = checked_queue(request.task_queue)?;
        for (timeout, name) in [
            (
                &request.workflow_execution_timeout,
                "WorkflowExecutionTimeout",
            ),
            (&request.workflow_run_timeout, "WorkflowRunTimeout"),
            (&request.workflow_task_timeout, "WorkflowTaskTimeout"),
        ] {
            checked_timeout(timeout.as_ref(), name)?;
        }
        let (id_reuse_policy, id_conflict_policy) = id_policies(
            request.workflow_id_reuse_policy,
            request.workflow_id_conflict_policy,
            conflict_policy,
        )?;
        Ok(StartWorkflowRequest {
            workflow_id,
            workflow_type,
            task_queue,
            input: self.payloads_in(request.input)?,
            header: self.header_in(request.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: timeout_in(request.workflow_execution_timeout),
                run_timeout: timeout_in(request.workflow_run_timeout),
                task_timeout: timeout_in(request.workflow_task_timeout),
            },
            identity: caller(&request.identity)?,
            request_id,
            cron_schedule: cron_schedule(&request.cron_schedule),
            id_reuse_policy,
            id_conflict_policy,
            retry_policy: retry_policy_in(request.retry_policy),
            start_delay: duration_in(request.workflow_start_delay),
            memo: self.memo_in(request.memo)?,
            search_attributes: search_attributes_in(request.search_attributes),
            user_metadata: self.user_metadata_in(request.user_metadata)?,
            priority: priority_in(request.priority),
            unmodelled: unmodelled::of_start(
                request.versioning_override,
                request.time_skipping_config,
            ),
        })
    }

    /// Signals an execution.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn signal_in(
        &self,
        request: proto::SignalWorkflowExecutionRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<SignalWorkflowRequest> {
        Ok(SignalWorkflowRequest {
            execution: execution_ref(request.workflow_execution, "")?,
            signal: Signal {
                name: required(&request.signal_name, "SignalName")?,
                input: self.payloads_in(request.input)?,
                header: self.header_in(request.header)?,
                identity: caller(&request.identity)?,
                request_id: request_id(&request.request_id, new_id)?,
            },
        })
    }

    /// Stops an execution.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it.
    pub fn terminate_in(
        &self,
        request: proto::TerminateWorkflowExecutionRequest,
    ) -> Wired<TerminateWorkflowRequest> {
        let execution = execution_ref(request.workflow_execution, &request.first_execution_run_id)?;
        let mut reason = request.reason;
        if reason.is_empty() {
            TerminateWorkflowRequest::DEFAULT_REASON.clone_into(&mut reason);
        }
        Ok(TerminateWorkflowRequest {
            execution,
            reason,
            details: self.payloads_in(request.details)?,
            identity: caller(&request.identity)?,
        })
    }
}

/// Asks for the cancellation of an execution.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn cancel_in(
    request: proto::RequestCancelWorkflowExecutionRequest,
    new_id: impl FnOnce() -> String,
) -> Wired<CancelWorkflowRequest> {
    Ok(CancelWorkflowRequest {
        execution: execution_ref(request.workflow_execution, &request.first_execution_run_id)?,
        reason: request.reason,
        identity: caller(&request.identity)?,
        request_id: request_id(&request.request_id, new_id)?,
    })
}

/// Resets a run.
///
/// # Errors
///
/// [`EngineError::InvalidArgument`] when a Temporal Service would refuse it, [`EngineError::Unsupported`] when it asks
/// for more than a reset.
#[expect(deprecated, reason = "the CLI sends the older choice")]
pub fn reset_in(request: proto::ResetWorkflowExecutionRequest) -> Wired<ResetWorkflowRequest> {
    let request_id = required(&request.request_id, "RequestId")?;
    let execution = execution_ref(request.workflow_execution, "")?;
    if !request.post_reset_operations.is_empty() {
        return Err(unsupported(
            "operations after a reset are not offered here; send them when the run has been reset",
        ));
    }
    let older = ResetReapplyType::try_from(request.reset_reapply_type)
        .unwrap_or(ResetReapplyType::AllEligible);
    let excludes = |kind: ResetReapplyExcludeType| {
        request
            .reset_reapply_exclude_types
            .contains(&i32::from(kind))
    };
    Ok(ResetWorkflowRequest {
        execution,
        workflow_task_finish_event_id: event_id(request.workflow_task_finish_event_id),
        identity: caller(&request.identity)?,
        request_id,
        exclude_signals: older == ResetReapplyType::None
            || excludes(ResetReapplyExcludeType::Signal),
        exclude_updates: matches!(older, ResetReapplyType::None | ResetReapplyType::Signal)
            || excludes(ResetReapplyExcludeType::Update),
        reason: request.reason,
    })
}

/// The execution that a request is about.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn execution_in(
    execution: Option<temporalio_protos::temporal::api::common::v1::WorkflowExecution>,
) -> Wired<ExecutionRef> {
    execution_ref(execution, "")
}

/// Deletes a run.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn delete_in(request: proto::DeleteWorkflowExecutionRequest) -> Wired<ExecutionRef> {
    execution_ref(request.workflow_execution, "")
}

/// What becomes of an id that was used before, and of one that is in use.
fn id_policies(
    reuse: i32,
    conflict: i32,
    otherwise: WorkflowIdConflictPolicy,
) -> Wired<(WorkflowIdReusePolicy, WorkflowIdConflictPolicy)> {
    let conflict = CONFLICT_POLICIES.of_number(conflict);
    let terminates = reuse == TERMINATE_IF_RUNNING;
    let reuse = REUSE_POLICIES.of_number(reuse).unwrap_or_default();
    match conflict {
        None if terminates => Ok((reuse, WorkflowIdConflictPolicy::TerminateExisting)),
        None => Ok((reuse, otherwise)),
        Some(_) if terminates => Err(EngineError::invalid(
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with \
             a WorkflowIDConflictPolicy",
        )),
        Some(WorkflowIdConflictPolicy::TerminateExisting)
            if reuse == WorkflowIdReusePolicy::RejectDuplicate =>
        {
            Err(EngineError::invalid(
                "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with \
                 WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
            ))
        }
        Some(conflict) => Ok((reuse, conflict)),
    }
}
