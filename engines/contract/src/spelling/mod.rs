//! How Temporal spells and numbers what [`steadfast_core`] has, for whoever translates between the two.
//!
//! This module knows no encoding of messages: JSON is [`history_json`](crate::history_json)'s task.

pub mod enums;
pub mod event_types;
pub mod markers;
pub mod statuses;
pub mod time;
