//! Who the engine is in the histories that it writes.

use steadfast_core::ids::Identity;

/// The identity of what the engine does by itself, as on a Temporal Service.
const HISTORY_SERVICE: &str = "history-service";

pub(crate) fn engine_identity() -> Identity {
    Identity::new(HISTORY_SERVICE).expect("not empty and not long")
}
