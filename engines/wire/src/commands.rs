//! What a workflow task asks for, as commands and protocol messages of the service.

use std::collections::{BTreeMap, HashMap};

use prost::Message as _;
use prost_wkt_types::Any;
use steadfast_core::{
    command::{Command, ContinueAsNewWorkflowExecution, RecordMarker, StartChildWorkflowExecution},
    failure::Failure,
    ids::UpdateId,
    payload::Payload,
};
use steadfast_engine::{
    EngineError,
    spelling::{
        enums::{INITIATORS, PARENT_CLOSE_POLICIES, REUSE_POLICIES},
        markers,
    },
};
use temporalio_protos::temporal::api::{
    command::v1::{self as proto, command::Attributes as A},
    common::v1::{ActivityType, Payloads},
    enums::v1::CommandType,
    protocol::v1::{Message, message::SequencingId},
    sdk::v1::UserMetadata,
    update::v1 as update,
};

use super::values::{
    Wire, Wired, duration_out, event_id_out, execution_out, lacks, normal_queue, priority_out,
    retry_policy_out, search_attributes_out, text, timeout_out, workflow_type,
};

/// The commands of an answer and the messages that some of them stand for.
#[derive(Debug, Default)]
pub struct Answer {
    /// The commands, in their order.
    pub commands: Vec<proto::Command>,
    /// The messages about updates, in their order.
    pub messages: Vec<Message>,
}

impl Wire {
    /// Turns commands in their order; `requests` are the updates that the task brought.
    pub fn answer_out(&self, commands: Vec<Command>, requests: &[Message]) -> Wired<Answer> {
        let mut answer = Answer::default();
        for command in commands {
            match command {
                Command::AcceptUpdate { update_id, .. } => {
                    let request = Request::find(requests, &update_id)?;
                    let accepted = update::Acceptance {
                        accepted_request_message_id: request.message_id,
                        accepted_request_sequencing_event_id: request.sequencing_event_id,
                        accepted_request: Some(request.request),
                    };
                    let body = any("Acceptance", &accepted);
                    answer.say(&update_id, "accept", body, true);
                }
                Command::RejectUpdate { update_id, failure } => {
                    let request = Request::find(requests, &update_id)?;
                    let rejected = update::Rejection {
                        rejected_request_message_id: request.message_id,
                        rejected_request_sequencing_event_id: request.sequencing_event_id,
                        // Whoever sent it has it; and it may be what is too large.
                        rejected_request: None,
                        failure: Some(self.failure_out(failure)?),
                    };
                    answer.say(&update_id, "reject", any("Rejection", &rejected), false);
                }
                Command::CompleteUpdate { update_id, outcome } => {
                    let response = update::Response {
                        meta: Some(update::Meta {
                            update_id: update_id.as_str().to_owned(),
                            ..update::Meta::default()
                        }),
                        outcome: Some(self.outcome_out(outcome)?),
                    };
                    answer.say(&update_id, "complete", any("Response", &response), true);
                }
                command => {
                    let words = self.user_metadata_out(command.user_metadata().cloned())?;
                    let (command_type, attributes) = self.command_out(command)?;
                    answer.ask(command_type, attributes, words);
                }
            }
        }
        Ok(answer)
    }

