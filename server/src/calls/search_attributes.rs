//! The search attributes that there are.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use steadfast_engine::{SearchAttributeType, spelling::enums::SEARCH_ATTRIBUTE_TYPES};
use temporalio_protos::temporal::api::{
    operatorservice::v1 as operator, workflowservice::v1 as workflow,
};
use tonic::Status;

use crate::{api::Api, method::Reply, refusal::status_of};

/// What the operator's service tells.
pub(super) async fn list(
    api: Arc<Api>,
    request: operator::ListSearchAttributesRequest,
) -> Reply<operator::ListSearchAttributesResponse> {
    api.check_namespace(&request.namespace)?;
    let known = api.engine.search_attributes().await.map_err(status_of)?;
    Ok(operator::ListSearchAttributesResponse {
        custom_attributes: numbers(known.custom),
        system_attributes: numbers(known.system),
        ..operator::ListSearchAttributesResponse::default()
    })
}

/// What clients are told.
pub(super) async fn get(
    api: Arc<Api>,
    _: workflow::GetSearchAttributesRequest,
) -> Reply<workflow::GetSearchAttributesResponse> {
    let known = api.engine.search_attributes().await.map_err(status_of)?;
    let mut keys = numbers(known.custom);
    keys.extend(numbers(known.system));
    Ok(workflow::GetSearchAttributesResponse { keys })
}

pub(super) async fn add(
    api: Arc<Api>,
    request: operator::AddSearchAttributesRequest,
) -> Reply<operator::AddSearchAttributesResponse> {
    api.check_namespace(&request.namespace)?;
    let mut attributes = BTreeMap::new();
    #[expect(clippy::iter_over_hash_type, reason = "the result is sorted")]
    for (name, number) in request.search_attributes {
        let kind = SEARCH_ATTRIBUTE_TYPES.of_number(number).ok_or_else(|| {
            Status::invalid_argument(format!("Unknown search attribute type: {number}."))
        })?;
        attributes.insert(name, kind);
    }
    api.engine
        .add_search_attributes(attributes)
        .await
        .map_err(status_of)?;
    Ok(operator::AddSearchAttributesResponse::default())
}

pub(super) async fn remove(
    api: Arc<Api>,
    request: operator::RemoveSearchAttributesRequest,
) -> Reply<operator::RemoveSearchAttributesResponse> {
    api.check_namespace(&request.namespace)?;
    api.engine
        .remove_search_attributes(request.search_attributes)
        .await
        .map_err(status_of)?;
    Ok(operator::RemoveSearchAttributesResponse::default())
}

fn numbers(attributes: BTreeMap<String, SearchAttributeType>) -> HashMap<String, i32> {
    let numbers = attributes.into_iter();
    numbers
        .map(|(name, kind)| (name, SEARCH_ATTRIBUTE_TYPES.number(kind)))
        .collect()
}
