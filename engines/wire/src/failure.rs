//! Failures on the wire, both ways.

use serde_json::json;
use steadfast_core::{
    failure::{
        ActivityFailureInfo, ChildWorkflowFailureInfo, Failure, FailureKind,
        NexusOperationFailureInfo, TimeoutType,
    },
    payload::Payload,
    retry::RetryState,
};
use steadfast_engine::spelling::enums::{
    ERROR_CATEGORIES, NEXUS_RETRY_BEHAVIORS, RETRY_STATES, TIMEOUT_TYPES,
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    failure::v1::{self as proto, failure::FailureInfo},
};

use super::values::{
    Wire, Wired, duration_in, event_id, event_id_out, execution_out, id, lacks, optional_id,
    plain_in, plain_out, target, text, timeout_out, type_name, workflow_type,
};

/// What a failure says whose message went through a codec.
const ENCODED: &str = "Encoded failure";
/// The names of what went through it.
const MESSAGE: &str = "message";
const STACK_TRACE: &str = "stack_trace";

impl Wire {
    /// A failure with its causes.
    pub fn failure_out(&self, failure: Failure) -> Wired<proto::Failure> {
        let cause = match failure.cause {
            Some(cause) => Some(Box::new(self.failure_out(*cause)?)),
            None => None,
        };
        let failure_info = self.kind_out(failure.kind)?;
        let mut out = proto::Failure {
            message: failure.message,
            source: failure.source,
            stack_trace: failure.stack_trace,
            encoded_attributes: failure.encoded_attributes.map(|it| plain_out(*it)),
            cause,
            failure_info,
        };
        if self.encode_failures && out.encoded_attributes.is_none() {
            let attributes = json!({ MESSAGE: out.message, STACK_TRACE: out.stack_trace });
            let attributes = Payload::json(attributes.to_string().into_bytes());
            out.encoded_attributes = Some(self.payload_out(attributes)?);
            ENCODED.clone_into(&mut out.message);
            out.stack_trace.clear();
        }
        Ok(out)
    }

