//! The conformance suite: what an engine has to do, as scripts that any engine can be told.
//!
//! Most scenarios were run on a Temporal Service first, and their histories are what it recorded; where this project wants
//! something else, the scenario says which rule makes it so. They are about the boundary alone: polls and answers are
//! made by hand, so an engine needs nothing but this package to be judged.
//!
//! What a worker makes of an engine is not judged here. The same scenarios as Rust workflows, which need the SDK, are in
//! `tests/tests/conformance` of the repository; an engine that is added to the list in its `engines.rs` is judged by them
//! too. Neither are crashes: what an engine that keeps files has to survive depends on what it keeps.
//!
//! # How an engine is judged
//!
//! Its time has to be moved by hand: no scenario waits. An implementation of [`Time`] says how that is done and when the
//! engine has come to rest, and [`conformance_tests`](crate::conformance_tests) makes a test of each scenario:
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast::{
//!     core::time::Timestamp,
//!     engine::embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
//! };
//! use steadfast_engine::{EngineFuture, conformance::{Time, World}};
//!
//! #[derive(Debug)]
//! struct ByHand(ManualClock);
//!
//! impl Time<EmbeddedEngine> for ByHand {
//!     fn pass(&self, duration: Duration) {
//!         self.0.advance(duration);
//!     }
//!
//!     fn pass_to_next_timer(&self) -> bool {
//!         self.0.advance_to_next_timer().is_some()
//!     }
//!
//!     fn settled<'a>(&'a self, engine: &'a EmbeddedEngine) -> EngineFuture<'a, ()> {
//!         Box::pin(engine.settled())
//!     }
//! }
//!
//! fn judge(script: &str) {
//!     let clock = ManualClock::at(Timestamp::EPOCH);
//!     let options = EmbeddedOptions::in_memory().clock(clock.clone());
//!     let engine = EmbeddedEngine::open(options).unwrap();
//!     let mut world = World::<_, ByHand>::new(engine, ByHand(clock));
//!     let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//!     runtime.block_on(world.run(script));
//! }
//!
//! steadfast_engine::conformance_tests!(judge);
//! # judge("start w\n task w: complete \"x\"\n status w Completed");
//! ```
//!
//! [`World`] says how a script is written, and [`notation`] how a history is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod notation;
pub mod requests;
mod scenarios;
mod schedules;
mod updates;
mod world;

pub use self::world::{Time, World, check_order, check_task};

/// Makes a test of each scenario of the [conformance suite](crate::conformance): `judge` is a function that tells a script
/// to a new engine, and panics when it does otherwise.
#[macro_export]
macro_rules! conformance_tests {
    ($judge:path) => {
        $crate::__scenarios_of_activities!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_resets!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_runs!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_schedules!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_times!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_updates!($crate::__conformance_test, $judge);
        $crate::__scenarios_of_workflows!($crate::__conformance_test, $judge);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_test {
    ($judge:path, $($(#[doc = $doc:literal])* $name:ident: $script:literal)+) => {$(
        $(#[doc = $doc])*
        #[test]
        fn $name() {
            $judge($script);
        }
    )+};
}
