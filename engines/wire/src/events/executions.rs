//! The events of an execution itself, and of those that it deals with.

use steadfast_core::event::{EventKind, ExternalFailedCause};
use steadfast_engine::spelling::enums::{
    CANCEL_FAILED_CAUSES, SIGNAL_FAILED_CAUSES, START_CHILD_FAILED_CAUSES,
};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes as A;

use super::{Tried, messages::external_cancel_in};
use crate::{
    failure::retry_state,
    values::{
        Wire, Wired, event_id, execution_in, id, optional_execution, optional_id,
        search_attributes_in, target, type_name,
    },
};

impl Wire {
    pub(super) fn execution(&self, attributes: A) -> Tried {
        Ok(Ok(match attributes {
            A::WorkflowExecutionStartedEventAttributes(a) => {
                EventKind::WorkflowExecutionStarted(Box::new(self.started_in(a)?))
            }
            A::WorkflowExecutionCompletedEventAttributes(a) => {
                EventKind::WorkflowExecutionCompleted {
                    result: self.single_in(a.result)?,
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                    new_execution_run_id: optional_id(&a.new_execution_run_id)?,
                }
            }
            A::WorkflowExecutionFailedEventAttributes(a) => EventKind::WorkflowExecutionFailed {
                failure: Box::new(self.failure_in(a.failure)?),
                retry_state: retry_state(a.retry_state),
                workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                new_execution_run_id: optional_id(&a.new_execution_run_id)?,
            },
            A::WorkflowExecutionTimedOutEventAttributes(a) => {
                EventKind::WorkflowExecutionTimedOut {
                    retry_state: retry_state(a.retry_state),
                    new_execution_run_id: optional_id(&a.new_execution_run_id)?,
                }
            }
            A::WorkflowExecutionCanceledEventAttributes(a) => {
                EventKind::WorkflowExecutionCanceled {
                    details: self.payloads_in(a.details)?,
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                }
            }
            A::WorkflowExecutionTerminatedEventAttributes(a) => {
                EventKind::WorkflowExecutionTerminated {
                    reason: a.reason,
                    details: self.payloads_in(a.details)?,
                    identity: optional_id(&a.identity)?,
                }
            }
            A::WorkflowExecutionContinuedAsNewEventAttributes(a) => {
                EventKind::WorkflowExecutionContinuedAsNew {
                    new_execution_run_id: id(&a.new_execution_run_id)?,
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                    next: Box::new(self.continue_as_new_in(a)?),
                }
            }
            A::WorkflowExecutionSignaledEventAttributes(a) => {
                EventKind::WorkflowExecutionSignaled {
                    signal_name: id(&a.signal_name)?,
                    input: self.payloads_in(a.input)?,
                    header: self.header_in(a.header)?,
                    identity: optional_id(&a.identity)?,
                    external_workflow_execution: optional_execution(a.external_workflow_execution)?,
                    request_id: optional_id(&a.request_id)?,
                }
            }
            A::WorkflowExecutionCancelRequestedEventAttributes(a) => {
                EventKind::WorkflowExecutionCancelRequested {
                    cause: a.cause,
                    identity: optional_id(&a.identity)?,
                    external_initiated_event_id: event_id(a.external_initiated_event_id),
                    external_workflow_execution: optional_execution(a.external_workflow_execution)?,
                    request_id: None,
                }
            }
            A::UpsertWorkflowSearchAttributesEventAttributes(a) => {
                EventKind::UpsertWorkflowSearchAttributes {
                    search_attributes: search_attributes_in(a.search_attributes),
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                }
            }
            A::WorkflowPropertiesModifiedEventAttributes(a) => {
                EventKind::WorkflowPropertiesModified {
                    upserted_memo: self.memo_in(a.upserted_memo)?,
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                }
            }
            other => return Ok(Err(other)),
        }))
    }

    pub(super) fn other_execution(&self, attributes: A) -> Wired<Option<EventKind>> {
        match self.child(attributes)? {
            Ok(kind) => Ok(Some(kind)),
            Err(attributes) => self.external(attributes),
        }
    }

