//! What is wrong with a file is said, and nothing panics.

use std::fs;

use serde_json::{Value, json};
use steadfast_core::{event::EventKind, failure::Failure, history::History};

use super::{HistoryJsonError, HistoryReader, from_json, to_json};

fn text(name: &str) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories");
    fs::read_to_string(format!("{directory}/{name}.json")).expect("the file exists")
}

fn read(name: &str) -> History {
    from_json(&text(name)).expect("the file is a history")
}

#[test]
fn only_events_that_a_history_does_not_hold_are_unknown() {
    let history = read("constructed/every_event");
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
    let expected = [
        ("WorkflowExecutionUpdateRejected", false),
        ("WorkflowPropertiesModifiedExternally", false),
        ("ActivityPropertiesModifiedExternally", false),
        ("NexusOperationScheduled", false),
        ("NexusOperationStarted", false),
        ("NexusOperationCompleted", false),
        ("NexusOperationFailed", false),
        ("NexusOperationCanceled", false),
        ("NexusOperationTimedOut", false),
        ("NexusOperationCancelRequested", false),
        ("WorkflowExecutionOptionsUpdated", true),
        ("NexusOperationCancelRequestCompleted", false),
        ("NexusOperationCancelRequestFailed", false),
        ("WorkflowExecutionPaused", true),
        ("WorkflowExecutionUnpaused", true),
        ("WorkflowExecutionTimeSkippingTransitioned", true),
    ];
    assert_eq!(unknown, expected);
}

/// A history whose second event is a timer's start, with one field replaced.
fn timer_with(field: &str, value: &Value) -> Value {
    let mut json: Value =
        serde_json::from_str(&text("c30_external_cancel_running__target")).unwrap();
    let timer = json["events"][4].clone();
    json["events"].as_array_mut().unwrap().splice(1.., [timer]);
    let timer = &mut json["events"][1];
    match timer.get(field) {
        Some(_) => timer[field] = value.clone(),
        None => timer["timerStartedEventAttributes"][field] = value.clone(),
    }
    json
}

#[test]
fn errors_name_the_event_the_field_and_what_was_expected() {
    let error = |text: &str| from_json(text).unwrap_err().to_string();
    assert_eq!(
        error("{\n  \"events\": ["),
        "the text cannot be read as JSON at line 2, column 13"
    );
    assert_eq!(
        error("7"),
        "expected an object with `events` or an array of events, found `7`"
    );
    assert_eq!(
        error("{}"),
        "expected an object with `events` or an array of events, found an object without `events`"
    );
    assert_eq!(
        error("[]"),
        "there is no `WorkflowExecutionStarted` event; give the ids with a `HistoryReader`"
    );
    assert_eq!(error("[3]"), "event 1: expected an object, found `3`");
    let long = "x".repeat(1_001);
    for (field, value, expected) in [
        (
            "eventId",
            json!("five"),
            "event 2, field `eventId`: expected a whole number, found `\"five\"`",
        ),
        (
            "eventId",
            json!(-5),
            "event 2, field `eventId`: expected an event id, found `-5`",
        ),
        (
            "eventTime",
            json!("soon\n"),
            "event 5, field `eventTime`: expected a time such as `\"2026-11-20T15:08:35.5Z\"`, found `\"soon\\n\"`",
        ),
        (
            "eventType",
            json!(null),
            "event 5, field `eventType`: expected an event type such as `EVENT_TYPE_TIMER_STARTED`, found nothing",
        ),
        (
            "timerId",
            json!(null),
            "event 5, field `timerStartedEventAttributes.timerId`: expected the timer id, found nothing",
        ),
        (
            "timerId",
            json!(long),
            "event 5, field `timerStartedEventAttributes.timerId`: expected the timer id in at most 1000 bytes, found 1001 bytes",
        ),
        (
            "startToFireTimeout",
            json!("-1s"),
            "event 5, field `timerStartedEventAttributes.startToFireTimeout`: expected a duration such as `\"1.500s\"`, found `\"-1s\"`",
        ),
        (
            "workflowTaskCompletedEventId",
            json!([]),
            "event 5, field `timerStartedEventAttributes.workflowTaskCompletedEventId`: expected a whole number, found an array",
        ),
    ] {
        assert_eq!(error(&timer_with(field, &value).to_string()), expected);
    }
    let mut decoded: Value = serde_json::from_str(&text("b12_wait_cancel_heartbeating")).unwrap();
    decoded["events"][4]["activityTaskScheduledEventAttributes"]["input"] = json!(["raise"]);
    assert_eq!(
        error(&decoded.to_string()),
        "event 5, field `activityTaskScheduledEventAttributes.input`: expected an object with \
         `payloads`, found an array; was the history downloaded with decoded payloads?"
    );
}

