//! The types of search attributes, in the metadata of their values: clients read a value by them.

use steadfast_engine::{EngineError, SearchAttributes};
use temporalio_protos::temporal::api::{
    common::v1::SearchAttributes as Values,
    history::v1::{HistoryEvent, history_event::Attributes as A},
};

use crate::{api::Api, method::Reply, refusal::status_of};

/// Where the metadata of a value has its type.
const TYPE: &str = "type";

/// Names the types of values that do not say what they are, as a service does when it tells them.
pub(crate) async fn name_types(api: &Api, values: Vec<&mut Values>) -> Reply<()> {
    if values.iter().all(|values| values.indexed_fields.is_empty()) {
        return Ok(());
    }
    let known = match api.engine.search_attributes().await {
        Ok(known) => known,
        Err(EngineError::Unsupported { .. }) => SearchAttributes::default(),
        Err(error) => return Err(status_of(error)),
    };
    for values in values {
        #[expect(clippy::iter_over_hash_type, reason = "each is named by itself")]
        for (name, value) in &mut values.indexed_fields {
            let kind = known.custom.get(name).or_else(|| known.system.get(name));
            if let Some(kind) = kind
                && !value.metadata.contains_key(TYPE)
            {
                let kind = kind.to_string().into_bytes();
                value.metadata.insert(TYPE.to_owned(), kind);
            }
        }
    }
    Ok(())
}

/// The search attributes that an event tells of.
pub(crate) fn of_event(event: &mut HistoryEvent) -> Option<&mut Values> {
    match event.attributes.as_mut()? {
        A::WorkflowExecutionStartedEventAttributes(it) => it.search_attributes.as_mut(),
        A::WorkflowExecutionContinuedAsNewEventAttributes(it) => it.search_attributes.as_mut(),
        A::StartChildWorkflowExecutionInitiatedEventAttributes(it) => it.search_attributes.as_mut(),
        A::UpsertWorkflowSearchAttributesEventAttributes(it) => it.search_attributes.as_mut(),
        _ => None,
    }
}
