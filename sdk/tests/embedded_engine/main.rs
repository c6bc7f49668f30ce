//! The embedded engine driven raw, through the `Engine` trait: polls and answers by hand.

#![cfg(feature = "embedded")]

mod harness;
mod notation;
mod scenarios_activities;
mod scenarios_reset;
mod scenarios_runs;
mod scenarios_workflows;
mod smoke;
