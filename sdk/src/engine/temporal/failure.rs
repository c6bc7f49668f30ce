//! Failures on the wire, both ways.

use steadfast_core::{
    failure::{ActivityFailureInfo, ChildWorkflowFailureInfo, Failure, FailureKind, TimeoutType},
    retry::RetryState,
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    failure::v1::{self as proto, failure::FailureInfo},
};

use super::wire::{
    Wire, Wired, event_id, event_id_out, execution_out, id, lacks, optional_id, target, text,
    timeout_in, timeout_out, type_name, workflow_type,
};
use crate::history_json::{
    MAX_CAUSES,
    enums::{RETRY_STATES, TIMEOUT_TYPES},
};

impl Wire {
    pub(super) fn failure_out(&self, failure: Failure) -> Wired<proto::Failure> {
        let cause = match failure.cause {
            Some(cause) => Some(Box::new(self.failure_out(*cause)?)),
            None => None,
        };
        Ok(proto::Failure {
            message: failure.message,
            source: failure.source,
            stack_trace: failure.stack_trace,
            encoded_attributes: None,
            cause,
            failure_info: Some(self.kind_out(failure.kind)?),
        })
    }

    fn kind_out(&self, kind: FailureKind) -> Wired<FailureInfo> {
        Ok(match kind {
            FailureKind::Application {
                error_type,
                non_retryable,
                details,
                next_retry_delay,
            } => FailureInfo::ApplicationFailureInfo(proto::ApplicationFailureInfo {
                r#type: error_type,
                non_retryable,
                details: self.payloads_out(details)?,
                next_retry_delay: timeout_out(next_retry_delay),
                ..proto::ApplicationFailureInfo::default()
            }),
            FailureKind::Timeout {
                timeout_type,
                last_heartbeat_details,
            } => FailureInfo::TimeoutFailureInfo(proto::TimeoutFailureInfo {
                timeout_type: TIMEOUT_TYPES.number(timeout_type),
                last_heartbeat_details: self.payloads_out(last_heartbeat_details)?,
            }),
            FailureKind::Cancelled { details } => {
                FailureInfo::CanceledFailureInfo(proto::CanceledFailureInfo {
                    details: self.payloads_out(details)?,
                    ..proto::CanceledFailureInfo::default()
                })
            }
            FailureKind::Terminated => {
                FailureInfo::TerminatedFailureInfo(proto::TerminatedFailureInfo::default())
            }
            FailureKind::Server { non_retryable } => {
                FailureInfo::ServerFailureInfo(proto::ServerFailureInfo { non_retryable })
            }
            FailureKind::Reset {
                last_heartbeat_details,
            } => FailureInfo::ResetWorkflowFailureInfo(proto::ResetWorkflowFailureInfo {
                last_heartbeat_details: self.payloads_out(last_heartbeat_details)?,
            }),
            FailureKind::Activity(info) => {
                FailureInfo::ActivityFailureInfo(proto::ActivityFailureInfo {
                    scheduled_event_id: event_id_out(info.scheduled_event_id),
                    started_event_id: event_id_out(info.started_event_id),
                    identity: text(info.identity),
                    activity_type: Some(common::ActivityType {
                        name: info.activity_type.as_str().to_owned(),
                    }),
                    activity_id: info.activity_id.as_str().to_owned(),
                    retry_state: RETRY_STATES.number(info.retry_state),
                })
            }
            FailureKind::ChildWorkflow(info) => FailureInfo::ChildWorkflowExecutionFailureInfo(
                proto::ChildWorkflowExecutionFailureInfo {
                    workflow_execution: execution_out(&info.workflow_id, info.run_id.as_ref()),
                    workflow_type: workflow_type(&info.workflow_type),
                    initiated_event_id: event_id_out(info.initiated_event_id),
                    started_event_id: event_id_out(info.started_event_id),
                    retry_state: RETRY_STATES.number(info.retry_state),
                    ..proto::ChildWorkflowExecutionFailureInfo::default()
                },
            ),
        })
    }

    pub(super) fn optional_failure_out(
        &self,
        failure: Option<Failure>,
    ) -> Wired<Option<proto::Failure>> {
        failure.map(|failure| self.failure_out(failure)).transpose()
    }

    /// A failure that must be there.
    pub(super) fn failure_in(&self, failure: Option<proto::Failure>) -> Wired<Failure> {
        self.optional_failure_in(failure)?
            .ok_or_else(|| lacks("failure"))
    }

