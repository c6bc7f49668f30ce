//! Writes a history in the form that Temporal's tools of today write.

mod attributes;
mod executions;
mod messages;
mod tasks;

use serde_json::Value;
use steadfast_core::{
    event::{EventKind, HistoryEvent},
    history::History,
};

use crate::unmodelled::put_back;

use super::{
    error::{HistoryJsonError, Read},
    event_type::{self, attributes_name},
    object::Object,
    payload,
};

pub(super) fn to_json(history: &History) -> Result<String, HistoryJsonError> {
    let events: Result<Vec<Value>, HistoryJsonError> = history
        .events
        .iter()
        .map(|event| write(event).map_err(|problem| problem.of_event(event.event_id)))
        .collect();
    let history = Object::new().value("events", events?).done();
    // The alternate form is indented; writing to a text cannot fail.
    Ok(format!("{history:#}"))
}

fn write(history_event: &HistoryEvent) -> Read<Value> {
    let mut json = event(history_event)?;
    if let Some(unmodelled) = &history_event.unmodelled {
        put_back(&mut json, unmodelled);
    }
    Ok(json)
}

/// What a history has fields for.
pub(super) fn event(event: &HistoryEvent) -> Read<Value> {
    let object = Object::new()
        .event_id("eventId", event.event_id)
        .time("eventTime", Some(event.event_time));
    let object = match event.kind.user_metadata() {
        Some(words) => object.value("userMetadata", payload::write_user_metadata(words)),
        None => object,
    };
    let name = event.kind.name();
    let object = match &event.kind {
        EventKind::Unknown {
            event_type,
            may_ignore,
        } => object
            .value("eventType", event_type::write(event_type))
            .flag("workerMayIgnore", *may_ignore),
        kind => {
            let attributes_name = attributes_name(name);
            let attributes = attributes::write(kind);
            object.value("eventType", event_type::write(name)).message(
                &attributes_name,
                attributes.map_err(|problem| problem.within(&attributes_name))?,
            )
        }
    };
    Ok(object.done())
}
