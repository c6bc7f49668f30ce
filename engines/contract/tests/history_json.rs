//! Temporal's JSON form of histories, against histories recorded from a real service.
//!
//! `histories/` holds the recordings. `histories/constructed/every_event.json` has every event type
//! of Temporal with every field set; a program made it from the protobuf definitions.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use steadfast_core::{
    event::{
        ContinueAsNewInitiator, EventKind, ExternalFailedCause, HistoryEvent,
        WorkflowTaskFailedCause,
    },
    failure::{Failure, FailureKind, TimeoutType},
    history::History,
    ids::{EventId, RunId, WorkflowId},
    payload::Payload,
    retry::{RetryPolicy, RetryState},
};
use steadfast_engine::history_json::{HistoryReader, from_json, to_json};

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
        .map(|file| file.expect("the folder can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(names.len(), 200);
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

/// What the service wrote is written again, and nothing else.
#[test]
fn what_is_written_is_what_the_service_wrote() {
    for name in names() {
        let original: Value = serde_json::from_str(&text(&name)).unwrap();
        let written: Value = serde_json::from_str(&to_json(&read(&name)).unwrap()).unwrap();
        compare(&name, &original, &written);
    }
}

fn compare(path: &str, original: &Value, written: &Value) {
    match (original, written) {
        (Value::Object(original), Value::Object(written)) => {
            for (name, value) in written {
                let path = format!("{path}.{name}");
                let original = original.get(name).unwrap_or_else(|| panic!("{path}"));
                compare(&path, original, value);
            }
            for (name, value) in original {
                let is_nothing = is_nothing(value);
                // A file has no use for the number of a task.
                let is_there = is_nothing || name == "taskId" || written.contains_key(name);
                assert!(is_there, "{path}.{name}: {value}");
            }
        }
        (Value::Array(original), Value::Array(written)) => {
            assert_eq!(original.len(), written.len(), "{path}");
            for (original, written) in original.iter().zip(written) {
                compare(path, original, written);
            }
        }
        (Value::Number(original), Value::Number(written)) => {
            assert_eq!(original.as_f64(), written.as_f64(), "{path}");
        }
        (original, written) => assert_eq!(original, written, "{path}"),
    }
}

/// Protobuf tells a message that says nothing from none, and nobody else does.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_nothing),
        value => [json!(""), json!("0s"), json!("0"), json!(false)].contains(value),
    }
}

/// The same JSON with other names of fields, and with other texts, given the names of their fields.
fn respell(value: &Value, names: fn(&str) -> String, texts: fn(&str, &str) -> Value) -> Value {
    let field = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => texts(name, text),
            value => respell(value, names, texts),
        };
        (names(name), value)
    };
    match value {
        Value::Object(map) => map.iter().map(field).collect(),
        Value::Array(items) => {
            let items = items.iter();
            items.map(|item| respell(item, names, texts)).collect()
        }
        value => value.clone(),
    }
}

/// `eventId` as `event_id`; keys of maps stay as they are.
fn snake(name: &str) -> String {
    let is_field = !name.starts_with("Temporal");
    let letters = name.chars().map(|letter| match letter {
        'A'..='Z' if is_field => format!("_{}", letter.to_ascii_lowercase()),
        letter => letter.to_string(),
    });
    letters.collect()
}

/// Enums as old servers wrote them, and numbers as numbers.
fn old(name: &str, text: &str) -> Value {
    for prefix in [
        "EVENT_TYPE_",
        "RETRY_STATE_",
        "TIMEOUT_TYPE_",
        "PARENT_CLOSE_POLICY_",
    ] {
        if let Some(name) = text.strip_prefix(prefix) {
            let words = name.split('_');
            let words = words.map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
            return words.collect::<String>().into();
        }
    }
    match text.parse::<u64>() {
        Ok(number) if name.ends_with("EventId") || name == "eventId" => number.into(),
        _ => text.into(),
    }
}

