//! What there is none of here, and what the Web UI and the command line ask for on every page all the same.

use std::sync::Arc;

use temporalio_protos::temporal::api::{
    operatorservice::v1 as operator, workflowservice::v1 as workflow,
};

use tonic::Status;

use crate::{api::Api, method::Reply};

/// Methods whose answer is an empty list, once the namespace is right.
macro_rules! none {
    ($($name:ident: $request:ident => $response:ident;)*) => {
        $(
            pub(super) async fn $name(
                api: Arc<Api>,
                request: workflow::$request,
            ) -> Reply<workflow::$response> {
                api.check_namespace(&request.namespace)?;
                Ok(workflow::$response::default())
            }
        )*
    };
}

none! {
    count_activity_executions: CountActivityExecutionsRequest => CountActivityExecutionsResponse;
    list_activity_executions: ListActivityExecutionsRequest => ListActivityExecutionsResponse;
    list_batch_operations: ListBatchOperationsRequest => ListBatchOperationsResponse;
    list_worker_deployments: ListWorkerDeploymentsRequest => ListWorkerDeploymentsResponse;
}

pub(super) async fn list_nexus_endpoints(
    _: Arc<Api>,
    _: operator::ListNexusEndpointsRequest,
) -> Reply<operator::ListNexusEndpointsResponse> {
    Ok(operator::ListNexusEndpointsResponse::default())
}

pub(super) async fn list_archived(
    api: Arc<Api>,
    request: workflow::ListArchivedWorkflowExecutionsRequest,
) -> Reply<workflow::ListArchivedWorkflowExecutionsResponse> {
    api.check_namespace(&request.namespace)?;
    Err(Status::invalid_argument(
        "Cluster is not configured for visibility archival.",
    ))
}