    pub(super) fn optional_failure_in(
        &self,
        failure: Option<proto::Failure>,
    ) -> Wired<Option<Failure>> {
        // The causes are walked down and put together from the innermost: depth is not recursion.
        let mut chain = Vec::new();
        let mut next = failure.map(Box::new);
        while let Some(mut failure) = next {
            if chain.len() >= MAX_CAUSES {
                break;
            }
            next = failure.cause.take();
            chain.push(*failure);
        }
        let mut cause = None;
        for failure in chain.into_iter().rev() {
            let (message, stack_trace) = self.attributes(&failure);
            cause = Some(Box::new(Failure {
                message,
                source: failure.source,
                stack_trace,
                kind: self.kind_in(failure.failure_info)?,
                cause,
            }));
        }
        Ok(cause.map(|failure| *failure))
    }

    /// The message and the stack trace, which another SDK may have put through its codec.
    fn attributes(&self, failure: &proto::Failure) -> (String, String) {
        let encoded = failure.encoded_attributes.clone();
        let decoded = encoded
            .and_then(|payload| self.payload_in(payload).ok())
            .and_then(|payload| {
                serde_json::from_slice::<serde_json::Value>(payload.data.as_slice()).ok()
            });
        let attribute = |name: &str, plain: &str| {
            decoded
                .as_ref()
                .and_then(|decoded| decoded.get(name)?.as_str())
                .unwrap_or(plain)
                .to_owned()
        };
        (
            attribute("message", &failure.message),
            attribute("stack_trace", &failure.stack_trace),
        )
    }

    fn kind_in(&self, info: Option<FailureInfo>) -> Wired<FailureKind> {
        Ok(match info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => FailureKind::Application {
                error_type: info.r#type,
                non_retryable: info.non_retryable,
                details: self.payloads_in(info.details)?,
                next_retry_delay: timeout_in(info.next_retry_delay),
            },
            Some(FailureInfo::TimeoutFailureInfo(info)) => FailureKind::Timeout {
                timeout_type: timeout_type(info.timeout_type),
                last_heartbeat_details: self.payloads_in(info.last_heartbeat_details)?,
            },
            Some(FailureInfo::CanceledFailureInfo(info)) => FailureKind::Cancelled {
                details: self.payloads_in(info.details)?,
            },
            Some(FailureInfo::TerminatedFailureInfo(_)) => FailureKind::Terminated,
            Some(FailureInfo::ServerFailureInfo(info)) => FailureKind::Server {
                non_retryable: info.non_retryable,
            },
            Some(FailureInfo::ResetWorkflowFailureInfo(info)) => FailureKind::Reset {
                last_heartbeat_details: self.payloads_in(info.last_heartbeat_details)?,
            },
            Some(FailureInfo::ActivityFailureInfo(info)) => {
                FailureKind::Activity(Box::new(ActivityFailureInfo {
                    scheduled_event_id: event_id(info.scheduled_event_id),
                    started_event_id: event_id(info.started_event_id),
                    identity: optional_id(&info.identity)?,
                    activity_type: id(&info.activity_type.unwrap_or_default().name)?,
                    activity_id: id(&info.activity_id)?,
                    retry_state: retry_state(info.retry_state),
                }))
            }
            Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)) => {
                let (workflow_id, run_id) = target(info.workflow_execution)?;
                FailureKind::ChildWorkflow(Box::new(ChildWorkflowFailureInfo {
                    workflow_id,
                    run_id,
                    workflow_type: id(&type_name(info.workflow_type))?,
                    initiated_event_id: event_id(info.initiated_event_id),
                    started_event_id: event_id(info.started_event_id),
                    retry_state: retry_state(info.retry_state),
                }))
            }
            // A history has no kind for these.
            Some(FailureInfo::NexusOperationExecutionFailureInfo(_)) => {
                foreign("NexusOperationFailure")
            }
            Some(FailureInfo::NexusHandlerFailureInfo(_)) => foreign("NexusHandlerFailure"),
            // A message only: so says the service why it refused a workflow task.
            None => foreign(""),
        })
    }
}

fn foreign(error_type: &str) -> FailureKind {
    FailureKind::Application {
        error_type: error_type.to_owned(),
        non_retryable: false,
        details: Vec::new(),
        next_retry_delay: None,
    }
}

pub(super) fn retry_state(number: i32) -> RetryState {
    RETRY_STATES
        .of_number(number)
        .unwrap_or(RetryState::RetryPolicyNotSet)
}

pub(super) fn timeout_type(number: i32) -> TimeoutType {
    TIMEOUT_TYPES
        .of_number(number)
        .unwrap_or(TimeoutType::StartToClose)
}
