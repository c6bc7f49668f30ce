//! Requests that nobody thought of: for each method that the server's own descriptors name, messages that a seed makes, of
//! values that earlier answers brought, and bytes that are no message. Whatever comes, the server answers with a status
//! that says what was wrong, and goes on.
//!
//! `STEADFAST_FUZZ_CALLS` and `STEADFAST_FUZZ_SEED` make it longer, and other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::uri::PathAndQuery;
use prost::{
    Message as _,
    bytes::{Buf as _, BufMut as _},
};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, Value,
};
use steadfast_core::{event::ExecutionStatus, ids::EventId};
use steadfast_embedded::EmbeddedEngine;
use steadfast_engine::{
    Engine as _, ExecutionRef, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
};
use steadfast_server::{ServeOptions, serve};
use steadfast_wire::DESCRIPTORS;
use temporalio_protos::temporal::api::{
    common::v1::WorkflowType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

#[path = "../../engines/embedded/tests/embedded_engine/dice.rs"]
mod dice;

use dice::Dice;

const SERVICES: [&str; 2] = [
    "temporal.api.operatorservice.v1.OperatorService",
    "temporal.api.workflowservice.v1.WorkflowService",
];

/// How deep messages are nested that somebody makes up.
const DEEP: usize = 5;

/// What is said of a server that should have said what is wrong with a request.
const OUR_FAULT: [Code; 3] = [Code::Internal, Code::Unknown, Code::DataLoss];

fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Passes bytes on.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// What earlier answers brought, by the name of the field: ids, tokens, pages.
#[derive(Default)]
struct Seen {
    texts: BTreeMap<String, Vec<String>>,
    bytes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Seen {
    fn note(&mut self, message: &DynamicMessage) {
        for (field, value) in message.fields() {
            match value {
                Value::String(text) => remember(&mut self.texts, field.name(), text),
                Value::Bytes(bytes) => remember(&mut self.bytes, field.name(), &bytes.to_vec()),
                Value::Message(inner) => self.note(inner),
                Value::List(values) => {
                    for inner in values.iter().filter_map(Value::as_message) {
                        self.note(inner);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Keeps the last few.
fn remember<T: Clone>(seen: &mut BTreeMap<String, Vec<T>>, name: &str, value: &T) {
    let values = seen.entry(name.to_owned()).or_default();
    values.push(value.clone());
    if values.len() > 8 {
        values.remove(0);
    }
}

/// Makes messages.
struct Maker {
    dice: Dice,
    seen: Arc<Mutex<Seen>>,
}

impl Maker {
    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            if !self.dice.one_in(3) || is_needed(&field) {
                let value = self.field(&field, depth);
                if let Some(value) = value {
                    message.set_field(&field, value);
                }
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        if field.is_map() {
            let kind = field.kind();
            let entry = kind.as_message()?;
            let value = entry.map_entry_value_field();
            let key = match entry.map_entry_key_field().kind() {
                Kind::String => MapKey::String(self.text(field.name())),
                _ => return None,
            };
            return Some(Value::Map([(key, self.value(&value, depth)?)].into()));
        }
        if field.is_list() {
            let count = self.dice.below(3);
            let values = (0..count)
                .filter_map(|_| self.value(field, depth))
                .collect();
            return Some(Value::List(values));
        }
        self.value(field, depth)
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        Some(match field.kind() {
            Kind::Double => Value::F64(self.odd() as f64),
            Kind::Float => Value::F32(self.odd() as f32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                Value::I32(i32::try_from(self.odd()).unwrap_or(i32::MIN))
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.odd()),
            Kind::Uint32 | Kind::Fixed32 => {
                Value::U32(u32::try_from(self.odd()).unwrap_or(u32::MAX))
            }
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.odd().unsigned_abs()),
            Kind::Bool => Value::Bool(self.dice.one_in(2)),
            Kind::String => Value::String(self.text(field.name())),
            Kind::Bytes => Value::Bytes(self.bytes(field.name()).into()),
            Kind::Enum(values) => {
                let numbers: Vec<i32> = values.values().map(|value| value.number()).collect();
                let unknown = self.dice.one_in(20);
                Value::EnumNumber(if unknown {
                    4_711
                } else {
                    self.dice.pick(&numbers)?
                })
            }
            Kind::Message(_) if depth == 0 => return None,
            Kind::Message(inner) => Value::Message(self.message(&inner, depth - 1)),
        })
    }

    /// Numbers that are small, none, or out of all bounds.
    fn odd(&mut self) -> i64 {
        let small = i64::try_from(self.dice.below(12)).unwrap();
        let odd = [
            small,
            small,
            small,
            small,
            0,
            -1,
            -small,
            1_000_000_000,
            i64::MAX,
            i64::MIN,
        ];
        self.dice.pick(&odd).unwrap()
    }

    fn text(&mut self, field: &str) -> String {
        const QUERIES: [&str; 8] = [
            "ExecutionStatus = 'Running'",
            "WorkflowType IN ('Order', 'x') AND StartTime > '2020-01-01T00:00:00Z'",
            "`TemporalScheduledById` IS NULL",
            "GROUP BY ExecutionStatus",
            "Bogus = 1",
            "(((",
            "ExecutionDuration > '5m' OR HistoryLength BETWEEN 1 AND 3",
            "WorkflowId STARTS_WITH 'w'",
        ];
        const ODD: [&str; 9] = [
            "",
            " ",
            "\0",
            "é\u{202e}",
            "'",
            "../..",
            "%",
            "00000000-0000-0000-0000-000000000000",
            "__stack_trace",
        ];
        if self.dice.one_in(12) {
            return self.dice.pick(&ODD).unwrap().to_owned();
        }
        if self.dice.one_in(400) {
            return "x".repeat(70_000);
        }
        if self.dice.one_in(2)
            && let Some(seen) = self.seen(|seen| seen.texts.get(field).cloned())
        {
            return seen;
        }
        match field {
            "namespace" if !self.dice.one_in(10) => "default".to_owned(),
            "query" if !self.dice.one_in(8) => self.dice.pick(&QUERIES).unwrap().to_owned(),
            "run_id" | "first_execution_run_id" => String::new(),
            _ => format!("w{}", self.dice.below(6)),
        }
    }

    fn bytes(&mut self, field: &str) -> Vec<u8> {
        let mut bytes = match self.seen(|seen| seen.bytes.get(field).cloned()) {
            Some(seen) => seen,
            None => (0..self.dice.below(40)).map(|_| self.byte()).collect(),
        };
        if self.dice.one_in(4) {
            self.spoil(&mut bytes);
        }
        bytes
    }

    fn seen<T: Clone>(&mut self, of: impl Fn(&Seen) -> Option<Vec<T>>) -> Option<T> {
        let seen = of(&self.seen.lock().unwrap())?;
        self.dice.pick(&seen)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.dice.below(256)).unwrap()
    }

    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.dice.below(4) {
            let at = self.dice.below(bytes.len());
            if self.dice.one_in(3) {
                bytes.truncate(at);
            }
            let byte = self.byte();
            match bytes.get_mut(at) {
                Some(place) => *place = byte,
                None => bytes.push(byte),
            }
        }
    }
}

/// Without these nearly every request is refused for the same reason.
fn is_needed(field: &FieldDescriptor) -> bool {
    const NEEDED: [&str; 10] = [
        "namespace",
        "workflow_id",
        "workflow_type",
        "task_queue",
        "name",
        "execution",
        "workflow_execution",
        "signal_name",
        "request",
        "meta",
    ];
    NEEDED.contains(&field.name())
}

fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let services = SERVICES.map(|name| pool.get_service_by_name(name).unwrap());
    let methods = services
        .iter()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.collect()
}

fn path(method: &MethodDescriptor) -> PathAndQuery {
    let service = method.parent_service().full_name().to_owned();
    format!("/{service}/{}", method.name()).parse().unwrap()
}

/// Calls methods, each with a message that was made up; those that are not there, once.
async fn call(
    channel: Channel,
    seed: u64,
    calls: usize,
    seen: Arc<Mutex<Seen>>,
) -> BTreeMap<String, usize> {
    let mut methods = methods();
    let mut maker = Maker {
        dice: Dice::new(seed),
        seen: Arc::clone(&seen),
    };
    let mut codes = BTreeMap::new();
    for number in 0..calls {
        let method = maker.dice.pick(&methods).unwrap();
        let message = maker.message(&method.input(), DEEP);
        let mut bytes = message.encode_to_vec();
        let spoilt = maker.dice.one_in(10);
        if spoilt {
            maker.spoil(&mut bytes);
        }
        let mut request = tonic::Request::new(bytes);
        // Nobody works here: what waits is given up.
        request.set_timeout(Duration::from_millis(200));
        let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX);
        grpc.ready().await.unwrap();
        let answer = grpc.unary(request, path(&method), Bytes).await;
        let code = match answer {
            Ok(answer) => {
                let answer =
                    DynamicMessage::decode(method.output(), answer.into_inner().as_slice());
                seen.lock().unwrap().note(&answer.unwrap());
                Code::Ok
            }
            Err(status) => {
                let what = format!(
                    "seed {seed}, call {number}: {} {status:?}\n{message}",
                    method.full_name()
                );
                // Go's servers say so too of bytes that are no message.
                let unread = spoilt && status.message().contains("decode Protobuf");
                assert!(unread || !OUR_FAULT.contains(&status.code()), "{what}");
                assert!(!status.message().is_empty(), "{what}");
                if status.code() == Code::Unimplemented {
                    methods.retain(|other| *other != method);
                }
                status.code()
            }
        };
        *codes.entry(format!("{code:?}")).or_default() += 1;
    }
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_is_answered_and_nothing_breaks() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        told(info);
    }));
    let calls = number("STEADFAST_FUZZ_CALLS", 2_000);
    let seed = number("STEADFAST_FUZZ_SEED", 1) as u64;
    let engine = EmbeddedEngine::in_memory().unwrap();
    let options = ServeOptions::default()
        .listen(([127, 0, 0, 1], 0).into())
        .long_poll(Duration::from_millis(20));
    let server = serve(Arc::<EmbeddedEngine>::clone(&engine), options)
        .await
        .unwrap();
    let channel = Channel::from_shared(format!("http://{}", server.address())).unwrap();
    let channel = channel.connect().await.unwrap();
    let seen = Arc::default();
    let tasks = (0..4).map(|task| {
        let call = call(
            channel.clone(),
            seed * 1_000 + task,
            calls / 4,
            Arc::clone(&seen),
        );
        tokio::spawn(call)
    });
    let mut codes = BTreeMap::new();
    for task in tasks.collect::<Vec<_>>() {
        for (code, count) in task.await.unwrap() {
            *codes.entry(code).or_insert(0) += count;
        }
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    // Otherwise it is a test of refusals.
    assert!(codes["Ok"] * 10 > calls, "{codes:?}");

    // It goes on, and what was accepted can be read.
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: "after all".to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Order".to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: "orders".to_owned(),
            ..TaskQueue::default()
        }),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut client = WorkflowServiceClient::new(channel);
    client.start_workflow_execution(request).await.unwrap();
    let request = ListWorkflowsRequest {
        page_size: 1_000,
        filter: ListFilter::default(),
        next_page_token: None,
    };
    let page = engine.list_workflows(request).await.unwrap();
    assert!(!page.executions.is_empty());
    for workflow in page.executions {
        let request = HistoryRequest {
            execution: ExecutionRef::run(workflow.execution.clone()),
            from: EventId(1),
            page_size: 10_000,
            wait: HistoryWait::No,
        };
        let history = engine.workflow_history(request).await.unwrap();
        let length = history.events.len() as u64;
        match workflow.status {
            // Schedules, timers and limits go on meanwhile.
            ExecutionStatus::Running => assert!(length >= workflow.history_length),
            _ => assert_eq!(length, workflow.history_length),
        }
        let described = engine.describe_workflow(ExecutionRef::run(workflow.execution));
        described.await.unwrap();
    }
    server.stop().await.unwrap();
}
