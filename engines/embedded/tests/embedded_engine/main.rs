//! The embedded engine driven raw, through the `Engine` trait: polls and answers by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash_loops;
mod crashes;
mod dice;
mod durability;
mod filled_by_others;
mod full_disk;
mod harness;
mod messages;
mod possession;
mod power_loss;
mod queries;
mod query_judge;
mod remote;
mod schedule_programs;
mod schedule_service;
mod schedules;
mod simulation;
mod smoke;
mod stress;
mod texts;
mod unanswered;
mod update_programs;
mod updates;
mod upkeep;
mod visibility;

/// The conformance suite, in memory.
mod conformance {
    use crate::harness::run;

    steadfast_engine::conformance_tests!(run);
}
