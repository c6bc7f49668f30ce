//! Reads the events of updates.
//!
//! The request is recorded once: with its acceptance, or before that with its admission.

use std::collections::BTreeMap;

use steadfast_core::{
    event::EventKind,
    ids::{Identity, UpdateId, UpdateName},
    payload::{Payload, PayloadMap},
};

use crate::history_json::{
    error::{Problem, Read},
    fields::Fields,
};

/// The requests of the admitted updates.
#[derive(Default)]
pub(super) struct AdmittedUpdates(BTreeMap<UpdateId, Request>);

#[derive(Clone)]
struct Request {
    update_id: UpdateId,
    name: UpdateName,
    input: Vec<Payload>,
    identity: Option<Identity>,
    header: PayloadMap,
}

impl AdmittedUpdates {
    /// Reads the attributes of an update's event; `None` if the event type is none of them.
    pub(super) fn read(&mut self, name: &str, fields: Fields<'_>) -> Read<Option<EventKind>> {
        Ok(Some(match name {
            "WorkflowExecutionUpdateAdmitted" => {
                let request = fields.message("request", request)?;
                self.0.insert(request.update_id.clone(), request.clone());
                EventKind::WorkflowExecutionUpdateAdmitted {
                    update_id: request.update_id,
                    name: request.name,
                    input: request.input,
                    identity: request.identity,
                    header: request.header,
                }
            }
            "WorkflowExecutionUpdateAccepted" => {
                let request = self.accepted(fields)?;
                EventKind::WorkflowExecutionUpdateAccepted {
                    update_id: request.update_id,
                    name: request.name,
                    input: request.input,
                    identity: request.identity,
                    accepted_request_sequencing_event_id: fields
                        .event_id("acceptedRequestSequencingEventId")?,
                    header: request.header,
                }
            }
            "WorkflowExecutionUpdateCompleted" => EventKind::WorkflowExecutionUpdateCompleted {
                update_id: fields.message("meta", |meta| meta.id("updateId"))?,
                accepted_event_id: fields.event_id("acceptedEventId")?,
                outcome: Box::new(fields.message("outcome", |outcome| {
                    match (outcome.get("success"), outcome.get("failure")) {
                        (Some(_), None) => {
                            let result = outcome.single_payload("success")?;
                            Ok(Ok(result.unwrap_or_else(Payload::null)))
                        }
                        (None, Some(_)) => outcome.failure("failure").map(Err),
                        (Some(_), Some(_)) => Err(Problem::text("`success` or `failure`", "both")),
                        (None, None) => Err(Problem::text("`success` or `failure`", "neither")),
                    }
                })?),
            },
            _ => return Ok(None),
        }))
    }

    fn accepted(&self, fields: Fields<'_>) -> Read<Request> {
        if let Some(request) = fields.optional_message("acceptedRequest", request)? {
            return Ok(request);
        }
        let update_id = fields.id("protocolInstanceId")?;
        self.0.get(&update_id).cloned().ok_or_else(|| {
            let expected = "a request, since the update was not admitted before";
            Problem::value(expected, None).within("acceptedRequest")
        })
    }
}

fn request(fields: Fields<'_>) -> Read<Request> {
    let (update_id, identity) = fields.message("meta", |meta| {
        Ok((meta.id("updateId")?, meta.optional_id("identity")?))
    })?;
    let (name, input, header) = fields.message("input", |input| {
        Ok((
            input.id("name")?,
            input.payloads("args")?,
            input.payload_map("header", "fields")?,
        ))
    })?;
    Ok(Request {
        update_id,
        name,
        input,
        identity,
        header,
    })
}
