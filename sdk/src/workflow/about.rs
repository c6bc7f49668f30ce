//! The queries that every workflow answers, which Temporal's tools ask.

use serde::Serialize;
use steadfast_core::{failure::Failure, payload::Payload, run::Run};

use super::{HandlerSet, cell::RunCell};
use crate::{convert::to_payload, definition::WorkflowDefinition};

/// Where a workflow stands. A future has no stack while it waits; what it waits for is what people want to know.
const STACK_TRACE: &str = "__stack_trace";
/// What a workflow can be told and asked.
const METADATA: &str = "__temporal_workflow_metadata";
/// The scopes of a workflow, with what a request to cancel would reach, and what its sagas would undo.
const SCOPES: &str = "__steadfast_scopes";

/// What a handler of every name is described as.
const OF_EVERY_NAME: &str = "Every other name.";

/// `temporal.api.sdk.v1.WorkflowMetadata`, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    definition: Definition,
    #[serde(skip_serializing_if = "String::is_empty")]
    current_details: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    /// Missing for a workflow of every name.
    #[serde(skip_serializing_if = "str::is_empty")]
    r#type: &'static str,
    query_definitions: Vec<Handler>,
    signal_definitions: Vec<Handler>,
    update_definitions: Vec<Handler>,
}

#[derive(Serialize)]
struct Handler {
    /// Missing for a handler of every name.
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
}

/// Answers a query that every workflow answers; `None` if it is another.
pub(super) fn answer<W: WorkflowDefinition>(
    name: &str,
    cell: &RunCell,
    handlers: &HandlerSet<W>,
) -> Option<Result<Payload, Failure>> {
    let answer = match name {
        STACK_TRACE => to_payload(&cell.peek(Run::waits_for).join("\n")),
        SCOPES => to_payload(&cell.in_words()),
        METADATA => to_payload(&metadata(cell, handlers)),
        _ => return None,
    };
    Some(answer.map_err(|error| Failure::application(error.to_string(), "QueryFailed")))
}

fn metadata<W: WorkflowDefinition>(cell: &RunCell, handlers: &HandlerSet<W>) -> Metadata {
    let every = || handlers.has_every_name().then_some(("", OF_EVERY_NAME));
    let all = |named: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
        let handler = |(name, description)| Handler { name, description };
        named.chain(every()).map(handler).collect()
    };
    let own = [
        (STACK_TRACE, "What the workflow waits for."),
        (
            SCOPES,
            "The scopes, with what is open in each and what a request to cancel would reach, and what sagas would undo.",
        ),
    ];
    Metadata {
        definition: Definition {
            r#type: W::WORKFLOW_TYPE,
            query_definitions: all(&mut handlers.queries().chain(own)),
            signal_definitions: all(&mut handlers.signals()),
            update_definitions: all(&mut handlers.updates()),
        },
        current_details: cell.current_details(),
    }
}
