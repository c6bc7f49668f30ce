//! Whatever a client or a worker of another SDK sends comes back in the history as it was sent.
//!
//! Messages are made of Temporal's descriptors, so that this judge knows of each field that there is: what a command
//! says has to be in its event, field by field of the same name, unless [`ELSEWHERE`] says why not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};
use steadfast_server::ServeOptions;
use steadfast_wire::DESCRIPTORS;
use temporalio_protos::temporal::api::{
    common::v1::WorkflowExecution, workflowservice::v1 as proto,
};

mod asking;
#[path = "../../engines/embedded/tests/embedded_engine/dice.rs"]
mod dice;

use asking::{Client, namespace, serving, start};
use dice::Dice;

/// How many runs are made up.
const RUNS: u64 = 60;
/// How deep messages are nested.
const DEEP: usize = 5;

/// Fields that are not in the event of the same name, or not made up, with the reason.
const ELSEWHERE: [(&str, &str); 21] = [
    // Requests.
    ("completion_callbacks", "they are refused"),
    (
        "continued_failure",
        "an older way of schedules, which only a service has",
    ),
    ("cron_schedule", "it has to be one"),
    (
        "eager_worker_deployment_options",
        "no task is given with the start",
    ),
    ("request_eager_execution", "no task is given with the start"),
    (
        "last_completion_result",
        "an older way of schedules, which only a service has",
    ),
    ("links", "what a start is linked with is not kept"),
    ("on_conflict_options", "they say what to do, not what is so"),
    (
        "search_attributes",
        "they have to be registered, with their type",
    ),
    (
        "workflow_id_conflict_policy",
        "it says what to do, not what is so",
    ),
    (
        "workflow_id_reuse_policy",
        "it is set where it says what is so",
    ),
    (
        "workflow_start_delay",
        "it is the wait before the first task",
    ),
    (
        "binary_checksum",
        "a service takes it and keeps it no longer",
    ),
    // Commands.
    ("backoff_start_interval", "it is refused"),
    ("child_workflow_only", "it needs a child"),
    ("namespace", "there is one"),
    // Values of all kinds.
    (
        "external_payloads",
        "the sizes of values that are elsewhere are not kept",
    ),
    ("kind", "a queue is a normal one where it says nothing"),
    ("normal_name", "a queue is a normal one"),
    ("nexus_handler_failure_info", "its kinds are texts"),
    ("run_id", "there is no such run"),
];

static MESSAGES: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap());

fn descriptor(name: &str) -> MessageDescriptor {
    let name = format!("temporal.api.{name}");
    MESSAGES
        .get_message_by_name(&name)
        .unwrap_or_else(|| panic!("{name} is no message"))
}

/// Makes messages that a service would take.
struct Maker {
    dice: Dice,
    made: u32,
}

impl Maker {
    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if descriptor.full_name() == "google.protobuf.Duration" {
            message.set_field_by_name("seconds", Value::I64(100));
            return message;
        }
        for field in descriptor.fields() {
            if ELSEWHERE.iter().any(|(name, _)| *name == field.name()) {
                continue;
            }
            if let Some(value) = self.field(&field, depth) {
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        if field.is_map() {
            let kind = field.kind();
            let entry = kind.as_message()?;
            let value = self.value(&entry.map_entry_value_field(), depth)?;
            return Some(Value::Map([(MapKey::String(self.text()), value)].into()));
        }
        if field.is_list() {
            let values = (0..2).filter_map(|_| self.value(field, depth)).collect();
            return Some(Value::List(values));
        }
        self.value(field, depth)
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        self.made += 1;
        Some(match field.kind() {
            Kind::Double => Value::F64(2.5),
            Kind::Float => Value::F32(2.5),
            Kind::Int32 => Value::I32(i32::try_from(1 + self.made % 4).unwrap()),
            Kind::Uint32 => Value::U32(1 + self.made % 4),
            Kind::Int64 => Value::I64(i64::from(self.made)),
            Kind::Bool => Value::Bool(!self.dice.one_in(3)),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Enum(values) => {
                let numbers: Vec<i32> = values.values().map(|value| value.number()).collect();
                // The first one says nothing.
                Value::EnumNumber(self.dice.pick(&numbers[1..])?)
            }
            Kind::Message(_) if depth == 0 => return None,
            Kind::Message(inner) => Value::Message(self.message(&inner, depth - 1)),
            _ => return None,
        })
    }

    fn text(&mut self) -> String {
        self.made += 1;
        format!("text-{}", self.made)
    }

    /// A command with attributes of a kind, by its name.
    fn command(&mut self, kind: &str) -> Made {
        let attributes = self.message(
            &descriptor(&format!("command.v1.{kind}CommandAttributes")),
            DEEP,
        );
        Made {
            attributes,
            user_metadata: self.message(&descriptor("sdk.v1.UserMetadata"), DEEP),
        }
    }
}

struct Made {
    attributes: DynamicMessage,
    user_metadata: DynamicMessage,
}

impl Made {
    fn set(mut self, field: &str, value: Value) -> Self {
        self.attributes.set_field_by_name(field, value);
        self
    }

