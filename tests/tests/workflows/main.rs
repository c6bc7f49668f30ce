//! Workflows, activities, worker, client and engine together, with a clock that stands still.

#![expect(
    clippy::unwrap_used,
    reason = "what a helper cannot get fails the test"
)]

mod about;
mod activities;
mod authoring;
mod closing;
mod delivery;
mod ending;
mod executions;
mod failures;
#[path = "../../flood.rs"]
mod flood;
mod foreign;
mod handed_over;
mod harness;
mod limits;
mod local;
mod logs;
mod messages;
mod nondeterminism;
mod operations;
mod requests;
mod sagas;
mod sagas_dropped;
mod sagas_left;
mod sagas_outcomes;
mod scopes;
mod seen;
#[path = "../../too_large.rs"]
mod too_large;
mod untyped;
mod worker;
