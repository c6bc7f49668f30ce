//! Finds executions, and says by which attributes they are found.

use std::{collections::BTreeMap, future::Future};

use steadfast_core::payload::Payload;
use steadfast_engine::{
    EngineError, ListFilter, ListWorkflowsRequest, SearchAttributeType, SearchAttributes,
    WorkflowCount, WorkflowGroup, WorkflowPage, spelling::enums::SEARCH_ATTRIBUTE_TYPES,
};
use steadfast_wire::{
    Wired,
    values::{count, plain_in},
};
use temporalio_protos::temporal::api::{
    operatorservice::v1::{
        AddSearchAttributesRequest, ListSearchAttributesRequest, RemoveSearchAttributesRequest,
    },
    workflowservice::v1::{CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest},
};
use tonic::{Request, Response, Status};

use super::{
    Connection,
    client::send,
    service::{Operator, Patience},
    status::error_of,
};

impl Connection {
    pub(super) async fn list_workflows(
        &self,
        request: ListWorkflowsRequest,
    ) -> Result<WorkflowPage, EngineError> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace(),
            page_size: i32::try_from(request.page_size).unwrap_or(i32::MAX),
            next_page_token: request.next_page_token.unwrap_or_default(),
            query: request.filter.to_query()?,
        };
        let answer =
            send!(self, list_workflow_executions, request).map_err(|status| error_of(&status))?;
        let executions = answer.executions.into_iter();
        Ok(WorkflowPage {
            executions: executions
                .map(|info| self.wire.description_in(info))
                .collect::<Wired<_>>()?,
            next_page_token: Some(answer.next_page_token).filter(|token| !token.is_empty()),
        })
    }

    pub(super) async fn count_workflows(&self, filter: ListFilter) -> Result<u64, EngineError> {
        Ok(self.count_workflow_groups(filter).await?.count)
    }

    pub(super) async fn count_workflow_groups(
        &self,
        filter: ListFilter,
    ) -> Result<WorkflowCount, EngineError> {
        let request = CountWorkflowExecutionsRequest {
            namespace: self.namespace(),
            query: filter.to_query()?,
        };
        let answer =
            send!(self, count_workflow_executions, request).map_err(|status| error_of(&status))?;
        let groups = answer.groups.into_iter().map(|group| WorkflowGroup {
            // There is one value, because there is one thing to group by.
            value: group
                .group_values
                .into_iter()
                .next()
                .map_or_else(Payload::null, plain_in),
            count: count(group.count),
        });
        Ok(WorkflowCount {
            count: count(answer.count),
            groups: groups.collect(),
        })
    }

    pub(super) async fn search_attributes(&self) -> Result<SearchAttributes, EngineError> {
        let request = ListSearchAttributesRequest {
            namespace: self.namespace(),
        };
        let answer = self
            .ask_operator(request, |mut operator, request| async move {
                operator.list_search_attributes(request).await
            })
            .await?;
        Ok(SearchAttributes {
            custom: types_in(answer.custom_attributes),
            system: types_in(answer.system_attributes),
        })
    }

    pub(super) async fn add_search_attributes(
        &self,
        attributes: BTreeMap<String, SearchAttributeType>,
    ) -> Result<(), EngineError> {
        let request = AddSearchAttributesRequest {
            search_attributes: attributes
                .into_iter()
                .map(|(name, kind)| (name, SEARCH_ATTRIBUTE_TYPES.number(kind)))
                .collect(),
            namespace: self.namespace(),
        };
        self.ask_operator(request, |mut operator, request| async move {
            operator.add_search_attributes(request).await
        })
        .await
        .map(drop)
    }

    pub(super) async fn remove_search_attributes(
        &self,
        search_attributes: Vec<String>,
    ) -> Result<(), EngineError> {
        let request = RemoveSearchAttributesRequest {
            search_attributes,
            namespace: self.namespace(),
        };
        self.ask_operator(request, |mut operator, request| async move {
            operator.remove_search_attributes(request).await
        })
        .await
        .map(drop)
    }

    async fn ask_operator<Q: Clone, A, F>(
        &self,
        request: Q,
        send: impl Fn(Operator, Request<Q>) -> F,
    ) -> Result<A, EngineError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.service
            .call_operator(Patience::Client, request, send)
            .await
            .map_err(|status| error_of(&status))
    }
}

/// A type that this version does not know is left out.
fn types_in(
    types: impl IntoIterator<Item = (String, i32)>,
) -> BTreeMap<String, SearchAttributeType> {
    types
        .into_iter()
        .filter_map(|(name, number)| Some((name, SEARCH_ATTRIBUTE_TYPES.of_number(number)?)))
        .collect()
}