    /// The command, but for those that are messages.
    fn command_out(&self, command: Command) -> Wired<(CommandType, A)> {
        Ok(match command {
            Command::ScheduleActivityTask(activity) => (
                CommandType::ScheduleActivityTask,
                A::ScheduleActivityTaskCommandAttributes(
                    proto::ScheduleActivityTaskCommandAttributes {
                        activity_id: text(Some(activity.activity_id)),
                        activity_type: Some(ActivityType {
                            name: text(Some(activity.activity_type)),
                        }),
                        task_queue: normal_queue(activity.task_queue),
                        header: self.header_out(activity.header)?,
                        input: self.payloads_out(activity.input)?,
                        schedule_to_close_timeout: timeout_out(
                            activity.timeouts.schedule_to_close_timeout,
                        ),
                        schedule_to_start_timeout: timeout_out(
                            activity.timeouts.schedule_to_start_timeout,
                        ),
                        start_to_close_timeout: timeout_out(
                            activity.timeouts.start_to_close_timeout,
                        ),
                        heartbeat_timeout: timeout_out(activity.timeouts.heartbeat_timeout),
                        priority: priority_out(activity.priority),
                        retry_policy: retry_policy_out(activity.retry_policy)
                            .map_err(refused("BadScheduleActivityAttributes"))?,
                        ..proto::ScheduleActivityTaskCommandAttributes::default()
                    },
                ),
            ),
            Command::RequestCancelActivityTask { scheduled_event_id } => (
                CommandType::RequestCancelActivityTask,
                A::RequestCancelActivityTaskCommandAttributes(
                    proto::RequestCancelActivityTaskCommandAttributes {
                        scheduled_event_id: event_id_out(scheduled_event_id),
                    },
                ),
            ),
            Command::StartTimer {
                timer_id,
                start_to_fire_timeout,
                ..
            } => (
                CommandType::StartTimer,
                A::StartTimerCommandAttributes(proto::StartTimerCommandAttributes {
                    timer_id: text(Some(timer_id)),
                    start_to_fire_timeout: Some(duration_out(start_to_fire_timeout)),
                }),
            ),
            Command::CancelTimer { timer_id } => (
                CommandType::CancelTimer,
                A::CancelTimerCommandAttributes(proto::CancelTimerCommandAttributes {
                    timer_id: text(Some(timer_id)),
                }),
            ),
            Command::RecordMarker(marker) => (
                CommandType::RecordMarker,
                A::RecordMarkerCommandAttributes(self.marker_out(*marker)?),
            ),
            Command::UpsertWorkflowSearchAttributes { search_attributes } => (
                CommandType::UpsertWorkflowSearchAttributes,
                A::UpsertWorkflowSearchAttributesCommandAttributes(
                    proto::UpsertWorkflowSearchAttributesCommandAttributes {
                        search_attributes: search_attributes_out(search_attributes),
                    },
                ),
            ),
            Command::ModifyWorkflowProperties { upserted_memo } => (
                CommandType::ModifyWorkflowProperties,
                A::ModifyWorkflowPropertiesCommandAttributes(
                    proto::ModifyWorkflowPropertiesCommandAttributes {
                        upserted_memo: self.memo_out(upserted_memo)?,
                    },
                ),
            ),
            other => return self.execution_out(other),
        })
    }