#[test]
fn failures_are_nested_as_deeply_as_the_limit_says() {
    let history_with = |causes: usize| {
        let mut history = read("c09_child_cancelled_from_outside__parent");
        let chain = (1..causes).fold(Failure::cancelled("0"), |cause, depth| {
            Failure::cancelled(depth.to_string()).with_cause(cause)
        });
        if let EventKind::WorkflowExecutionFailed { failure, .. } = &mut history.events[13].kind {
            **failure = chain;
        }
        history
    };
    let history = history_with(100);
    assert_eq!(from_json(&to_json(&history).unwrap()).unwrap(), history);
    let expected = "event 14, field `workflowExecutionFailedEventAttributes.failure`: expected at \
                    most 100 failures as causes of each other, found more";
    assert_eq!(
        to_json(&history_with(101)).unwrap_err().to_string(),
        expected
    );
    let mut json: Value = serde_json::from_str(&to_json(&history).unwrap()).unwrap();
    let failure = &mut json["events"][13]["workflowExecutionFailedEventAttributes"]["failure"];
    *failure = json!({"cause": failure.take()});
    let error = from_json(&json.to_string()).unwrap_err();
    assert!(
        matches!(error, HistoryJsonError::Field { field, .. } if field.ends_with("cause.cause"))
    );
    let bottomless = "[".repeat(100_000);
    assert!(matches!(
        from_json(&bottomless),
        Err(HistoryJsonError::Json { .. })
    ));
}

/// The JSON pointers of everything in a value.
fn pointers(value: &Value, prefix: &str, pointers_found: &mut Vec<String>) {
    pointers_found.push(prefix.to_owned());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| (index.to_string(), item))
                .collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        pointers(child, &format!("{prefix}/{name}"), pointers_found);
    }
}

#[test]
fn a_wrong_value_anywhere_is_an_error_of_its_event_or_survives_writing() {
    let every: Value = serde_json::from_str(&text("constructed/every_event")).unwrap();
    let small: Value = serde_json::from_str(&text("c30_external_cancel_running__target")).unwrap();
    let started = &small["events"][0];
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("\u{202e}x"),
        json!([]),
        json!([[{}]]),
        json!({}),
        json!({"payloads": {"metadata": 1}}),
    ];
    let mut read_count = 0;
    let mut values = wrong.iter().cycle();
    for event in every["events"].as_array().unwrap() {
        let mut found = Vec::new();
        pointers(event, "", &mut found);
        for pointer in found {
            // Each place gets some of the values, and in the end each value some of the places.
            for value in values.by_ref().take(2) {
                let mut event = event.clone();
                *event.pointer_mut(&pointer).unwrap() = value.clone();
                let json = match event.get("workflowExecutionStartedEventAttributes") {
                    Some(_) => json!([event]),
                    None => json!([started, event]),
                };
                match from_json(&json.to_string()) {
                    Ok(history) => {
                        read_count += 1;
                        let reader = HistoryReader::new().run_id(history.execution.run_id.clone());
                        let again = reader.read(&to_json(&history).unwrap());
                        assert_eq!(again.unwrap(), history, "{pointer} {value}");
                    }
                    Err(error) => {
                        let error = error.to_string();
                        let names_it =
                            error.starts_with("event ") || error.starts_with("there is no");
                        assert!(names_it && !error.contains('\u{202e}'), "{error}");
                    }
                }
            }
        }
    }
    assert!(read_count > 0);
}

#[test]
fn a_cut_or_damaged_file_is_an_error_or_a_history() {
    let json = text("c40_local_activity_cancel__try_cancel");
    for end in (0..json.trim_end().len()).step_by(17) {
        assert!(from_json(&json[..end]).is_err(), "{end}");
    }
    let bytes = [b'"', b'0', b'{', b'\\', b'-', b'}', b'Z'];
    for (index, byte) in (0..json.len()).step_by(5).zip(bytes.into_iter().cycle()) {
        let mut damaged = json.clone().into_bytes();
        damaged[index] = byte;
        // Whatever comes out, nothing panics.
        let _: Result<History, HistoryJsonError> = from_json(&String::from_utf8(damaged).unwrap());
    }
}