    fn kind_out(&self, kind: FailureKind) -> Wired<Option<FailureInfo>> {
        Ok(Some(match kind {
            FailureKind::Application {
                error_type,
                non_retryable,
                details,
                next_retry_delay,
                category,
            } => FailureInfo::ApplicationFailureInfo(proto::ApplicationFailureInfo {
                r#type: error_type,
                non_retryable,
                details: self.payloads_out(details)?,
                // With a delay of zero a service would not try again.
                next_retry_delay: timeout_out(next_retry_delay.filter(|delay| !delay.is_zero())),
                category: ERROR_CATEGORIES.number(category),
            }),
            FailureKind::Timeout {
                timeout_type,
                last_heartbeat_details,
            } => FailureInfo::TimeoutFailureInfo(proto::TimeoutFailureInfo {
                timeout_type: TIMEOUT_TYPES.number(timeout_type),
                last_heartbeat_details: self.payloads_out(last_heartbeat_details)?,
            }),
            FailureKind::Cancelled { details, identity } => {
                FailureInfo::CanceledFailureInfo(proto::CanceledFailureInfo {
                    details: self.payloads_out(details)?,
                    identity: text(identity),
                })
            }
            FailureKind::Terminated { identity } => {
                FailureInfo::TerminatedFailureInfo(proto::TerminatedFailureInfo {
                    identity: text(identity),
                })
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
                    namespace: text(info.namespace),
                },
            ),
            FailureKind::NexusOperation(info) => nexus_operation_out(*info),
            FailureKind::NexusHandler {
                error_type,
                retry_behavior,
            } => FailureInfo::NexusHandlerFailureInfo(proto::NexusHandlerFailureInfo {
                r#type: error_type,
                retry_behavior: NEXUS_RETRY_BEHAVIORS.number(retry_behavior),
            }),
            FailureKind::Unspecified => return Ok(None),
        }))
    }

    pub(crate) fn optional_failure_out(
        &self,
        failure: Option<Failure>,
    ) -> Wired<Option<proto::Failure>> {
        failure.map(|failure| self.failure_out(failure)).transpose()
    }

    /// A failure that must be there.
    pub(crate) fn failure_in(&self, failure: Option<proto::Failure>) -> Wired<Failure> {
        self.optional_failure_in(failure)?
            .ok_or_else(|| lacks("failure"))
    }

    /// A failure that may be left out, with at most [`Failure::MAX_CAUSES`] failures in its chain.
    pub fn optional_failure_in(&self, failure: Option<proto::Failure>) -> Wired<Option<Failure>> {
        // The causes are walked down and put together from the innermost: depth is not recursion.
        let mut chain = Vec::new();
        let mut next = failure.map(Box::new);
        while let Some(mut failure) = next {
            if chain.len() >= Failure::MAX_CAUSES {
                break;
            }
            next = failure.cause.take();
            chain.push(*failure);
        }
        let mut cause = None;
        for failure in chain.into_iter().rev() {
            let (message, stack_trace, encoded_attributes) = match self.verbatim {
                true => (
                    failure.message,
                    failure.stack_trace,
                    failure.encoded_attributes.map(|it| Box::new(plain_in(it))),
                ),
                false => {
                    let (message, stack_trace) = self.attributes(&failure);
                    (message, stack_trace, None)
                }
            };
            cause = Some(Box::new(Failure {
                message,
                source: failure.source,
                stack_trace,
                kind: self.kind_in(failure.failure_info)?,
                cause,
                encoded_attributes,
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
            attribute(MESSAGE, &failure.message),
            attribute(STACK_TRACE, &failure.stack_trace),
        )
    }

    fn kind_in(&self, info: Option<FailureInfo>) -> Wired<FailureKind> {
        Ok(match info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => FailureKind::Application {
                error_type: info.r#type,
                non_retryable: info.non_retryable,
                details: self.payloads_in(info.details)?,
                // None at all is the policy's; zero is at once.
                next_retry_delay: info.next_retry_delay.map(|delay| duration_in(Some(delay))),
                category: ERROR_CATEGORIES
                    .of_number(info.category)
                    .unwrap_or_default(),
            },
            Some(FailureInfo::TimeoutFailureInfo(info)) => FailureKind::Timeout {
                timeout_type: timeout_type(info.timeout_type),
                last_heartbeat_details: self.payloads_in(info.last_heartbeat_details)?,
            },
            Some(FailureInfo::CanceledFailureInfo(info)) => FailureKind::Cancelled {
                details: self.payloads_in(info.details)?,
                identity: optional_id(&info.identity)?,
            },
            Some(FailureInfo::TerminatedFailureInfo(info)) => FailureKind::Terminated {
                identity: optional_id(&info.identity)?,
            },
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
                    namespace: optional_id(&info.namespace)?,
                }))
            }
            Some(FailureInfo::NexusOperationExecutionFailureInfo(info)) => nexus_operation_in(info),
            Some(FailureInfo::NexusHandlerFailureInfo(info)) => FailureKind::NexusHandler {
                error_type: info.r#type,
                retry_behavior: NEXUS_RETRY_BEHAVIORS
                    .of_number(info.retry_behavior)
                    .unwrap_or_default(),
            },
            // So says the service why it refused a workflow task.
            None => FailureKind::Unspecified,
        })
    }
}

#[expect(deprecated, reason = "older servers call the token so")]
fn nexus_operation_out(info: NexusOperationFailureInfo) -> FailureInfo {
    FailureInfo::NexusOperationExecutionFailureInfo(proto::NexusOperationFailureInfo {
        scheduled_event_id: event_id_out(info.scheduled_event_id),
        endpoint: info.endpoint,
        service: info.service,
        operation: info.operation,
        operation_id: info.operation_id,
        operation_token: info.operation_token,
    })
}

