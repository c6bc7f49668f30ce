//! The recorded histories of the other packages: what a service wrote is what a service would write.
//!
//! They are read from JSON, which is a way of its own into `core`: what goes out here is checked against what came in
//! there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;
use serde_json::{Value, json};
use steadfast_core::history::History;
use steadfast_engine::history_json::from_json;
use steadfast_wire::{EventReader, Home, Wire, Wired, read_history};
use temporalio_protos::temporal::api::{enums::v1::EventType, history::v1 as proto};

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

fn read(file: &Path) -> History {
    let text = fs::read_to_string(file).expect("the file exists");
    from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A namespace of that name.
fn home(namespace: &str) -> Home {
    Home {
        namespace: namespace.to_owned(),
        namespace_id: "9bd5c6d4-2d3c-4bd5-a2a8-c4b0dc6ff4a0".to_owned(),
    }
}

fn written(history: &History, home: &Home) -> proto::History {
    let events = history.events.iter().cloned();
    let events = events.map(|event| Wire::default().event_out(event, home));
    proto::History {
        events: events
            .collect::<Wired<_>>()
            .expect("there is no codec that could refuse"),
    }
}

#[test]
fn what_a_service_recorded_goes_out_and_comes_in_as_it_was() {
    for file in files() {
        let history = read(&file);
        let bytes = written(&history, &home("default")).encode_to_vec();
        let again = read_history(&bytes).unwrap();
        assert_eq!(again.events, history.events, "{}", file.display());
    }
}

#[test]
fn what_a_service_tells_is_what_it_would_tell_of_what_was_read() {
    let home = home("default");
    for file in files() {
        let told = written(&read(&file), &home);
        let wire = Wire::default();
        let read = EventReader::new(&wire).read(Some(told.clone())).unwrap();
        let again = read.into_iter().map(|event| wire.event_out(event, &home));
        let again: Vec<proto::HistoryEvent> = again.collect::<Wired<_>>().unwrap();
        assert_eq!(again, told.events, "{}", file.display());
    }
}

/// What a history has no place for and a service tells all the same: attributes with their names here.
const ADDED: [(&str, &str); 4] = [
    ("acceptedRequestMessageId", "accepted_request_message_id"),
    ("namespace", "namespace"),
    ("parentWorkflowNamespace", "parent_workflow_namespace"),
    ("protocolInstanceId", "protocol_instance_id"),
];

/// What the names of attributes end in.
const ATTRIBUTES: &str = "EventAttributes";

/// The namespace that the events of a recording name, if they name one.
fn namespace(events: &[Value]) -> &str {
    let fields = events.iter().filter_map(Value::as_object).flatten();
    let mut named = fields
        .filter(|(name, _)| name.ends_with(ATTRIBUTES))
        .flat_map(|(_, it)| [&it["namespace"], &it["parentWorkflowNamespace"]])
        .filter_map(Value::as_str);
    named.next().unwrap_or("default")
}

#[test]
fn what_a_history_does_not_hold_is_told_as_the_service_told_it() {
    let mut checked = 0;
    for file in files() {
        if file.to_string_lossy().contains("constructed") {
            // Its values are made up.
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let original: Value = serde_json::from_str(&text).unwrap();
        let originals = original["events"].as_array().unwrap();
        let told = written(&read(&file), &home(namespace(originals))).events;
        assert_eq!(told.len(), originals.len());
        for (told, original) in told.into_iter().zip(originals) {
            let place = format!("{}, event {}", file.display(), told.event_id);
            let event_type = EventType::try_from(told.event_type).unwrap();
            assert_eq!(original["eventType"], event_type.as_str_name(), "{place}");
            let Some(attributes) = told.attributes else {
                continue;
            };
            let attributes = format!("{attributes:?}");
            let mut fields = original.as_object().unwrap().iter();
            let (_, original) = fields.find(|(name, _)| name.ends_with(ATTRIBUTES)).unwrap();
            for (name, here) in ADDED {
                let Some(value) = original[name].as_str() else {
                    continue;
                };
                let expected = format!("{here}: {value:?}");
                assert!(attributes.contains(&expected), "{place}: {expected}");
                checked += 1;
            }
            if original["taskQueue"]["kind"] == "TASK_QUEUE_KIND_NORMAL" {
                assert!(attributes.contains("kind: Normal"), "{place}");
                checked += 1;
            }
        }
    }
    // The recordings have hundreds of them.
    assert!(checked > 500, "{checked}");
}

/// What a service records of an event and would not be told, since a history does not hold it: attributes and field. What is
/// inside of these fields is compared as `core` has it. (The namespace that is not told is one that was not found.)
const NOT_TOLD: &str = "
    activityTaskFailed.cause childWorkflowExecutionStarted.header markerRecorded.header
    requestCancelExternalWorkflowExecutionFailed.namespace
    requestCancelExternalWorkflowExecutionFailed.workflowTaskCompletedEventId
    signalExternalWorkflowExecutionFailed.workflowTaskCompletedEventId
    workflowExecutionContinuedAsNew.backoffStartInterval workflowExecutionContinuedAsNew.failure
    workflowExecutionContinuedAsNew.initialVersioningBehavior workflowExecutionContinuedAsNew.initiator
    workflowExecutionContinuedAsNew.lastCompletionResult workflowExecutionSignaled.skipGenerateWorkflowTask
    workflowExecutionStarted.declinedTargetVersionUpgrade workflowExecutionStarted.eagerExecutionAccepted
    workflowExecutionStarted.inheritedAutoUpgradeInfo workflowExecutionStarted.inheritedBuildId
    workflowExecutionStarted.inheritedPinnedVersion workflowExecutionStarted.parentInitiatedEventVersion
    workflowExecutionStarted.parentPinnedWorkerDeploymentVersion workflowExecutionStarted.prevAutoResetPoints
    workflowExecutionStarted.propagatedNexusSerializationContext workflowExecutionStarted.sourceVersionStamp
    workflowTaskCompleted.binaryChecksum workflowTaskCompleted.deployment workflowTaskCompleted.deploymentVersion
    workflowTaskCompleted.meteringMetadata workflowTaskCompleted.sdkMetadata
    workflowTaskCompleted.versioningBehavior workflowTaskCompleted.workerDeploymentName
    workflowTaskCompleted.workerDeploymentVersion workflowTaskFailed.binaryChecksum
    workflowTaskFailed.forkEventVersion workflowTaskStarted.suggestContinueAsNewReasons
    workflowTaskStarted.targetWorkerDeploymentVersionChanged";

/// Those that many attributes have. `namespaceId` is another one where the recording was made in another namespace.
const NOT_TOLD_ANYWHERE: &str = "
    buildIdRedirectCounter control cronSchedule inheritBuildId namespaceId priority useWorkflowBuildId workerVersion";

#[test]
fn a_service_is_told_all_but_what_a_history_does_not_hold() {
    let mut lost = BTreeSet::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let original: Value = serde_json::from_str(&text).unwrap();
        let originals = original["events"].as_array().unwrap();
        let told = written(&read(&file), &home("default")).events;
        for (told, original) in told.into_iter().zip(originals) {
            compare("event", original, &format!("{told:?}"), &mut lost);
            let Some(attributes) = told.attributes else {
                // An event that this version does not know.
                continue;
            };
            let mut fields = original.as_object().unwrap().iter();
            let (name, original) = fields.find(|(name, _)| name.ends_with(ATTRIBUTES)).unwrap();
            let name = name.trim_end_matches(ATTRIBUTES);
            compare(name, original, &format!("{attributes:?}"), &mut lost);
        }
    }
    let expected: Vec<&str> = NOT_TOLD.split_whitespace().collect();
    assert_eq!(lost.iter().collect::<Vec<_>>(), expected);
}

/// Collects the fields of a message that are set in its JSON and not in what is told.
fn compare(message: &str, original: &Value, told: &str, lost: &mut BTreeSet<String>) {
    let told = fields(told);
    let anywhere: Vec<&str> = NOT_TOLD_ANYWHERE.split_whitespace().collect();
    for (name, value) in original.as_object().expect("a message is an object") {
        let unset = [json!(""), json!("0"), json!("0s"), json!({}), json!([])];
        if unset.contains(value) || anywhere.contains(&name.as_str()) || name.ends_with(ATTRIBUTES)
        {
            continue;
        }
        let unset = ["0", "\"\"", "None", "[]", "{}", "false", "Unspecified"];
        let told = told.get(&snake(name)).map_or("None", String::as_str);
        if unset.contains(&told) {
            lost.insert(format!("{message}.{name}"));
        }
    }
}

/// The fields of a message as it shows itself.
fn fields(shown: &str) -> BTreeMap<String, String> {
    let (_, inside) = shown.split_once('{').expect("a message has fields");
    let mut fields = BTreeMap::new();
    let (mut field, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    for letter in inside.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' | '(' if !quoted => depth += 1,
            '}' | ']' | ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 || (depth == 0 && !quoted && letter == ',') {
            if let Some((name, value)) = field.trim().split_once(": ") {
                fields.insert(name.to_owned(), value.to_owned());
            }
            field.clear();
        } else {
            field.push(letter);
        }
        if depth < 0 {
            break;
        }
    }
    fields
}

/// `eventId` as `event_id`.
fn snake(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        letter => letter.to_string(),
    });
    letters.collect()
}
