//! Temporal's JSON form of histories, against histories recorded from a real service.
//!
//! `histories/` holds the recordings. `histories/constructed/every_event.json` has every event type
//! of Temporal with every field set; a program made it from the protobuf definitions.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use steadfast::{
    core::{
        event::{
            ContinueAsNewInitiator, EventKind, ExternalFailedCause, HistoryEvent,
            WorkflowTaskFailedCause,
        },
        failure::{Failure, FailureKind, TimeoutType},
        history::History,
        ids::{EventId, RunId, WorkflowId},
        payload::Payload,
        retry::{RetryPolicy, RetryState},
    },
    history_json::{HistoryJsonError, HistoryReader, from_json, to_json},
};

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories"))
}

fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name).with_extension("json")).expect("the file exists")
}

fn read(name: &str) -> History {
    from_json(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the recorded histories, and of the constructed one.
fn names() -> Vec<String> {
    let files = fs::read_dir(directory()).expect("the folder exists");
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), 199);
    names.sort();
    names.push(EVERY_EVENT.to_owned());
    names
}

const EVERY_EVENT: &str = "constructed/every_event";

fn event(history: &History, id: u64) -> &EventKind {
    let mut events = history.events.iter();
    let event = events.find(|event| event.event_id == EventId(id));
    &event.expect("there is such an event").kind
}

#[test]
fn what_is_written_reads_as_it_was() {
    for name in names() {
        let history = read(&name);
        let json = to_json(&history).unwrap();
        let again = HistoryReader::new()
            .run_id(history.execution.run_id.clone())
            .read(&json)
            .unwrap();
        assert_eq!(again, history, "{name}");
    }
}

#[test]
fn what_is_written_is_what_the_service_wrote_but_for_fields_that_a_history_lacks() {
    let mut dropped = BTreeSet::new();
    for name in names() {
        let original: Value = serde_json::from_str(&text(&name)).unwrap();
        let written: Value = serde_json::from_str(&to_json(&read(&name)).unwrap()).unwrap();
        compare(&name, &original, &written, &mut dropped);
    }
    let dropped: Vec<String> = dropped.into_iter().collect();
    assert_eq!(dropped, DROPPED);
}

/// Checks that everything written is in the original, and collects what is only there.
fn compare(path: &str, original: &Value, written: &Value, dropped: &mut BTreeSet<String>) {
    match (original, written) {
        (Value::Object(original), Value::Object(written)) => {
            for (name, value) in written {
                let from_nexus = original.keys().any(|name| name.starts_with("nexus"));
                if name == "applicationFailureInfo" && from_nexus {
                    continue;
                }
                let path = format!("{path}.{name}");
                let original = original.get(name).unwrap_or_else(|| panic!("{path}"));
                compare(&path, original, value, dropped);
            }
            for (name, value) in original {
                let is_default = [json!("0s"), json!({}), json!("")].contains(value);
                if !is_default && !written.contains_key(name) {
                    dropped.insert(name.clone());
                }
            }
        }
        (Value::Array(original), Value::Array(written)) => {
            assert_eq!(original.len(), written.len(), "{path}");
            for (original, written) in original.iter().zip(written) {
                compare(path, original, written, dropped);
            }
        }
        (Value::Number(original), Value::Number(written)) => {
            assert_eq!(original.as_f64(), written.as_f64(), "{path}");
        }
        _ if path.ends_with("MessageId") => {}
        _ => assert_eq!(original, written, "{path}"),
    }
}

const DROPPED: [&str; 0] = [];

#[test]
fn only_events_that_a_history_does_not_hold_are_unknown() {
    let history = read(EVERY_EVENT);
    let unknown: Vec<(&str, bool)> = history
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Unknown {
                event_type,
                may_ignore,
            } => Some((event_type.as_str(), *may_ignore)),
            _ => None,
        })
        .collect();
    let expected: [(&str, bool); 0] = [

    ];
    assert_eq!(unknown, expected);
}

/// The same JSON in another spelling.
fn respell(value: &Value, names: fn(&str) -> String, texts: fn(&str) -> Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (names(name), respell(value, names, texts)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| respell(item, names, texts))
            .collect(),
        Value::String(text) => texts(text),
        other => other.clone(),
    }
}

#[test]
fn every_spelling_reads_alike() {
    let snake = |name: &str| {
        let is_field = name != "TemporalScheduledById" && name != "TemporalScheduledStartTime";
        let letters = name.chars().map(|letter| match letter {
            'A'..='Z' if is_field => format!("_{}", letter.to_ascii_lowercase()),
            letter => letter.to_string(),
        });
        letters.collect()
    };
    let old = |text: &str| {
        for prefix in ["EVENT_TYPE_", "RETRY_STATE_", "TIMEOUT_TYPE_", "PARENT_CLOSE_POLICY_"] {
            if let Some(name) = text.strip_prefix(prefix) {
                let words = name.split('_');
                let words = words.map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
                return words.collect::<String>().into();
            }
        }
        match text.parse::<u32>() {
            Ok(number) if number < 100 && number > 9 => number.into(),
            _ => text.into(),
        }
    };
    let offsets = |text: &str| match text.strip_suffix('Z') {
        Some(time) if time.starts_with("2026-") && time.len() < 30 => format!("{time}+00:00").into(),
        _ => text.into(),
    };
    for name in names() {
        let history = read(&name);
        let original: Value = serde_json::from_str(&text(&name)).unwrap();
        let same = |name: &str| name.to_owned();
        for json in [
            respell(&original, snake, |text| text.into()),
            respell(&original, same, old),
            respell(&original, same, offsets),
            original["events"].clone(),
            json!({"history": original, "nextPageToken": ""}),
        ] {
            let again = from_json(&json.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(again, history, "{name}");
        }
    }
}
