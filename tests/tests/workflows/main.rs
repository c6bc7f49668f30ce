//! Workflows, activities, worker, client and engine together, with a clock that stands still.

mod delivery;
mod operations;
mod requests;
mod scopes;
mod harness;
mod notation;
