//! Histories that a Temporal Service wrote for workflows of ours go on replaying.
//!
//! `recordings/` has them as `temporal workflow show -o json` gave them. Making them anew, against a service that
//! runs: `STEADFAST_RECORD=1 cargo test -p steadfast-tests --features temporal --test temporal histories_of_both`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "temporal/tour.rs"]
mod tour;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use steadfast::{history_json, prelude::*};

#[tokio::test]
async fn what_a_service_recorded_replays_and_is_what_the_embedded_engine_leaves() {
    let client = Client::connect("memory:").await.unwrap();
    let embedded = tour::histories(&client).await;
    let names: BTreeSet<String> = embedded.iter().map(|(name, _)| name.clone()).collect();
    let mut recorded = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    for path in files(&folder) {
        let history = history_json::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
        tour::replayer().replay(&history).unwrap();
        recorded.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(recorded, names);
    for (name, history) in embedded {
        let replayed = tour::replayer().replay(&history);
        replayed.unwrap_or_else(|error| panic!("{name}: {error}\n{history}"));
    }
}

/// What the twin in Python (`temporal/replay.py`) left on a service with Temporal's own SDK.
#[test]
fn what_a_workflow_in_python_recorded_replays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/python");
    for path in files(&folder) {
        let text = fs::read_to_string(&path).unwrap();
        let replayed = tour::replayer().replay_json(&text);
        replayed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = paths.filter(|path| path.is_file()).collect();
    assert!(!files.is_empty());
    files
}