fn with_offset(name: &str, text: &str) -> Value {
    match text.strip_suffix('Z') {
        Some(time) if name.ends_with("Time") => format!("{time}+00:00").into(),
        _ => text.into(),
    }
}

#[test]
fn every_spelling_reads_alike() {
    for name in names() {
        let history = read(&name);
        let original: Value = serde_json::from_str(&text(&name)).unwrap();
        let same = |name: &str| name.to_owned();
        for json in [
            respell(&original, snake, |_, text| text.into()),
            respell(&original, same, old),
            respell(&original, same, with_offset),
            original["events"].clone(),
            json!({"history": original, "nextPageToken": ""}),
        ] {
            let again =
                from_json(&json.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let pairs = again.events.iter().zip(&history.events);
            for (again, event) in pairs {
                assert_eq!(again.kind, event.kind, "{name}");
                // What a history has no field for keeps the spelling that it had.
                let kept = |event: &HistoryEvent| event.unmodelled.is_some();
                assert_eq!(kept(again), kept(event), "{name} {}", event.event_id);
            }
            assert_eq!(again.events.len(), history.events.len(), "{name}");
        }
    }
}

#[test]
fn the_run_is_the_one_that_the_file_shows() {
    let run_id = |name| read(name).execution.run_id.to_string();
    let continued = run_id("a24_cancel_workflow_retry_policy__failed_run2");
    assert_eq!(continued, "ebbb4f4a-eb58-4808-8bb2-d37403000748");
    let reset = run_id("e05_reset_canceled_after_request__new");
    assert_eq!(reset, "de8c683f-57c0-41c2-a063-caa8b4af2e33");
    let base = run_id("e05_reset_canceled_after_request__base");
    assert_eq!(base, "01a1f98b-6188-7555-9a7d-017733d5bcbe");
    let other = HistoryReader::new()
        .workflow_id(WorkflowId::new("other").unwrap())
        .run_id(RunId::new("run").unwrap())
        .read(&text("b12_wait_cancel_heartbeating"))
        .unwrap();
    assert_eq!(other.execution.to_string(), "other/run");
}

#[test]
fn representative_events_have_the_recorded_values() {
    let started = |name| match read(name).events.swap_remove(0).kind {
        EventKind::WorkflowExecutionStarted(started) => started,
        other => panic!("{other:?}"),
    };
    let retried = started("a24_cancel_workflow_retry_policy__failed_run2");
    assert_eq!(retried.attempt, 2);
    assert_eq!(retried.initiator, Some(ContinueAsNewInitiator::Retry));
    assert_eq!(retried.first_workflow_task_backoff, Duration::from_secs(1));
    assert_eq!(retried.timeouts.task_timeout, Some(Duration::from_secs(10)));
    assert_eq!(
        (retried.identity, retried.timeouts.run_timeout),
        (None, None)
    );
    assert_eq!(
        retried.continued_failure,
        Some(
            Failure::application("cleanup broke", "CleanupError")
                .with_cause(Failure::application("", "CancelledError"))
        )
    );
    assert_eq!(
        retried.retry_policy,
        Some(RetryPolicy {
            maximum_interval: Some(Duration::from_secs(100)),
            maximum_attempts: 3,
            ..RetryPolicy::default()
        })
    );
    let scheduled = started("d12_schedule_overlap_cancel_and_terminate_other__terminate_other")
        .search_attributes;
    let time = &scheduled["TemporalScheduledStartTime"];
    assert_eq!(time.data.as_slice(), b"\"2026-11-20T15:18:24Z\"");
    assert_eq!(time.metadata["type"].as_slice(), b"Datetime");

    let b12 = read("b12_wait_cancel_heartbeating");
    let time = b12.events[10].event_time.to_string();
    assert_eq!(time, "2026-11-20T15:08:35.43718026Z");
    let EventKind::ActivityTaskScheduled {
        activity,
        workflow_task_completed_event_id,
    } = event(&b12, 5)
    else {
        panic!();
    };
    assert_eq!(*workflow_task_completed_event_id, EventId(4));
    assert_eq!(
        (
            activity.activity_id.as_str(),
            activity.activity_type.as_str()
        ),
        ("act", "hb_loop")
    );
    assert_eq!(activity.input, [Payload::json(b"\"raise\"".as_slice())]);
    assert_eq!(
        activity.timeouts.heartbeat_timeout,
        Some(Duration::from_secs(2))
    );
    assert_eq!(activity.timeouts.schedule_to_close_timeout, None);
    assert!(matches!(
        event(&b12, 12),
        EventKind::ActivityTaskCanceled {
            latest_cancel_requested_event_id: EventId(10),
            scheduled_event_id: EventId(5),
            started_event_id: EventId(11),
            ..
        }
    ));

    let target = read("c30_external_cancel_running__target");
    let EventKind::WorkflowExecutionCancelRequested {
        cause,
        external_initiated_event_id,
        external_workflow_execution,
        ..
    } = event(&target, 6)
    else {
        panic!();
    };
    assert!(cause.ends_with("with reason: told to"));
    assert_eq!(*external_initiated_event_id, EventId(5));
    let canceller = read("c30_external_cancel_running__canceller");
    assert_eq!(
        external_workflow_execution.as_ref(),
        Some(&canceller.execution)
    );
    assert!(matches!(
        event(&canceller, 5),
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. }
            if cancel.workflow_id == target.execution.workflow_id && cancel.run_id.is_none()
    ));

    let c40 = read("c40_local_activity_cancel__try_cancel");
    assert!(matches!(
        event(&c40, 5),
        EventKind::TimerStarted { start_to_fire_timeout, .. } if start_to_fire_timeout.as_millis() == 500
    ));
    let EventKind::MarkerRecorded { marker, .. } = event(&c40, 13) else {
        panic!();
    };
    assert_eq!(marker.marker_name, "core_local_activity");
    assert_eq!(
        marker.failure,
        Some(Failure::cancelled("Activity cancelled"))
    );
    let data: Value = serde_json::from_slice(marker.details["data"][0].data.as_slice()).unwrap();
    assert_eq!(data["activity_type"], "la_loop");

    let timed_out = read("b19_wait_cancel_heartbeat_timeout");
    assert!(matches!(
        event(&timed_out, 12),
        EventKind::ActivityTaskTimedOut { failure, retry_state: RetryState::CancelRequested, .. }
            if failure.timeout_type() == Some(TimeoutType::Heartbeat) && failure.source == "Server"
    ));
    assert!(matches!(
        event(&read("e05_reset_canceled_after_request__new"), 14),
        EventKind::WorkflowTaskFailed { cause: WorkflowTaskFailedCause::ResetWorkflow, failure: Some(failure), .. }
            if matches!(failure.kind, FailureKind::Reset { .. }) && failure.message == "rsn"
    ));
    assert!(matches!(
        event(&read("e13_reset_before_child_init_running_child__new"), 9),
        EventKind::StartChildWorkflowExecutionFailed {
            cause: ExternalFailedCause::WorkflowAlreadyExists,
            workflow_task_completed_event_id: EventId::NONE,
            ..
        }
    ));
    assert!(matches!(
        event(&read("c09_child_cancelled_from_outside__parent"), 14),
        EventKind::WorkflowExecutionFailed { failure, .. }
            if failure.is_cancelled() && matches!(&failure.kind, FailureKind::ChildWorkflow(info)
                if info.retry_state == RetryState::NonRetryableFailure)
    ));
    let saga = read("ts_s19_saga");
    assert_eq!(saga.events.len(), 40);
    assert_eq!(event(&saga, 40).name(), "WorkflowExecutionCanceled");
}
