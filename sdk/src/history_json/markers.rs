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

/// The JSON value of a marker, if it has one in Temporal's form.
pub(crate) fn data_key(marker_name: &str) -> Option<&'static str> {
    match marker_name {
        MARKER_PATCH => Some("patch-data"),
        MARKER_LOCAL_ACTIVITY => Some("data"),
        _ => None,
    }
}

/// Takes the values of a run to Temporal's form.
pub(crate) fn details_out(marker_name: &str, mut details: Details) -> Details {
    let Some(key) = data_key(marker_name) else {
        return details;
    };
    let data = data_of(marker_name, &details);
    for name in [ID, TYPE, DEPRECATED] {
        details.remove(name);
    }
    // What another SDK recorded says more than a run holds, and stays.
    if let Some(data) = data {
        details.entry(key.to_owned()).or_insert(data);
    }
    details
}

/// Takes the values of Temporal's form to those of a run.
pub(crate) fn details_in(marker_name: &str, mut details: Details) -> Details {
    let data = data_key(marker_name).and_then(|key| Some((key, details.get(key)?.first()?)));
    let Some((key, data)) = data else {
        return details;
    };
    let Ok(data) = serde_json::from_slice::<Value>(data.data.as_slice()) else {
        return details;
    };
    let text = |field: &str| Some(text_payload(data.get(field)?.as_str()?));
    let found = if marker_name == MARKER_PATCH {
        let deprecated = data.get(DEPRECATED).and_then(Value::as_bool);
        let deprecated = deprecated.unwrap_or(false).then(|| text_payload("true"));
        [(ID, text("id")), (DEPRECATED, deprecated)]
    } else {
        [(ID, text("activity_id")), (TYPE, text("activity_type"))]
    };
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
        json!({
            // Ids that a run counts are the numbers by which other SDKs find a local activity.
            "seq": id.parse::<u32>().unwrap_or(0),
            "attempt": 1,
            "activity_id": id,
            "activity_type": text(TYPE).unwrap_or_default(),
            "complete_time": null,
            "backoff": null,
            "original_schedule_time": null,
        })
    };
    Some(vec![Payload::json(data.to_string().into_bytes())])
}

fn text_payload(text: &str) -> Vec<Payload> {
    vec![Payload::binary(text.as_bytes())]
}
