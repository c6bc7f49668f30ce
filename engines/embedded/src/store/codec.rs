//! How values become bytes in the file: `MessagePack`, fields by position.
//!
//! Events stand one after the other without a frame, so that batches can be joined as bytes.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::event::HistoryEvent;
use steadfast_engine::EngineError;

/// Appends an event.
pub(crate) fn encode_event(event: &HistoryEvent, bytes: &mut Vec<u8>) {
    rmp_serde::encode::write(bytes, event).expect("an event has an encoding and memory takes it");
}

/// A CRC-32 of what a row says of a run, by which damage is noticed.
pub(crate) fn checksum<'a>(key: i64, parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key.to_le_bytes());
    for part in parts {
        hasher.update(part);
        hasher.update(&[0]);
    }
    hasher.finalize()
}

/// Refuses a row whose checksum is not the one that was stored with it.
pub(crate) fn verify(stored: u32, found: u32) -> Result<(), EngineError> {
    if stored == found {
        Ok(())
    } else {
        Err(unreadable(&"its checksum is wrong"))
    }
}

/// The events of a batch.
pub(crate) fn decode_events(
    bytes: &[u8],
    events: &mut Vec<HistoryEvent>,
) -> Result<(), EngineError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        events.push(rmp_serde::decode::from_read(&mut rest).map_err(|error| unreadable(&error))?);
    }
    Ok(())
}

pub(crate) fn encode_value<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("a value has an encoding and memory takes it")
}

/// A value whose fields are stored by name, so that they may come and go.
pub(crate) fn encode_named<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("a value has an encoding and memory takes it")
}

pub(crate) fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, EngineError> {
    rmp_serde::from_slice(bytes).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn fmt::Display) -> EngineError {
    EngineError::Storage {
        message: format!(
            "a row of the file cannot be read ({error}); the file is damaged, restore it from a backup"
        ),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{
        event::EventKind,
        payload::{Payload, UserMetadata},
    };

    use super::*;

    /// `TimerStarted` as it was written before there were words for people, and as it is without them today.
    const WITHOUT: &[u8] = b"\x93\x05\x00\x81\xacTimerStarted\x93\xa1t\x92\x3c\x00\x04";

    #[test]
    fn words_for_people_cost_nothing_where_there_are_none() {
        let mut events = Vec::new();
        decode_events(WITHOUT, &mut events).unwrap();
        let mut bytes = Vec::new();
        encode_event(&events[0], &mut bytes);
        assert_eq!(bytes, WITHOUT);
    }

    #[test]
    fn words_for_people_are_kept() {
        let mut events = Vec::new();
        decode_events(WITHOUT, &mut events).unwrap();
        let mut event = events.remove(0);
        let summary = Payload::json(&b"\"tea\""[..]);
        event
            .kind
            .set_user_metadata(UserMetadata::of(Some(summary), None));
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        bytes.extend(WITHOUT);
        decode_events(&bytes, &mut events).unwrap();
        assert_eq!(events[0], event);
        assert!(matches!(events[1].kind, EventKind::TimerStarted { .. }));
        assert_eq!(events[1].kind.user_metadata(), None);
    }
}
