//! Histories that a Temporal Service wrote for workflows of ours go on replaying.
//!
//! `recordings/` has them as `temporal workflow show -o json` gave them. Making them anew, against a service that
//! runs: `STEADFAST_RECORD=1 cargo test -p steadfast-tests --features temporal --test temporal histories_of_both`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "temporal/tour.rs"]
mod tour;

use std::{collections::BTreeSet, fs, path::Path};

use steadfast::{history_json, prelude::*};

#[tokio::test]
async fn what_a_service_recorded_replays_and_is_what_the_embedded_engine_leaves() {
    let client = Client::connect("memory:").await.unwrap();
    let embedded = tour::histories(&client).await;
    let names: BTreeSet<String> = embedded.iter().map(|(name, _)| name.clone()).collect();
    let mut recorded = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
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
