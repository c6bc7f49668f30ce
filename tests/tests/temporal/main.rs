//! Tests that need a Temporal Service: other languages, Temporal's command line, faults.
//!
//! `.ci/run` starts the service and says where it is; without it each test says that it is skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod commands;
mod connection;
mod elsewhere;
mod faults;
#[path = "../../flood.rs"]
mod flood;
mod ledger;
mod limits;
#[path = "../workflows/logs.rs"]
mod logs;
mod options;
mod places;
mod python;
mod queries;
mod replay;
mod rules;
mod schedules;
mod seeing;
mod server;
#[path = "../../service.rs"]
mod service;
mod shop;
mod tls;
#[path = "../../too_large.rs"]
mod too_large;
mod tour;
mod unanswered;
mod web_ui;
mod words;
mod workers;
