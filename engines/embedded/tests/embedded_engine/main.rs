//! The embedded engine driven raw, through the `Engine` trait: polls and answers by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash_loops;
mod crashes;
mod dice;
mod durability;
mod full_disk;
mod harness;
mod messages;
mod notation;
mod possession;
mod power_loss;
mod queries;
mod scenarios_activities;
mod scenarios_reset;
mod scenarios_runs;
mod scenarios_workflows;
mod simulation;
mod smoke;
mod stress;
mod texts;
mod times;
mod unanswered;
mod upkeep;
mod visibility;