#[expect(deprecated, reason = "older servers call the token so")]
fn nexus_operation_in(info: proto::NexusOperationFailureInfo) -> FailureKind {
    FailureKind::NexusOperation(Box::new(NexusOperationFailureInfo {
        scheduled_event_id: event_id(info.scheduled_event_id),
        endpoint: info.endpoint,
        service: info.service,
        operation: info.operation,
        operation_id: info.operation_id,
        operation_token: info.operation_token,
    }))
}

pub(crate) fn retry_state(number: i32) -> RetryState {
    RETRY_STATES
        .of_number(number)
        .unwrap_or(RetryState::RetryPolicyNotSet)
}

pub(crate) fn timeout_type(number: i32) -> TimeoutType {
    TIMEOUT_TYPES
        .of_number(number)
        .unwrap_or(TimeoutType::StartToClose)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use proptest::{collection::vec, option, prelude::*};
    use steadfast_engine::codec::{CodecError, PayloadCodec};
    use temporalio_protos::temporal::api::common::v1::{Payload as ProtoPayload, Payloads};

    use super::*;

    /// Longer than any name that the strategies below make.
    const MARK: &str = "reversed";

    /// Hides what is in a payload.
    #[derive(Debug)]
    pub(crate) struct Reverse;

    impl PayloadCodec for Reverse {
        fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
            let mut data = payload.data.as_slice().to_vec();
            data.reverse();
            let mut reversed = Payload::binary(data);
            let encoding = payload.encoding.into_owned().into_bytes();
            reversed.metadata = payload.metadata;
            reversed.metadata.insert(MARK.to_owned(), encoding.into());
            Ok(reversed)
        }

        fn decode(&self, mut payload: Payload) -> Result<Payload, CodecError> {
            let Some(encoding) = payload.metadata.remove(MARK) else {
                return Ok(payload);
            };
            let mut data = payload.data.as_slice().to_vec();
            data.reverse();
            payload.data = data.into();
            payload.encoding = String::from_utf8_lossy(encoding.as_slice())
                .into_owned()
                .into();
            Ok(payload)
        }
    }

    fn payloads() -> impl Strategy<Value = Option<Payloads>> {
        let metadata = prop::collection::hash_map(
            "encoding|messageType|[a-z]{1,4}",
            vec(0_u8..128, 1..9),
            0..3,
        );
        let payload =
            (metadata, vec(any::<u8>(), 0..9)).prop_map(|(metadata, data)| ProtoPayload {
                metadata,
                data,
                ..ProtoPayload::default()
            });
        let some = vec(payload, 1..4).prop_map(|payloads| Payloads { payloads });
        option::of(some)
    }

    #[expect(deprecated, reason = "older servers call the token so")]
    fn info() -> impl Strategy<Value = FailureInfo> {
        let text = "[a-z]{0,3}";
        let named = "[a-z]{1,3}";
        // No time to wait is none: the policy's wait is meant, here as on a service.
        let delay = option::of(
            (0_i64..9, 1_i32..9)
                .prop_map(|(seconds, nanos)| prost_wkt_types::Duration { seconds, nanos }),
        );
        let name = |name: String| common::ActivityType { name };
        prop_oneof![
            (text, any::<bool>(), payloads(), delay, 0..2_i32).prop_map(
                |(r#type, non_retryable, details, next_retry_delay, category)| {
                    FailureInfo::ApplicationFailureInfo(proto::ApplicationFailureInfo {
                        r#type,
                        non_retryable,
                        details,
                        next_retry_delay,
                        category,
                    })
                }
            ),
            (1..5_i32, payloads()).prop_map(|(timeout_type, last_heartbeat_details)| {
                FailureInfo::TimeoutFailureInfo(proto::TimeoutFailureInfo {
                    timeout_type,
                    last_heartbeat_details,
                })
            }),
            (payloads(), text).prop_map(|(details, identity)| {
                FailureInfo::CanceledFailureInfo(proto::CanceledFailureInfo { details, identity })
            }),
            text.prop_map(|identity| {
                FailureInfo::TerminatedFailureInfo(proto::TerminatedFailureInfo { identity })
            }),
            any::<bool>().prop_map(|non_retryable| {
                FailureInfo::ServerFailureInfo(proto::ServerFailureInfo { non_retryable })
            }),
            payloads().prop_map(|last_heartbeat_details| {
                FailureInfo::ResetWorkflowFailureInfo(proto::ResetWorkflowFailureInfo {
                    last_heartbeat_details,
                })
            }),
            (0..9_i64, 0..9_i64, text, named, named, 1..8_i32).prop_map(
                move |(scheduled, started, identity, activity_type, activity_id, retry_state)| {
                    FailureInfo::ActivityFailureInfo(proto::ActivityFailureInfo {
                        scheduled_event_id: scheduled,
                        started_event_id: started,
                        identity,
                        activity_type: Some(name(activity_type)),
                        activity_id,
                        retry_state,
                    })
                }
            ),
            (text, named, text, named, 0..9_i64, 1..8_i32).prop_map(
                |(namespace, workflow_id, run_id, name, event_id, retry_state)| {
                    let execution = common::WorkflowExecution {
                        workflow_id,
                        run_id,
                    };
                    FailureInfo::ChildWorkflowExecutionFailureInfo(
                        proto::ChildWorkflowExecutionFailureInfo {
                            namespace,
                            workflow_execution: Some(execution),
                            workflow_type: workflow_type(name),
                            initiated_event_id: event_id,
                            started_event_id: event_id + 1,
                            retry_state,
                        },
                    )
                }
            ),
            (0..9_i64, [text, text, text, text, text]).prop_map(
                |(
                    scheduled_event_id,
                    [endpoint, service, operation, operation_id, operation_token],
                )| {
                    FailureInfo::NexusOperationExecutionFailureInfo(
                        proto::NexusOperationFailureInfo {
                            scheduled_event_id,
                            endpoint,
                            service,
                            operation,
                            operation_id,
                            operation_token,
                        },
                    )
                }
            ),
            (text, 0..3_i32).prop_map(|(r#type, retry_behavior)| {
                FailureInfo::NexusHandlerFailureInfo(proto::NexusHandlerFailureInfo {
                    r#type,
                    retry_behavior,
                })
            }),
        ]
    }

    /// Failures of every kind, with causes.
    pub(crate) fn failures() -> impl Strategy<Value = proto::Failure> {
        let text = "[a-z ]{0,9}";
        vec((text, text, text, info()), 1..5).prop_map(|chain| {
            let mut cause = None;
            for (message, source, stack_trace, info) in chain {
                cause = Some(Box::new(proto::Failure {
                    message,
                    source,
                    stack_trace,
                    encoded_attributes: None,
                    cause,
                    failure_info: Some(info),
                }));
            }
            *cause.expect("there is one at least")
        })
    }

    proptest! {
        #[test]
        fn a_failure_comes_back_as_it_went(failure in failures()) {
            let wire = Wire::default();
            let read = wire.failure_in(Some(failure.clone()))?;
            prop_assert_eq!(wire.failure_out(read)?, failure);
        }

        #[test]
        fn a_failure_goes_through_a_codec_whole(failure in failures(), encode_failures: bool) {
            let failure = Wire::default().failure_in(Some(failure))?;
            let codec: Arc<dyn PayloadCodec> = Arc::new(Reverse);
            let wire = Wire { codec: Some(codec), encode_failures, verbatim: false };
            let out = wire.failure_out(failure.clone())?;
            if encode_failures {
                prop_assert_eq!(&out.message, ENCODED);
                prop_assert_eq!(&out.stack_trace, "");
            }
            prop_assert_eq!(wire.failure_in(Some(out))?, failure);
        }
    }
}
