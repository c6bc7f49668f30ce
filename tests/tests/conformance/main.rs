//! Conformance: the scenarios that were recorded on a Temporal Service, as Rust workflows on an engine.
//!
//! Each case sets up one scenario and compares the final status, what the workflow or its client saw, and the
//! whole history in the notation of the scenarios. Where the expectation is not the recorded one, the case
//! says which rule makes it so. `tests/conformance/scenarios.md` says of every scenario where it is judged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activities;
mod children;
mod complete;
mod engines;
mod executions;
mod gate;
mod harness;
#[cfg_attr(feature = "temporal", path = "temporal.rs")]
#[cfg_attr(not(feature = "temporal"), path = "embedded.rs")]
mod here;
mod in_flight;
mod races;
mod resets;
mod scopes;
#[cfg(feature = "temporal")]
#[path = "../../service.rs"]
mod service;
mod updates;
mod workflows;
