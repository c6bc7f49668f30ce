//! The recorded histories of the other packages: what a service wrote is what a service would write.
//!
//! Their JSON is made into messages by descriptors, which knows nothing of `core`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use steadfast_core::{event::HistoryEvent, history::History};
use steadfast_engine::history_json::from_json;
use steadfast_wire::{DESCRIPTORS, EventReader, Home, Wire, Wired, read_history};
use temporalio_protos::temporal::api::history::v1 as proto;

/// The folders with recordings, and how many there are at least.
const FOLDERS: [(&str, usize); 4] = [
    ("../contract/tests/histories", 190),
    ("../contract/tests/histories/constructed", 1),
    ("../../tests/tests/recordings", 9),
    ("../../tests/tests/recordings/python", 1),
];

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (folder, least) in FOLDERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(&folder).expect("the folder exists");
        let found = entries
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|it| it == "json"));
        let before = files.len();
        files.extend(found);
        assert!(files.len() - before >= least, "{}", folder.display());
    }
    files
}

fn read_json(file: &Path) -> History {
    let text = fs::read_to_string(file).expect("the file exists");
    from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

static MESSAGES: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).expect("the descriptors were made for this")
});

fn descriptor(name: &str) -> MessageDescriptor {
    let name = format!("temporal.api.history.v1.{name}");
    let message = MESSAGES.get_message_by_name(&name);
    message.expect("it is one of Temporal's messages")
}

/// The messages of a recording.
fn recorded(file: &Path) -> proto::History {
    let text = fs::read_to_string(file).expect("the file exists");
    let mut json = serde_json::Deserializer::from_str(&text);
    // Fields of a later protocol have no place in these messages.
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message =
        DynamicMessage::deserialize_with_options(descriptor("History"), &mut json, &options);
    let message = message.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    message.transcode_to().expect("it is that message")
}

fn home() -> Home {
    Home {
        namespace: "default".to_owned(),
        namespace_id: "9bd5c6d4-2d3c-4bd5-a2a8-c4b0dc6ff4a0".to_owned(),
    }
}

fn written(events: Vec<HistoryEvent>) -> proto::History {
    let events = events.into_iter();
    let events = events.map(|event| Wire::default().event_out(event, &home()));
    proto::History {
        events: events
            .collect::<Wired<_>>()
            .expect("there is no codec that could refuse"),
    }
}

/// The events as they are in the file of the embedded engine.
fn kept(events: &[HistoryEvent]) -> Vec<HistoryEvent> {
    let bytes: Vec<u8> = events
        .iter()
        .flat_map(|event| rmp_serde::to_vec(event).expect("an event has an encoding"))
        .collect();
    let mut rest = bytes.as_slice();
    let mut read = Vec::new();
    while !rest.is_empty() {
        read.push(rmp_serde::decode::from_read(&mut rest).expect("what was written can be read"));
    }
    read
}

/// The JSON of messages in which those are left out that say nothing: protobuf tells them from none, and nobody else.
fn said(history: proto::History) -> Vec<Value> {
    let events = history.events.into_iter().map(|mut event| {
        // The service numbers its tasks.
        event.task_id = 0;
        let mut json = message_json(&event);
        leave_out_nothing(&mut json);
        json
    });
    events.collect()
}

fn message_json(event: &proto::HistoryEvent) -> Value {
    let mut message = DynamicMessage::new(descriptor("HistoryEvent"));
    message
        .merge(event.encode_to_vec().as_slice())
        .expect("it is that message");
    serde_json::to_value(message).expect("a message has JSON")
}

fn leave_out_nothing(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(leave_out_nothing);
            fields.retain(|_, value| ![json!({}), json!("0s")].contains(value));
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_nothing),
        _ => {}
    }
}

/// Checks that all that was recorded is told, and nothing else.
fn compare(place: &str, original: &Value, told: &Value) {
    match (original, told) {
        (Value::Object(original), Value::Object(told)) => {
            for (name, value) in original {
                let place = format!("{place}.{name}");
                compare(&place, value, told.get(name).unwrap_or(&Value::Null));
            }
            for (name, value) in told {
                assert!(
                    original.contains_key(name),
                    "{place}.{name} is told and was not recorded: {value}"
                );
            }
        }
        (Value::Array(original), Value::Array(told)) => {
            assert_eq!(original.len(), told.len(), "{place}");
            for (original, told) in original.iter().zip(told) {
                compare(place, original, told);
            }
        }
        (original, told) => assert_eq!(original, told, "{place}"),
    }
}

/// Issue 15: `proto -> core -> file -> core -> proto` is equal, and so is the way by JSON.
#[test]
fn what_a_service_recorded_is_told_as_it_was() {
    for file in files() {
        let original = recorded(&file);
        let read = read_history(&original.encode_to_vec()).expect("a recording is a history");
        let from_json = read_json(&file).events;
        let original = said(original);
        for (way, events) in [("protobuf", read.events), ("JSON", from_json)] {
            let told = said(written(kept(&events)));
            assert_eq!(told.len(), original.len());
            for (told, original) in told.iter().zip(&original) {
                let place = format!("{} by {way}: {}", file.display(), original["eventId"]);
                compare(&place, original, told);
            }
        }
    }
}

/// Both ways into a history come to the same, and what a worker reads of it is that without the rest.
#[test]
fn protobuf_and_json_say_the_same() {
    let wire = Wire::default();
    for file in files() {
        let original = recorded(&file);
        let read = EventReader::new(&wire).read(Some(original)).unwrap();
        let from_json = read_json(&file).events;
        assert_eq!(read.len(), from_json.len());
        for (read, from_json) in read.into_iter().zip(from_json) {
            assert_eq!(read.unmodelled, None);
            let modelled = HistoryEvent {
                unmodelled: None,
                ..from_json
            };
            assert_eq!(read, modelled, "{}", file.display());
        }
    }
}
