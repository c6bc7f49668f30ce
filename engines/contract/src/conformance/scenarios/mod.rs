//! The scenarios, by what they are about. Each is a macro, so that whoever judges an engine has a test of each.

mod activities;
mod resets;
mod runs;
mod schedules;
mod times;
mod updates;
mod workflows;