    /// A duration of some seconds.
    fn lasts(self, field: &str, seconds: i64) -> Self {
        let mut duration = DynamicMessage::new(
            MESSAGES
                .get_message_by_name("google.protobuf.Duration")
                .unwrap(),
        );
        duration.set_field_by_name("seconds", Value::I64(seconds));
        self.set(field, Value::Message(duration))
    }

    fn command(&self) -> temporalio_protos::temporal::api::command::v1::Command {
        let mut command = DynamicMessage::new(descriptor("command.v1.Command"));
        let kind = self.attributes.descriptor();
        let field = command
            .descriptor()
            .fields()
            .find(|field| field.kind().as_message() == Some(&kind))
            .unwrap();
        command.set_field(&field, Value::Message(self.attributes.clone()));
        command.set_field_by_name("user_metadata", Value::Message(self.user_metadata.clone()));
        command.transcode_to().unwrap()
    }
}

/// What each command leads to, and the fields of it that have another name there.
const EVENTS: [(&str, &str); 11] = [
    ("ScheduleActivityTask", "ActivityTaskScheduled"),
    ("StartTimer", "TimerStarted"),
    ("RecordMarker", "MarkerRecorded"),
    (
        "StartChildWorkflowExecution",
        "StartChildWorkflowExecutionInitiated",
    ),
    (
        "RequestCancelExternalWorkflowExecution",
        "RequestCancelExternalWorkflowExecutionInitiated",
    ),
    (
        "SignalExternalWorkflowExecution",
        "SignalExternalWorkflowExecutionInitiated",
    ),
    ("ModifyWorkflowProperties", "WorkflowPropertiesModified"),
    // These end the run, each another one.
    ("CompleteWorkflowExecution", "WorkflowExecutionCompleted"),
    ("FailWorkflowExecution", "WorkflowExecutionFailed"),
    ("CancelWorkflowExecution", "WorkflowExecutionCanceled"),
    (
        "ContinueAsNewWorkflowExecution",
        "WorkflowExecutionContinuedAsNew",
    ),
];

/// Checks that the fields of a message are those of the same names of another one, and says how many there are.
fn compare(place: &str, sent: &DynamicMessage, event: &DynamicMessage) -> usize {
    let mut compared = 0;
    for (field, value) in sent.fields() {
        let Some(same) = event.descriptor().get_field_by_name(field.name()) else {
            continue;
        };
        if field.name() == "namespace" {
            continue;
        }
        let told = event.get_field(&same);
        let place = format!("{place}.{}", field.name());
        match (value, told.as_ref()) {
            (Value::Message(sent), Value::Message(told)) => compared += compare(&place, sent, told),
            (sent, told) => {
                assert_eq!(sent, told, "{place}");
                compared += 1;
            }
        }
    }
    compared
}

/// The attributes of the first event of a type.
fn attributes(history: &DynamicMessage, event_type: &str) -> DynamicMessage {
    let wanted = descriptor(&format!("history.v1.{event_type}EventAttributes"));
    let events = history.get_field_by_name("events").unwrap();
    let mut found = events.as_list().unwrap().iter().filter_map(|event| {
        let event = event.as_message().unwrap();
        event
            .fields()
            .find_map(|(_, value)| value.as_message().filter(|it| it.descriptor() == wanted))
            .cloned()
    });
    found.next().unwrap_or_else(|| panic!("no {event_type}"))
}

async fn one(client: &mut Client, seed: u64) {
    let mut maker = Maker {
        dice: Dice::new(seed),
        made: 0,
    };
    let id = format!("w{seed}");
    let request = descriptor("workflowservice.v1.StartWorkflowExecutionRequest");
    let request = maker.message(&request, DEEP);
    let plain = start(&id);
    let start = proto::StartWorkflowExecutionRequest {
        namespace: plain.namespace,
        workflow_id: plain.workflow_id,
        workflow_type: plain.workflow_type,
        task_queue: plain.task_queue.clone(),
        ..request.transcode_to().unwrap()
    };
    let sent = dynamic("workflowservice.v1.StartWorkflowExecutionRequest", &start);
    let started = client.start_workflow_execution(start).await;
    started.unwrap_or_else(|status| panic!("seed {seed}: {status}"));

    let poll = proto::PollWorkflowTaskQueueRequest {
        namespace: namespace(),
        task_queue: plain.task_queue,
        identity: "elsewhere".to_owned(),
        ..Default::default()
    };
    let task = client.poll_workflow_task_queue(poll).await.unwrap();
    let task = task.into_inner();
    let commands = commands(&mut maker);
    let answer = descriptor("workflowservice.v1.RespondWorkflowTaskCompletedRequest");
    let answer = maker.message(&answer, DEEP);
    let answer = proto::RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands: commands.iter().map(|(_, made)| made.command()).collect(),
        namespace: namespace(),
        // It is the one that polled.
        identity: "elsewhere".to_owned(),
        sticky_attributes: None,
        query_results: Default::default(),
        messages: Vec::new(),
        return_new_workflow_task: false,
        force_create_new_workflow_task: false,
        ..answer.transcode_to().unwrap()
    };
    let answered = dynamic(
        "workflowservice.v1.RespondWorkflowTaskCompletedRequest",
        &answer,
    );
    let said = client.respond_workflow_task_completed(answer).await;
    said.unwrap_or_else(|status| panic!("seed {seed}: {status}"));

