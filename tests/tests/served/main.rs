//! Our own server judged by our own client of a Temporal Service, without any download: the scenarios of the conformance
//! suite and of the Rust workflows beside it go through gRPC to an embedded engine, whose clock they move.
//!
//! Workers of Temporal's Python and TypeScript SDKs work there too, where they are.
//!
//! Both the server's worker half and the engine that is a Temporal Service are what is judged; the embedded engine passes
//! the same scenarios without anything in between.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../conformance/activities.rs"]
mod activities;
#[path = "../conformance/children.rs"]
mod children;
#[path = "../conformance/complete.rs"]
mod complete;
#[path = "../conformance/engines.rs"]
mod engines;
#[path = "../conformance/executions.rs"]
mod executions;
#[path = "../conformance/gate.rs"]
mod gate;
#[path = "../conformance/harness.rs"]
mod harness;
mod here;
#[path = "../conformance/in_flight.rs"]
mod in_flight;
mod languages;
mod python;
#[path = "../conformance/races.rs"]
mod races;
mod reapplied;
#[path = "../conformance/resets.rs"]
mod resets;
#[path = "../conformance/scopes.rs"]
mod scopes;
mod scripts;
mod typescript;
#[path = "../conformance/updates.rs"]
mod updates;
#[path = "../conformance/workflows.rs"]
mod workflows;
