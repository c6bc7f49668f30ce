//! The events of updates as events of a service.

use steadfast_core::{
    event::EventKind,
    ids::{Identity, UpdateId, UpdateName},
    payload::{Payload, PayloadMap},
};
use temporalio_protos::temporal::api::{
    enums::v1::UpdateAdmittedEventOrigin, history::v1 as proto, update::v1 as update,
};

use super::event_out::{EventWriter, Tried};
use crate::values::{Wired, event_id_out, text};

impl EventWriter<'_> {
    pub(super) fn update(self, kind: EventKind) -> Tried {
        Ok(Ok(match kind {
            EventKind::WorkflowExecutionUpdateAdmitted {
                update_id,
                name,
                input,
                identity,
                header,
            } => proto::WorkflowExecutionUpdateAdmittedEventAttributes {
                request: Some(self.request(&update_id, &name, input, identity, header)?),
                // An admission is recorded where a reset repeats a request, and nowhere else.
                origin: UpdateAdmittedEventOrigin::Reapply.into(),
            }
            .into(),
            EventKind::WorkflowExecutionUpdateAccepted {
                update_id,
                name,
                input,
                identity,
                accepted_request_sequencing_event_id,
                header,
            } => proto::WorkflowExecutionUpdateAcceptedEventAttributes {
                protocol_instance_id: update_id.as_str().to_owned(),
                accepted_request_message_id: format!("{update_id}/request"),
                accepted_request_sequencing_event_id: event_id_out(
                    accepted_request_sequencing_event_id,
                ),
                accepted_request: Some(self.request(&update_id, &name, input, identity, header)?),
            }
            .into(),
            EventKind::WorkflowExecutionUpdateCompleted {
                update_id,
                accepted_event_id,
                outcome,
            } => proto::WorkflowExecutionUpdateCompletedEventAttributes {
                meta: Some(update::Meta {
                    update_id: text(Some(update_id)),
                    ..update::Meta::default()
                }),
                accepted_event_id: event_id_out(accepted_event_id),
                outcome: Some(self.wire.outcome_out(*outcome)?),
            }
            .into(),
            other => return Ok(Err(other)),
        }))
    }

    fn request(
        self,
        update_id: &UpdateId,
        name: &UpdateName,
        input: Vec<Payload>,
        identity: Option<Identity>,
        header: PayloadMap,
    ) -> Wired<update::Request> {
        Ok(update::Request {
            meta: Some(update::Meta {
                update_id: update_id.as_str().to_owned(),
                identity: text(identity),
            }),
            input: Some(update::Input {
                header: self.wire.header_out(header)?,
                name: name.as_str().to_owned(),
                args: self.wire.payloads_out(input)?,
            }),
            ..update::Request::default()
        })
    }
}
