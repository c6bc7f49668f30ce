//! Markers in the form of Temporal's own SDKs, so that its tools show them and other languages replay them.
//!
//! A run looks for the id of a patch or of a local activity among the values of its marker. In
//! Temporal's form it is inside one JSON value, which is never encoded: it is for tools.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use steadfast_core::{
    payload::Payload,
    run::{MARKER_LOCAL_ACTIVITY, MARKER_PATCH},
};

/// The values of a marker.
type Details = BTreeMap<String, Vec<Payload>>;

const ID: &str = "id";
const TYPE: &str = "type";
const DEPRECATED: &str = "deprecated";
/// The wait before the next attempt at a local activity, in nanoseconds.
const BACKOFF: &str = "backoff";
/// The attempt before that wait.
const ATTEMPT: &str = "attempt";
/// When the first attempt was scheduled, in nanoseconds.
const SCHEDULED: &str = "original_schedule_time";

/// The JSON value of a marker, if it has one in Temporal's form.
pub fn data_key(marker_name: &str) -> Option<&'static str> {
    match marker_name {
        MARKER_PATCH => Some("patch-data"),
        MARKER_LOCAL_ACTIVITY => Some("data"),
        _ => None,
    }
}

/// Takes the values of a run to Temporal's form.
pub fn details_out(marker_name: &str, mut details: Details) -> Details {
    let Some(key) = data_key(marker_name) else {
        return details;
    };
    let data = data_of(marker_name, &details);
    for name in [ID, TYPE, DEPRECATED, BACKOFF, ATTEMPT, SCHEDULED] {
        details.remove(name);
    }
    // What another SDK recorded says more than a run holds, and stays.
    if let Some(data) = data {
        details.entry(key.to_owned()).or_insert(data);
    }
    details
}

/// Takes the values of Temporal's form to those of a run.
pub fn details_in(marker_name: &str, mut details: Details) -> Details {
    let data = data_key(marker_name).and_then(|key| Some((key, details.get(key)?.first()?)));
    let Some((key, data)) = data else {
        return details;
    };
    let Ok(data) = serde_json::from_slice::<Value>(data.data.as_slice()) else {
        return details;
    };
    let text = |field: &str| Some(text_payload(data.get(field)?.as_str()?));
    let mut found = Vec::new();
    if marker_name == MARKER_PATCH {
        found.push((ID, text("id")));
        if data.get(DEPRECATED).and_then(Value::as_bool) == Some(true) {
            found.push((DEPRECATED, Some(text_payload("true"))));
        }
    } else {
        found.push((ID, text("activity_id")));
        found.push((TYPE, text("activity_type")));
        if let Some(backoff) = data.get(BACKOFF).and_then(nanos_in) {
            found.push((BACKOFF, Some(text_payload(&backoff.to_string()))));
            let attempt = data.get(ATTEMPT).and_then(Value::as_u64);
            found.push((ATTEMPT, attempt.map(|it| text_payload(&it.to_string()))));
            let scheduled = data.get(SCHEDULED).and_then(nanos_in);
            found.push((SCHEDULED, scheduled.map(|it| text_payload(&it.to_string()))));
        }
    }
    for (name, value) in found {
        if let Some(value) = value {
            details.insert(name.to_owned(), value);
        }
    }
    if data_of(marker_name, &details).as_ref() == details.get(key) {
        details.remove(key);
    }
    details
}

/// What a run knows, as the JSON value.
fn data_of(marker_name: &str, details: &Details) -> Option<Vec<Payload>> {
    let text = |name: &str| std::str::from_utf8(details.get(name)?.first()?.data.as_slice()).ok();
    let id = text(ID)?;
    let data = if marker_name == MARKER_PATCH {
        json!({ "id": id, "deprecated": details.contains_key(DEPRECATED) })
    } else {
        let number = |name: &str| text(name)?.parse::<i64>().ok();
        json!({
            // Ids that a run counts are the numbers by which other SDKs find a local activity.
            "seq": id.parse::<u32>().unwrap_or(0),
            "attempt": number(ATTEMPT).unwrap_or(1),
            "activity_id": id,
            "activity_type": text(TYPE).unwrap_or_default(),
            "complete_time": null,
            "backoff": number(BACKOFF).map(nanos_out),
            "original_schedule_time": number(SCHEDULED).map(nanos_out),
        })
    };
    Some(vec![Payload::json(data.to_string().into_bytes())])
}

/// A time or a duration in the form of these markers, which is not that of the rest of a history.
fn nanos_out(nanos: i64) -> Value {
    json!({ "seconds": nanos.div_euclid(NANOS), "nanos": nanos.rem_euclid(NANOS) })
}

fn nanos_in(value: &Value) -> Option<i64> {
    let number = |name: &str| value.get(name)?.as_i64();
    number("seconds")?
        .checked_mul(NANOS)?
        .checked_add(number("nanos").unwrap_or(0))
}

const NANOS: i64 = 1_000_000_000;

fn text_payload(text: &str) -> Vec<Payload> {
    vec![Payload::binary(text.as_bytes())]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A7: the form in which Temporal's own SDKs record that an attempt waits for the next one (`seq`, `attempt` and
    /// times as in the recorded histories, with a wait of an hour and a half second).
    #[test]
    fn a_wait_between_two_attempts_is_read_and_written_as_other_sdks_do() {
        let data = json!({
            "seq": 4,
            "attempt": 2,
            "activity_id": "4",
            "activity_type": "charge",
            "complete_time": null,
            "backoff": { "seconds": 3600, "nanos": 500_000_000 },
            "original_schedule_time": { "seconds": 1_795_187_757, "nanos": 294_837_265 },
        });
        let theirs = Payload::json(data.to_string().into_bytes());
        let recorded = Details::from([("data".to_owned(), vec![theirs])]);
        let details = details_in(MARKER_LOCAL_ACTIVITY, recorded.clone());
        for (name, value) in [
            (ID, "4"),
            (TYPE, "charge"),
            (ATTEMPT, "2"),
            (BACKOFF, "3600500000000"),
            (SCHEDULED, "1795187757294837265"),
        ] {
            assert_eq!(details.get(name), Some(&text_payload(value)), "{name}");
        }
        assert_eq!(details_out(MARKER_LOCAL_ACTIVITY, details), recorded);
    }
}
