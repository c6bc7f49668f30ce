//! The events of updates. The request is recorded once: with its acceptance, or before that with its
//! admission.

use std::collections::BTreeMap;

use steadfast_core::{
    event::EventKind,
    ids::{Identity, UpdateId, UpdateName},
    payload::{Payload, PayloadMap},
};
use temporalio_protos::temporal::api::{
    history::v1::history_event::Attributes as A, update::v1 as proto,
};

use super::Tried;
use crate::values::{Wire, Wired, event_id, id, lacks, optional_id};

/// The requests of the admitted updates.
#[derive(Debug, Default)]
pub(super) struct AdmittedUpdates(BTreeMap<UpdateId, Request>);

#[derive(Clone, Debug)]
struct Request {
    update_id: UpdateId,
    name: UpdateName,
    input: Vec<Payload>,
    identity: Option<Identity>,
    header: PayloadMap,
}

impl AdmittedUpdates {
    pub(super) fn read(&mut self, wire: &Wire, attributes: A) -> Tried {
        Ok(Ok(match attributes {
            A::WorkflowExecutionUpdateAdmittedEventAttributes(a) => {
                let request = request_in(wire, a.request)?;
                self.0.insert(request.update_id.clone(), request.clone());
                EventKind::WorkflowExecutionUpdateAdmitted {
                    update_id: request.update_id,
                    name: request.name,
                    input: request.input,
                    identity: request.identity,
                    header: request.header,
                }
            }
            A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                let request = match a.accepted_request {
                    Some(request) => request_in(wire, Some(request))?,
                    None => {
                        let update_id = id(&a.protocol_instance_id)?;
                        let admitted = self.0.get(&update_id).cloned();
                        admitted.ok_or_else(|| lacks("request of an accepted update"))?
                    }
                };
                EventKind::WorkflowExecutionUpdateAccepted {
                    update_id: request.update_id,
                    name: request.name,
                    input: request.input,
                    identity: request.identity,
                    accepted_request_sequencing_event_id: event_id(
                        a.accepted_request_sequencing_event_id,
                    ),
                    header: request.header,
                }
            }
            A::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
                EventKind::WorkflowExecutionUpdateCompleted {
                    update_id: id(&a.meta.unwrap_or_default().update_id)?,
                    accepted_event_id: event_id(a.accepted_event_id),
                    outcome: wire
                        .outcome_in(a.outcome)?
                        .map(Box::new)
                        .ok_or_else(|| lacks("outcome of a completed update"))?,
                }
            }
            other => return Ok(Err(other)),
        }))
    }
}

fn request_in(wire: &Wire, request: Option<proto::Request>) -> Wired<Request> {
    let request = request.unwrap_or_default();
    let meta = request.meta.unwrap_or_default();
    let input = request.input.unwrap_or_default();
    Ok(Request {
        update_id: id(&meta.update_id)?,
        name: id(&input.name)?,
        input: wire.payloads_in(input.args)?,
        identity: optional_id(&meta.identity)?,
        header: wire.header_in(input.header)?,
    })
}
