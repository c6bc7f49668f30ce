//! Every history that was recorded from a real service replays in the Rust twin of its workflow.
//!
//! `../histories/` has the recordings: of workers in Python and TypeScript, and of scripts that spoke
//! the protocol without any workflow. A history finds its twin by its workflow type.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod children;
mod python;
mod typescript;

use std::{collections::BTreeMap, fs, path::Path};

use steadfast::{
    core::{event::EventKind, history::History},
    history_json,
    testing::{ReplayError, Replayer},
};

/// The types that no workflow stands behind: a script answered their tasks, with commands and ids of its own.
const SCRIPTED: [&str; 2] = ["RawChild", "RawWF"];

/// Where the code of the other language does what no code on this SDK can do, and why.
const OTHERWISE: [(&str, &str); 2] = [
    (
        "c03_child_try_cancel__parent",
        "F6: a run closes when the cancellation that it asked for was acknowledged",
    ),
    (
        "h03_child_started_and_cancel_same_task__parent",
        "F6, and the parent waits for its child, as it says it does",
    ),
];

fn replayer() -> Replayer {
    typescript::register(children::register(python::register(Replayer::new())))
}

/// The recorded histories by their names.
fn recorded() -> BTreeMap<String, History> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engines/contract/tests/histories");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let history = history_json::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
            (name, history)
        })
        .collect()
}

fn workflow_type(history: &History) -> &str {
    match &history.events[0].kind {
        EventKind::WorkflowExecutionStarted(started) => started.workflow_type.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_recorded_history_replays_in_the_twin_of_its_workflow() {
    let replayer = replayer();
    let (mut replayed, mut scripted, mut failed) = (0, 0, Vec::new());
    for (name, history) in recorded() {
        if SCRIPTED.contains(&workflow_type(&history)) {
            scripted += 1;
        } else if OTHERWISE.iter().all(|(otherwise, _)| *otherwise != name) {
            replayed += 1;
            if let Err(error) = replayer.replay(&history) {
                failed.push(format!("{name}: {error}\n{history}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!((replayed, scripted), (127, 71));
}

/// Nothing is on the list that could replay.
#[test]
fn what_is_done_otherwise_is_found() {
    let recorded = recorded();
    for (name, reason) in OTHERWISE {
        let error = replayer().replay(&recorded[name]).unwrap_err();
        let found = matches!(
            error,
            ReplayError::Failed {
                nondeterminism: true,
                ..
            }
        );
        assert!(found, "{name} ({reason}): {error}");
    }
}
