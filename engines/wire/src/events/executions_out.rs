//! The events of an execution itself, and of those that it deals with, as a service tells them.

use steadfast_core::event::{EventKind, ExternalFailedCause};
use steadfast_engine::spelling::enums::{
    CANCEL_FAILED_CAUSES, RETRY_STATES, SIGNAL_FAILED_CAUSES, START_CHILD_FAILED_CAUSES,
};
use temporalio_protos::temporal::api::history::v1::{
    self as proto, history_event::Attributes as A,
};

use super::event_out::{EventWriter, Home, Tried, run};
use crate::values::{
    Wired, event_id_out, execution_out, search_attributes_out, text, workflow_type,
};

impl EventWriter<'_> {
    pub(super) fn execution(self, kind: EventKind) -> Tried {
        let wire = self.wire;
        Ok(Ok(match kind {
            EventKind::WorkflowExecutionStarted(started) => self.started(*started)?.into(),
            EventKind::WorkflowExecutionCompleted {
                result,
                workflow_task_completed_event_id,
                new_execution_run_id,
            } => proto::WorkflowExecutionCompletedEventAttributes {
                result: wire.single_out(result)?,
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
                new_execution_run_id: text(new_execution_run_id),
            }
            .into(),
            EventKind::WorkflowExecutionFailed {
                failure,
                retry_state,
                workflow_task_completed_event_id,
                new_execution_run_id,
            } => proto::WorkflowExecutionFailedEventAttributes {
                failure: Some(wire.failure_out(*failure)?),
                retry_state: RETRY_STATES.number(retry_state),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
                new_execution_run_id: text(new_execution_run_id),
            }
            .into(),
            EventKind::WorkflowExecutionTimedOut {
                retry_state,
                new_execution_run_id,
            } => proto::WorkflowExecutionTimedOutEventAttributes {
                retry_state: RETRY_STATES.number(retry_state),
                new_execution_run_id: text(new_execution_run_id),
            }
            .into(),
            EventKind::WorkflowExecutionCanceled {
                details,
                workflow_task_completed_event_id,
            } => proto::WorkflowExecutionCanceledEventAttributes {
                details: wire.payloads_out(details)?,
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
            }
            .into(),
            EventKind::WorkflowExecutionTerminated {
                reason,
                details,
                identity,
            } => proto::WorkflowExecutionTerminatedEventAttributes {
                reason,
                details: wire.payloads_out(details)?,
                identity: text(identity),
            }
            .into(),
            EventKind::WorkflowExecutionContinuedAsNew {
                new_execution_run_id,
                next,
                workflow_task_completed_event_id,
            } => self
                .continued_as_new(
                    new_execution_run_id,
                    *next,
                    workflow_task_completed_event_id,
                )?
                .into(),
            EventKind::WorkflowExecutionSignaled {
                signal_name,
                input,
                header,
                identity,
                external_workflow_execution,
                request_id,
            } => proto::WorkflowExecutionSignaledEventAttributes {
                signal_name: text(Some(signal_name)),
                input: wire.payloads_out(input)?,
                header: wire.header_out(header)?,
                identity: text(identity),
                external_workflow_execution: external_workflow_execution.as_ref().and_then(run),
                request_id: text(request_id),
                ..Default::default()
            }
            .into(),
            EventKind::WorkflowExecutionCancelRequested {
                cause,
                identity,
                external_initiated_event_id,
                external_workflow_execution,
                request_id: _,
            } => proto::WorkflowExecutionCancelRequestedEventAttributes {
                cause,
                identity: text(identity),
                external_initiated_event_id: event_id_out(external_initiated_event_id),
                external_workflow_execution: external_workflow_execution.as_ref().and_then(run),
            }
            .into(),
            EventKind::UpsertWorkflowSearchAttributes {
                search_attributes,
                workflow_task_completed_event_id,
            } => proto::UpsertWorkflowSearchAttributesEventAttributes {
                search_attributes: search_attributes_out(search_attributes),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
            }
            .into(),
            EventKind::WorkflowPropertiesModified {
                upserted_memo,
                workflow_task_completed_event_id,
            } => proto::WorkflowPropertiesModifiedEventAttributes {
                upserted_memo: wire.memo_out(upserted_memo)?,
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
            }
            .into(),
            other => return Ok(Err(other)),
        }))
    }

    pub(super) fn other_execution(self, kind: EventKind) -> Wired<Option<A>> {
        match self.child(kind)? {
            Ok(attributes) => Ok(Some(attributes)),
            Err(kind) => self.external(kind),
        }
    }

    fn child(self, kind: EventKind) -> Tried {
        let wire = self.wire;
        let Home {
            namespace,
            namespace_id,
        } = self.home.clone();
        Ok(Ok(match kind {
            EventKind::StartChildWorkflowExecutionInitiated {
                child,
                workflow_task_completed_event_id,
            } => self
                .child_initiated(*child, workflow_task_completed_event_id)?
                .into(),
            EventKind::StartChildWorkflowExecutionFailed {
                workflow_id,
                workflow_type: name,
                cause,
                initiated_event_id,
                workflow_task_completed_event_id,
            } => proto::StartChildWorkflowExecutionFailedEventAttributes {
                namespace,
                namespace_id,
                workflow_id: text(Some(workflow_id)),
                workflow_type: workflow_type(name),
                cause: START_CHILD_FAILED_CAUSES.number(cause),
                initiated_event_id: event_id_out(initiated_event_id),
                workflow_task_completed_event_id: event_id_out(workflow_task_completed_event_id),
                ..Default::default()
            }
            .into(),
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id,
                execution,
                workflow_type: name,
            } => proto::ChildWorkflowExecutionStartedEventAttributes {
                namespace,
                namespace_id,
                initiated_event_id: event_id_out(initiated_event_id),
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                header: None,
            }
            .into(),
            EventKind::ChildWorkflowExecutionCompleted {
                result,
                execution,
                workflow_type: name,
                initiated_event_id,
                started_event_id,
            } => proto::ChildWorkflowExecutionCompletedEventAttributes {
                result: wire.single_out(result)?,
                namespace,
                namespace_id,
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                initiated_event_id: event_id_out(initiated_event_id),
                started_event_id: event_id_out(started_event_id),
            }
            .into(),
            EventKind::ChildWorkflowExecutionFailed {
                failure,
                execution,
                workflow_type: name,
                initiated_event_id,
                started_event_id,
                retry_state,
            } => proto::ChildWorkflowExecutionFailedEventAttributes {
                failure: Some(wire.failure_out(*failure)?),
                namespace,
                namespace_id,
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                initiated_event_id: event_id_out(initiated_event_id),
                started_event_id: event_id_out(started_event_id),
                retry_state: RETRY_STATES.number(retry_state),
            }
            .into(),
            EventKind::ChildWorkflowExecutionCanceled {
                details,
                execution,
                workflow_type: name,
                initiated_event_id,
                started_event_id,
            } => proto::ChildWorkflowExecutionCanceledEventAttributes {
                details: wire.payloads_out(details)?,
                namespace,
                namespace_id,
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                initiated_event_id: event_id_out(initiated_event_id),
                started_event_id: event_id_out(started_event_id),
            }
            .into(),
            EventKind::ChildWorkflowExecutionTimedOut {
                execution,
                workflow_type: name,
                initiated_event_id,
                started_event_id,
                retry_state,
            } => proto::ChildWorkflowExecutionTimedOutEventAttributes {
                namespace,
                namespace_id,
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                initiated_event_id: event_id_out(initiated_event_id),
                started_event_id: event_id_out(started_event_id),
                retry_state: RETRY_STATES.number(retry_state),
            }
            .into(),
            EventKind::ChildWorkflowExecutionTerminated {
                execution,
                workflow_type: name,
                initiated_event_id,
                started_event_id,
            } => proto::ChildWorkflowExecutionTerminatedEventAttributes {
                namespace,
                namespace_id,
                workflow_execution: run(&execution),
                workflow_type: workflow_type(name),
                initiated_event_id: event_id_out(initiated_event_id),
                started_event_id: event_id_out(started_event_id),
            }
            .into(),
            other => return Ok(Err(other)),
        }))
    }

    fn external(self, kind: EventKind) -> Wired<Option<A>> {
        let home = self.home.clone();
        Ok(Some(match kind {
            EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                cancel,
                workflow_task_completed_event_id,
            } => self
                .cancel_initiated(*cancel, workflow_task_completed_event_id)
                .into(),
            EventKind::RequestCancelExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                run_id,
                initiated_event_id,
            } => {
                let home = reached(home, cause);
                proto::RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                    cause: CANCEL_FAILED_CAUSES.number(cause),
                    namespace: home.namespace,
                    namespace_id: home.namespace_id,
                    workflow_execution: execution_out(&workflow_id, run_id.as_ref()),
                    initiated_event_id: event_id_out(initiated_event_id),
                    ..Default::default()
                }
                .into()
            }
            EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id,
                workflow_id,
                run_id,
            } => proto::ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id: event_id_out(initiated_event_id),
                namespace: home.namespace,
                namespace_id: home.namespace_id,
                workflow_execution: execution_out(&workflow_id, run_id.as_ref()),
            }
            .into(),
            EventKind::SignalExternalWorkflowExecutionInitiated {
                signal,
                workflow_task_completed_event_id,
            } => self
                .signal_initiated(*signal, workflow_task_completed_event_id)?
                .into(),
            EventKind::SignalExternalWorkflowExecutionFailed {
                cause,
                workflow_id,
                run_id,
                initiated_event_id,
            } => {
                let home = reached(home, cause);
                proto::SignalExternalWorkflowExecutionFailedEventAttributes {
                    cause: SIGNAL_FAILED_CAUSES.number(cause),
                    namespace: home.namespace,
                    namespace_id: home.namespace_id,
                    workflow_execution: execution_out(&workflow_id, run_id.as_ref()),
                    initiated_event_id: event_id_out(initiated_event_id),
                    ..Default::default()
                }
                .into()
            }
            EventKind::ExternalWorkflowExecutionSignaled {
                initiated_event_id,
                workflow_id,
                run_id,
            } => proto::ExternalWorkflowExecutionSignaledEventAttributes {
                initiated_event_id: event_id_out(initiated_event_id),
                namespace: home.namespace,
                namespace_id: home.namespace_id,
                workflow_execution: execution_out(&workflow_id, run_id.as_ref()),
                ..Default::default()
            }
            .into(),
            _ => return Ok(None),
        }))
    }
}

/// The namespace of a target that was not reached: none that anybody knows, if that is why.
fn reached(home: Home, cause: ExternalFailedCause) -> Home {
    match cause {
        ExternalFailedCause::NamespaceNotFound => Home::default(),
        _ => home,
    }
}