    let wanted = proto::GetWorkflowExecutionHistoryRequest {
        namespace: namespace(),
        execution: Some(WorkflowExecution {
            workflow_id: id,
            run_id: task.workflow_execution.unwrap().run_id,
        }),
        ..Default::default()
    };
    let history = client.get_workflow_execution_history(wanted).await.unwrap();
    let history = dynamic("history.v1.History", &history.into_inner().history.unwrap());
    let started = attributes(&history, "WorkflowExecutionStarted");
    assert!(compare("start", &sent, &started) > 15);
    let completed = attributes(&history, "WorkflowTaskCompleted");
    assert!(compare("answer", &answered, &completed) > 8);
    for (command, made) in commands {
        let (_, event) = EVENTS.iter().find(|(name, _)| *name == command).unwrap();
        let compared = compare(command, &made.attributes, &attributes(&history, event));
        assert!(compared > 0, "{command}");
    }
}

fn dynamic(name: &str, message: &impl prost::Message) -> DynamicMessage {
    DynamicMessage::decode(descriptor(name), message.encode_to_vec().as_slice()).unwrap()
}

/// A command of each kind, and one of those that end a run.
fn commands(maker: &mut Maker) -> Vec<(&'static str, Made)> {
    let mut commands: Vec<(&str, Made)> = EVENTS[..7]
        .iter()
        .map(|(kind, _)| (*kind, maker.command(kind)))
        .map(|(kind, made)| {
            let made = match kind {
                "ScheduleActivityTask" => made
                    .lasts("schedule_to_close_timeout", 90)
                    .lasts("schedule_to_start_timeout", 80)
                    .lasts("start_to_close_timeout", 70)
                    .lasts("heartbeat_timeout", 6),
                "StartChildWorkflowExecution" => made
                    .lasts("workflow_execution_timeout", 90)
                    .lasts("workflow_run_timeout", 80)
                    .lasts("workflow_task_timeout", 7),
                _ => made,
            };
            (kind, made)
        })
        .collect();
    let (end, _) = maker.dice.pick(&EVENTS[7..]).unwrap();
    let made = maker.command(end);
    let made = match end {
        "ContinueAsNewWorkflowExecution" => made
            .lasts("workflow_run_timeout", 80)
            .lasts("workflow_task_timeout", 7),
        _ => made,
    };
    commands.push((end, made));
    commands
}

/// Issue 15, point 1.
#[tokio::test]
async fn what_is_sent_comes_back_as_it_was() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    for seed in 0..RUNS {
        one(&mut client, seed).await;
    }
}