    /// The commands about executions: this one's end, and others.
    #[expect(
        deprecated,
        reason = "a service decides whether it reaches into other namespaces"
    )]
    fn execution_out(&self, command: Command) -> Wired<(CommandType, A)> {
        Ok(match command {
            Command::StartChildWorkflowExecution(child) => (
                CommandType::StartChildWorkflowExecution,
                A::StartChildWorkflowExecutionCommandAttributes(self.child_out(*child)?),
            ),
            Command::RequestCancelExternalWorkflowExecution(cancel) => (
                CommandType::RequestCancelExternalWorkflowExecution,
                A::RequestCancelExternalWorkflowExecutionCommandAttributes(
                    proto::RequestCancelExternalWorkflowExecutionCommandAttributes {
                        namespace: text(cancel.namespace),
                        workflow_id: text(Some(cancel.workflow_id)),
                        run_id: text(cancel.run_id),
                        child_workflow_only: cancel.child_workflow_only,
                        reason: cancel.reason,
                        ..Default::default()
                    },
                ),
            ),
            Command::SignalExternalWorkflowExecution(signal) => (
                CommandType::SignalExternalWorkflowExecution,
                A::SignalExternalWorkflowExecutionCommandAttributes(
                    proto::SignalExternalWorkflowExecutionCommandAttributes {
                        namespace: text(signal.namespace),
                        execution: execution_out(&signal.workflow_id, signal.run_id.as_ref()),
                        signal_name: text(Some(signal.signal_name)),
                        input: self.payloads_out(signal.input)?,
                        child_workflow_only: signal.child_workflow_only,
                        header: self.header_out(signal.header)?,
                        ..Default::default()
                    },
                ),
            ),
            Command::CompleteWorkflowExecution { result } => (
                CommandType::CompleteWorkflowExecution,
                A::CompleteWorkflowExecutionCommandAttributes(
                    proto::CompleteWorkflowExecutionCommandAttributes {
                        result: self.single_out(result)?,
                    },
                ),
            ),
            Command::FailWorkflowExecution { failure } => (
                CommandType::FailWorkflowExecution,
                A::FailWorkflowExecutionCommandAttributes(
                    proto::FailWorkflowExecutionCommandAttributes {
                        failure: Some(self.failure_out(*failure)?),
                    },
                ),
            ),
            Command::CancelWorkflowExecution { details } => (
                CommandType::CancelWorkflowExecution,
                A::CancelWorkflowExecutionCommandAttributes(
                    proto::CancelWorkflowExecutionCommandAttributes {
                        details: self.payloads_out(details)?,
                    },
                ),
            ),
            Command::ContinueAsNewWorkflowExecution(next) => (
                CommandType::ContinueAsNewWorkflowExecution,
                A::ContinueAsNewWorkflowExecutionCommandAttributes(
                    self.continue_as_new_out(*next)?,
                ),
            ),
            other => return Err(lacks(other.name())),
        })
    }

    fn marker_out(&self, marker: RecordMarker) -> Wired<proto::RecordMarkerCommandAttributes> {
        Ok(proto::RecordMarkerCommandAttributes {
            details: self.marker_details_out(&marker.marker_name, marker.details)?,
            marker_name: marker.marker_name,
            header: None,
            failure: self.optional_failure_out(marker.failure)?,
        })
    }

    /// The values of a marker in the form of Temporal's own SDKs.
    pub(crate) fn marker_details_out(
        &self,
        name: &str,
        details: BTreeMap<String, Vec<Payload>>,
    ) -> Wired<HashMap<String, Payloads>> {
        let plain = markers::data_key(name);
        let details = markers::details_out(name, details);
        let details = details.into_iter().map(|(key, values)| {
            let values = match plain == Some(key.as_str()) {
                true => Self::default().payloads_out(values),
                false => self.payloads_out(values),
            };
            Ok((key, values?.unwrap_or_default()))
        });
        details.collect()
    }

    fn child_out(
        &self,
        child: StartChildWorkflowExecution,
    ) -> Wired<proto::StartChildWorkflowExecutionCommandAttributes> {
        Ok(proto::StartChildWorkflowExecutionCommandAttributes {
            workflow_id: text(Some(child.workflow_id)),
            workflow_type: workflow_type(child.workflow_type),
            task_queue: normal_queue(child.task_queue),
            input: self.payloads_out(child.input)?,
            workflow_execution_timeout: timeout_out(child.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(child.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(child.timeouts.task_timeout),
            parent_close_policy: PARENT_CLOSE_POLICIES.number(child.parent_close_policy),
            workflow_id_reuse_policy: REUSE_POLICIES.number(child.workflow_id_reuse_policy),
            priority: priority_out(child.priority),
            cron_schedule: child.cron_schedule.map(String::from).unwrap_or_default(),
            retry_policy: retry_policy_out(child.retry_policy).map_err(refused(
                "BadStartChildExecutionAttributes: invalid WorkflowRetryPolicy on StartChildWorkflowExecutionCommand",
            ))?,
            header: self.header_out(child.header)?,
            memo: self.memo_out(child.memo)?,
            search_attributes: search_attributes_out(child.search_attributes),
            ..Default::default()
        })
    }

    fn continue_as_new_out(
        &self,
        next: ContinueAsNewWorkflowExecution,
    ) -> Wired<proto::ContinueAsNewWorkflowExecutionCommandAttributes> {
        Ok(proto::ContinueAsNewWorkflowExecutionCommandAttributes {
            workflow_type: workflow_type(next.workflow_type),
            task_queue: normal_queue(next.task_queue),
            input: self.payloads_out(next.input)?,
            workflow_run_timeout: timeout_out(next.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(next.timeouts.task_timeout),
            retry_policy: retry_policy_out(next.retry_policy).map_err(refused(
                "BadContinueAsNewAttributes: invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand",
            ))?,
            initiator: INITIATORS.number(steadfast_core::event::ContinueAsNewInitiator::Workflow),
            header: self.header_out(next.header)?,
            memo: self.memo_out(next.memo.unwrap_or_default())?,
            search_attributes: search_attributes_out(next.search_attributes.unwrap_or_default()),
            ..Default::default()
        })
    }

    /// How an update ended.
    pub fn outcome_out(&self, outcome: Result<Payload, Failure>) -> Wired<update::Outcome> {
        use update::outcome::Value;
        let value = match outcome {
            Ok(result) => Value::Success(self.single_out(Some(result))?.unwrap_or_default()),
            Err(failure) => Value::Failure(self.failure_out(failure)?),
        };
        Ok(update::Outcome { value: Some(value) })
    }

    /// How an update ended; `None` when that is not known yet.
    pub fn outcome_in(
        &self,
        outcome: Option<update::Outcome>,
    ) -> Wired<Option<Result<Payload, Failure>>> {
        use update::outcome::Value;
        Ok(match outcome.and_then(|outcome| outcome.value) {
            Some(Value::Success(result)) => {
                let result = self.single_in(Some(result))?;
                Some(Ok(result.unwrap_or_else(Payload::null)))
            }
            Some(Value::Failure(failure)) => Some(Err(self.failure_in(Some(failure))?)),
            None => None,
        })
    }
}

impl Answer {
    fn ask(
        &mut self,
        command_type: CommandType,
        attributes: A,
        user_metadata: Option<UserMetadata>,
    ) {
        self.commands.push(proto::Command {
            command_type: command_type.into(),
            attributes: Some(attributes),
            user_metadata,
            ..proto::Command::default()
        });
    }

    /// Adds a message, and a command that gives it its place among the others.
    fn say(&mut self, update_id: &UpdateId, what: &str, body: Any, in_order: bool) {
        let message_id = format!("{update_id}/{what}");
        self.messages.push(Message {
            id: message_id.clone(),
            protocol_instance_id: update_id.as_str().to_owned(),
            body: Some(body),
            sequencing_id: None,
        });
        if in_order {
            self.ask(
                CommandType::ProtocolMessage,
                A::ProtocolMessageCommandAttributes(proto::ProtocolMessageCommandAttributes {
                    message_id,
                }),
                None,
            );
        }
    }
}

/// The request of an update, as the task brought it.
struct Request {
    message_id: String,
    sequencing_event_id: i64,
    request: update::Request,
}

impl Request {
    fn find(requests: &[Message], update_id: &UpdateId) -> Wired<Self> {
        let message = requests
            .iter()
            .find(|message| message.protocol_instance_id == update_id.as_str())
            .ok_or_else(|| lacks("request of an update"))?;
        Ok(Self {
            message_id: message.id.clone(),
            sequencing_event_id: match message.sequencing_id {
                Some(SequencingId::EventId(id)) => id,
                _ => 0,
            },
            request: request_of(message)?,
        })
    }
}

/// The request in a message.
pub(crate) fn request_of(message: &Message) -> Wired<update::Request> {
    let body = message.body.as_ref();
    body.and_then(|body| update::Request::decode(body.value.as_slice()).ok())
        .ok_or_else(|| lacks("request of an update"))
}

/// What a service says of a command that has a wrong policy.
fn refused(of_command: &'static str) -> impl Fn(EngineError) -> EngineError {
    move |why| EngineError::invalid(format!("{of_command}: {why}"))
}

/// A message about an update, in a message of a protocol.
pub(crate) fn any(name: &str, message: &impl prost::Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/temporal.api.update.v1.{name}"),
        value: message.encode_to_vec(),
    }
}
