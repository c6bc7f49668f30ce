//! The code of Temporal's page "Cancellation - Rust SDK", unchanged, on steadfast.

#[rustfmt::skip]
pub mod activities;
pub mod client;
pub mod workflow;