    fn child(&self, attributes: A) -> Tried {
        Ok(Ok(match attributes {
            A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
                EventKind::StartChildWorkflowExecutionInitiated {
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                    child: Box::new(self.child_in(a)?),
                }
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => {
                EventKind::StartChildWorkflowExecutionFailed {
                    workflow_id: id(&a.workflow_id)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    cause: START_CHILD_FAILED_CAUSES
                        .of_number(a.cause)
                        .unwrap_or(ExternalFailedCause::Unspecified),
                    initiated_event_id: event_id(a.initiated_event_id),
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                }
            }
            A::ChildWorkflowExecutionStartedEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionStarted {
                    initiated_event_id: event_id(a.initiated_event_id),
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                }
            }
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionCompleted {
                    result: self.single_in(a.result)?,
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    initiated_event_id: event_id(a.initiated_event_id),
                    started_event_id: event_id(a.started_event_id),
                }
            }
            A::ChildWorkflowExecutionFailedEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionFailed {
                    failure: Box::new(self.failure_in(a.failure)?),
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    initiated_event_id: event_id(a.initiated_event_id),
                    started_event_id: event_id(a.started_event_id),
                    retry_state: retry_state(a.retry_state),
                }
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionCanceled {
                    details: self.payloads_in(a.details)?,
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    initiated_event_id: event_id(a.initiated_event_id),
                    started_event_id: event_id(a.started_event_id),
                }
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionTimedOut {
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    initiated_event_id: event_id(a.initiated_event_id),
                    started_event_id: event_id(a.started_event_id),
                    retry_state: retry_state(a.retry_state),
                }
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => {
                EventKind::ChildWorkflowExecutionTerminated {
                    execution: execution_in(a.workflow_execution)?,
                    workflow_type: id(&type_name(a.workflow_type))?,
                    initiated_event_id: event_id(a.initiated_event_id),
                    started_event_id: event_id(a.started_event_id),
                }
            }
            other => return Ok(Err(other)),
        }))
    }

    fn external(&self, attributes: A) -> Wired<Option<EventKind>> {
        Ok(Some(match attributes {
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
                EventKind::RequestCancelExternalWorkflowExecutionInitiated {
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                    cancel: Box::new(external_cancel_in(a)?),
                }
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => {
                let (workflow_id, run_id) = target(a.workflow_execution)?;
                EventKind::RequestCancelExternalWorkflowExecutionFailed {
                    cause: CANCEL_FAILED_CAUSES
                        .of_number(a.cause)
                        .unwrap_or(ExternalFailedCause::Unspecified),
                    workflow_id,
                    run_id,
                    initiated_event_id: event_id(a.initiated_event_id),
                }
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => {
                let (workflow_id, run_id) = target(a.workflow_execution)?;
                EventKind::ExternalWorkflowExecutionCancelRequested {
                    initiated_event_id: event_id(a.initiated_event_id),
                    workflow_id,
                    run_id,
                }
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => {
                EventKind::SignalExternalWorkflowExecutionInitiated {
                    workflow_task_completed_event_id: event_id(a.workflow_task_completed_event_id),
                    signal: Box::new(self.external_signal_in(a)?),
                }
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => {
                let (workflow_id, run_id) = target(a.workflow_execution)?;
                EventKind::SignalExternalWorkflowExecutionFailed {
                    cause: SIGNAL_FAILED_CAUSES
                        .of_number(a.cause)
                        .unwrap_or(ExternalFailedCause::Unspecified),
                    workflow_id,
                    run_id,
                    initiated_event_id: event_id(a.initiated_event_id),
                }
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(a) => {
                let (workflow_id, run_id) = target(a.workflow_execution)?;
                EventKind::ExternalWorkflowExecutionSignaled {
                    initiated_event_id: event_id(a.initiated_event_id),
                    workflow_id,
                    run_id,
                }
            }
            _ => return Ok(None),
        }))
    }
}
