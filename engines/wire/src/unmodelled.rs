//! What a message says that a history has no field for, as JSON and back.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use steadfast_core::unmodelled::Unmodelled;
use steadfast_engine::unmodelled::rest;
use temporalio_protos::temporal::api::{
    command::v1::{Command as ProtoCommand, command::Attributes as Command},
    common::v1::TimeSkippingConfig,
    deployment::v1::WorkerDeploymentVersion,
    history::v1::{self as proto, history_event::Attributes},
    workflow::v1::VersioningOverride,
    workflowservice::v1::RespondWorkflowTaskCompletedRequest,
};

/// The descriptors of Temporal's messages and services, an encoded `FileDescriptorSet`.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static EVENT: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(DESCRIPTORS).expect("the descriptors were made for this");
    pool.get_message_by_name("temporal.api.history.v1.HistoryEvent")
        .expect("it is one of Temporal's messages")
});

/// What an event in which nothing else is set says.
fn of<A>(attributes: A) -> Option<Box<Unmodelled>>
where
    A: Default + Into<Attributes> + PartialEq,
{
    of_event(&proto::HistoryEvent {
        attributes: set(attributes),
        ..proto::HistoryEvent::default()
    })
}

fn of_event(event: &proto::HistoryEvent) -> Option<Box<Unmodelled>> {
    if *event == proto::HistoryEvent::default() {
        return None;
    }
    rest(&json(event), &Value::Null)
}

/// Attributes in which something is set.
fn set<A>(attributes: A) -> Option<Attributes>
where
    A: Default + Into<Attributes> + PartialEq,
{
    (attributes != A::default()).then(|| attributes.into())
}

/// What a start says that its event has.
pub(crate) fn of_start(
    versioning_override: Option<VersioningOverride>,
    time_skipping_config: Option<TimeSkippingConfig>,
) -> Option<Box<Unmodelled>> {
    of(proto::WorkflowExecutionStartedEventAttributes {
        versioning_override,
        time_skipping_config,
        ..Default::default()
    })
}

/// What a start says of the versions of its workers, out of what is said of it besides.
pub(crate) fn versioning_of_start(unmodelled: &Unmodelled) -> Option<VersioningOverride> {
    let started = proto::HistoryEvent {
        attributes: Some(proto::WorkflowExecutionStartedEventAttributes::default().into()),
        ..proto::HistoryEvent::default()
    };
    match with(started, unmodelled).attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(a)) => a.versioning_override,
        _ => None,
    }
}

/// What an answer to a workflow task says that its event has.
#[expect(
    deprecated,
    reason = "workers of today say it in the ways of yesterday too"
)]
pub(crate) fn of_completed(
    request: &mut RespondWorkflowTaskCompletedRequest,
) -> Option<Box<Unmodelled>> {
    let options = request.deployment_options.take();
    let deployment = options.filter(|options| !options.deployment_name.is_empty());
    of(proto::WorkflowTaskCompletedEventAttributes {
        worker_version: request.worker_version_stamp.take(),
        sdk_metadata: request.sdk_metadata.take(),
        metering_metadata: request.metering_metadata.take(),
        deployment: request.deployment.take(),
        versioning_behavior: request.versioning_behavior,
        worker_deployment_name: match &deployment {
            Some(options) => options.deployment_name.clone(),
            None => String::new(),
        },
        deployment_version: deployment.map(|options| WorkerDeploymentVersion {
            build_id: options.build_id,
            deployment_name: options.deployment_name,
        }),
        ..Default::default()
    })
}

/// What a command says that the event has to which it leads.
pub(crate) fn of_command(command: &ProtoCommand) -> Option<Box<Unmodelled>> {
    of_event(&proto::HistoryEvent {
        attributes: command.attributes.as_ref().and_then(attributes_of_command),
        event_group_markers: command.event_group_markers.clone(),
        ..proto::HistoryEvent::default()
    })
}

#[expect(
    deprecated,
    reason = "workers of today say it in the ways of yesterday too"
)]
fn attributes_of_command(command: &Command) -> Option<Attributes> {
    match command {
        Command::ScheduleActivityTaskCommandAttributes(a) => {
            set(proto::ActivityTaskScheduledEventAttributes {
                use_workflow_build_id: a.use_workflow_build_id,
                ..Default::default()
            })
        }
        Command::RecordMarkerCommandAttributes(a) => set(proto::MarkerRecordedEventAttributes {
            header: a.header.clone(),
            ..Default::default()
        }),
        Command::StartChildWorkflowExecutionCommandAttributes(a) => {
            set(proto::StartChildWorkflowExecutionInitiatedEventAttributes {
                control: a.control.clone(),
                inherit_build_id: a.inherit_build_id,
                versioning_override: a.versioning_override.clone(),
                ..Default::default()
            })
        }
        Command::RequestCancelExternalWorkflowExecutionCommandAttributes(a) => set(
            proto::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                control: a.control.clone(),
                ..Default::default()
            },
        ),
        Command::SignalExternalWorkflowExecutionCommandAttributes(a) => set(
            proto::SignalExternalWorkflowExecutionInitiatedEventAttributes {
                control: a.control.clone(),
                ..Default::default()
            },
        ),
        Command::ContinueAsNewWorkflowExecutionCommandAttributes(a) => {
            set(proto::WorkflowExecutionContinuedAsNewEventAttributes {
                initiator: a.initiator,
                failure: a.failure.clone(),
                last_completion_result: a.last_completion_result.clone(),
                inherit_build_id: a.inherit_build_id,
                initial_versioning_behavior: a.initial_versioning_behavior,
                ..Default::default()
            })
        }
        _ => None,
    }
}

/// What an event says that a history does not tell.
pub(crate) fn left_out(
    original: &proto::HistoryEvent,
    told: &proto::HistoryEvent,
) -> Option<Box<Unmodelled>> {
    if original == told {
        return None;
    }
    rest(&json(original), &json(told))
}

/// An event with what was said of it besides. What this version of the messages cannot read of it stays away.
pub(crate) fn with(told: proto::HistoryEvent, unmodelled: &Unmodelled) -> proto::HistoryEvent {
    let mut deserializer = serde_json::Deserializer::from_str(unmodelled.json());
    let options = prost_reflect::DeserializeOptions::new().deny_unknown_fields(false);
    let said = DynamicMessage::deserialize_with_options(EVENT.clone(), &mut deserializer, &options);
    let Ok(said) = said else { return told };
    let mut event = dynamic(&told);
    for (field, value) in said.fields() {
        let attributes = match (value.as_message(), event.get_field(&field).as_message()) {
            (Some(more), Some(_)) if field.containing_oneof().is_some() => Some(more),
            _ => None,
        };
        match attributes {
            None => event.set_field(&field, value.clone()),
            Some(more) => {
                let attributes = event.get_field_mut(&field);
                if let Some(attributes) = attributes.as_message_mut() {
                    for (field, value) in more.fields() {
                        attributes.set_field(&field, value.clone());
                    }
                }
            }
        }
    }
    event.transcode_to().unwrap_or(told)
}

fn json(event: &proto::HistoryEvent) -> Value {
    dynamic(event)
        .serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())
        .unwrap_or_default()
}

fn dynamic(event: &proto::HistoryEvent) -> DynamicMessage {
    let mut message = DynamicMessage::new(EVENT.clone());
    message
        .merge(event.encode_to_vec().as_slice())
        .expect("it is a message of that type");
    message
}
