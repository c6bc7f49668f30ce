//! Every kind of event goes out and comes in as it was.

mod kinds;
pub(crate) mod parts;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use prost::Message as _;
use steadfast_core::{
    command::RequestCancelExternalWorkflowExecution,
    event::{
        EventKind, ExternalFailedCause, HistoryEvent, ParentExecution, WorkflowExecutionStarted,
    },
    ids::{EventId, WorkflowExecution},
    options::WorkflowTimeouts,
    payload::{Payload, PayloadMap},
    time::Timestamp,
};
use steadfast_engine::spelling::event_types;
use temporalio_protos::temporal::api::history::v1::{
    self as proto, history_event::Attributes as A,
};

use self::parts::{id, parts};
use super::{EventReader, Home};
use crate::{failure::tests::Reverse, values::Wire};

fn home() -> Home {
    Home {
        namespace: "here".to_owned(),
        namespace_id: "0".to_owned(),
    }
}

/// Out, over the network, and in.
fn there_and_back(wire: &Wire, event: HistoryEvent) -> HistoryEvent {
    let out = wire.event_out(event, &home()).unwrap();
    let history = proto::History { events: vec![out] };
    let history = proto::History::decode(history.encode_to_vec().as_slice()).unwrap();
    let mut read = EventReader::new(wire).read(Some(history)).unwrap();
    read.pop().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_event_of_every_kind_comes_back_as_it_went(parts in parts()) {
        for kind in parts.kinds() {
            let event = parts.event(kind);
            prop_assert_eq!(there_and_back(&Wire::default(), event.clone()), event);
        }
    }

    #[test]
    fn an_event_of_every_kind_goes_through_a_codec_whole(
        parts in parts(),
        encode_failures: bool,
    ) {
        let wire = Wire { codec: Some(Arc::new(Reverse)), encode_failures, verbatim: false };
        for kind in parts.kinds() {
            let event = parts.event(kind);
            prop_assert_eq!(there_and_back(&wire, event.clone()), event);
        }
    }

    /// Tools look at the number, SDKs at the attributes.
    #[test]
    fn the_number_of_an_event_is_that_of_its_attributes(parts in parts()) {
        let mut known = BTreeSet::new();
        for kind in parts.kinds() {
            let name = kind.name().to_owned();
            let is_known = !matches!(kind, EventKind::Unknown { .. });
            let out = Wire::default().event_out(parts.event(kind), &home()).unwrap();
            prop_assert_eq!(out.task_id, out.event_id);
            let number = u64::try_from(out.event_type).unwrap();
            match out.attributes {
                Some(attributes) => {
                    let attributes = format!("{attributes:?}");
                    let (prefix, _) = attributes.split_once('(').unwrap();
                    prop_assert_eq!(prefix, format!("{}EventAttributes", name));
                    prop_assert_eq!(event_types::of_number(number), Some(name.as_str()));
                }
                None => prop_assert!(!is_known, "{name}"),
            }
            known.extend(is_known.then_some(name));
        }
        // All but those of updates that were rejected, of changes from outside, of Nexus, and those that workers
        // pass over.
        prop_assert_eq!(known.len(), 44);
    }
}

fn out(kind: EventKind) -> A {
    let event = HistoryEvent::new(EventId(7), Timestamp::EPOCH, kind);
    let out = Wire::default().event_out(event, &home()).unwrap();
    out.attributes.unwrap()
}

/// As in the recordings of a service, whose messages have ids.
#[test]
fn an_accepted_update_has_the_ids_of_its_request() {
    let attributes = out(EventKind::WorkflowExecutionUpdateAccepted {
        update_id: id("5618b4b1"),
        name: id("add"),
        input: vec![Payload::json(&b"\"the hall\""[..])],
        identity: Some(id("guide")),
        accepted_request_sequencing_event_id: EventId(2),
        header: PayloadMap::new(),
    });
    let A::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) = attributes else {
        panic!("{attributes:?}");
    };
    assert_eq!(accepted.protocol_instance_id, "5618b4b1");
    assert_eq!(accepted.accepted_request_message_id, "5618b4b1/request");
    let request = accepted.accepted_request.unwrap();
    assert_eq!(request.meta.unwrap().identity, "guide");
    assert_eq!(request.input.unwrap().args.unwrap().payloads.len(), 1);
}

/// As in the recordings of a service: the name is what the workflow said, the id is that of the target's namespace. Of
/// another namespace nobody here knows it.
#[test]
fn a_target_lives_where_its_caller_lives_unless_something_else_is_said() {
    let namespaces = |namespace: Option<&str>| {
        let attributes = out(EventKind::RequestCancelExternalWorkflowExecutionInitiated {
            cancel: Box::new(RequestCancelExternalWorkflowExecution {
                namespace: namespace.map(id),
                workflow_id: id("other"),
                run_id: None,
                child_workflow_only: false,
                reason: String::new(),
            }),
            workflow_task_completed_event_id: EventId(4),
        });
        match attributes {
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(attributes) => {
                (attributes.namespace, attributes.namespace_id)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(namespaces(None), (String::new(), "0".to_owned()));
    assert_eq!(
        namespaces(Some("here")),
        ("here".to_owned(), "0".to_owned())
    );
    assert_eq!(
        namespaces(Some("there")),
        ("there".to_owned(), String::new())
    );
}

#[test]
fn a_namespace_that_was_not_found_is_not_said_to_be_this_one() {
    for (cause, namespace) in [
        (ExternalFailedCause::NamespaceNotFound, ""),
        (
            ExternalFailedCause::ExternalWorkflowExecutionNotFound,
            "here",
        ),
    ] {
        let attributes = out(EventKind::SignalExternalWorkflowExecutionFailed {
            cause,
            workflow_id: id("other"),
            run_id: None,
            initiated_event_id: EventId(5),
        });
        match attributes {
            A::SignalExternalWorkflowExecutionFailedEventAttributes(attributes) => {
                assert_eq!(attributes.namespace, namespace);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A child names the namespace of its parent, a run without a parent none.
#[test]
fn a_parent_is_told_with_its_namespace() {
    let started = |parent: Option<ParentExecution>| WorkflowExecutionStarted {
        workflow_id: id("order"),
        workflow_type: id("Order"),
        task_queue: id("shop"),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        identity: None,
        original_execution_run_id: id("run"),
        first_execution_run_id: id("run"),
        continued_execution_run_id: None,
        initiator: None,
        continued_failure: None,
        last_completion_result: None,
        parent,
        root: None,
        retry_policy: None,
        attempt: 1,
        execution_expiration_time: None,
        first_workflow_task_backoff: Duration::ZERO,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        cron_schedule: None,
    };
    let parent = ParentExecution {
        execution: WorkflowExecution {
            workflow_id: id("shop"),
            run_id: id("first"),
        },
        initiated_event_id: EventId(5),
    };
    for (parent, namespace) in [(None, ""), (Some(parent), "here")] {
        let kind = EventKind::WorkflowExecutionStarted(Box::new(started(parent)));
        match out(kind) {
            A::WorkflowExecutionStartedEventAttributes(started) => {
                assert_eq!(started.parent_workflow_namespace, namespace);
                assert_eq!(
                    started.parent_workflow_execution.is_some(),
                    !namespace.is_empty()
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
