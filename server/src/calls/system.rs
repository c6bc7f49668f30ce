//! What the server says of itself: its version, what it can do, its one namespace.

use std::{collections::HashMap, sync::Arc};

use steadfast_core::payload::MAX_PAYLOAD_BYTES;
use temporalio_protos::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState, ReplicationState},
    namespace::v1::{NamespaceConfig, NamespaceInfo, namespace_info},
    operatorservice::v1 as operator,
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1 as workflow,
};

use crate::{api::Api, method::Reply, refusal::namespace_not_found};

/// The version of Temporal's server whose API this is. Clients choose by it what they may ask for.
const SERVER_VERSION: &str = "1.32.0";
const CLUSTER: &str = "active";
/// What clients are supported: those of which a Temporal Service of this version says so.
const CLIENTS: &[(&str, &str)] = &[
    ("temporal-cli", "<2.0.0"),
    ("temporal-go", "<2.0.0"),
    ("temporal-java", "<2.0.0"),
    ("temporal-php", "<2.0.0"),
    ("temporal-server", "<2.0.0"),
    ("temporal-typescript", "<2.0.0"),
    ("temporal-ui", "<3.0.0"),
];

pub(super) async fn get_system_info(
    _: Arc<Api>,
    _: workflow::GetSystemInfoRequest,
) -> Reply<workflow::GetSystemInfoResponse> {
    Ok(workflow::GetSystemInfoResponse {
        server_version: SERVER_VERSION.to_owned(),
        capabilities: Some(workflow::get_system_info_response::Capabilities {
            signal_and_query_header: true,
            internal_error_differentiation: true,
            activity_failure_include_heartbeat: true,
            encoded_failure_attributes: true,
            upsert_memo: true,
            count_group_by_execution_status: true,
            supports_schedules: true,
            sdk_metadata: true,
            ..Default::default()
        }),
    })
}

pub(super) async fn get_cluster_info(
    api: Arc<Api>,
    _: workflow::GetClusterInfoRequest,
) -> Reply<workflow::GetClusterInfoResponse> {
    let clients = CLIENTS
        .iter()
        .map(|(client, versions)| ((*client).to_owned(), (*versions).to_owned()));
    Ok(workflow::GetClusterInfoResponse {
        supported_clients: clients.collect(),
        server_version: SERVER_VERSION.to_owned(),
        cluster_id: api.home.namespace_id.clone(),
        cluster_name: CLUSTER.to_owned(),
        history_shard_count: 1,
        persistence_store: "sqlite".to_owned(),
        visibility_store: "sqlite".to_owned(),
        initial_failover_version: 1,
        failover_version_increment: 10,
        ..Default::default()
    })
}

pub(super) async fn list_clusters(
    api: Arc<Api>,
    _: operator::ListClustersRequest,
) -> Reply<operator::ListClustersResponse> {
    Ok(operator::ListClustersResponse {
        clusters: vec![operator::ClusterMetadata {
            cluster_name: CLUSTER.to_owned(),
            cluster_id: api.home.namespace_id.clone(),
            address: api.address.clone(),
            initial_failover_version: 1,
            history_shard_count: 1,
            is_connection_enabled: true,
            ..Default::default()
        }],
        ..Default::default()
    })
}

pub(super) async fn list_namespaces(
    api: Arc<Api>,
    _: workflow::ListNamespacesRequest,
) -> Reply<workflow::ListNamespacesResponse> {
    Ok(workflow::ListNamespacesResponse {
        namespaces: vec![describe(&api)],
        ..Default::default()
    })
}

pub(super) async fn describe_namespace(
    api: Arc<Api>,
    request: workflow::DescribeNamespaceRequest,
) -> Reply<workflow::DescribeNamespaceResponse> {
    // By its id or by its name.
    let named = request.namespace.is_empty() && request.id == api.home.namespace_id;
    if !named {
        api.check_namespace(&request.namespace)
            .map_err(|_| namespace_not_found(&request.namespace))?;
    }
    Ok(describe(&api))
}

fn describe(api: &Api) -> workflow::DescribeNamespaceResponse {
    let bytes = i64::try_from(MAX_PAYLOAD_BYTES).unwrap_or(i64::MAX);
    workflow::DescribeNamespaceResponse {
        namespace_info: Some(NamespaceInfo {
            name: api.engine.namespace().as_str().to_owned(),
            state: NamespaceState::Registered.into(),
            description: "the executions of an embedded engine".to_owned(),
            id: api.home.namespace_id.clone(),
            capabilities: Some(namespace_info::Capabilities {
                sync_update: true,
                async_update: true,
                worker_heartbeats: true,
                reported_problems_search_attribute: true,
                worker_poll_complete_on_shutdown: true,
                ..Default::default()
            }),
            supports_schedules: true,
            limits: Some(namespace_info::Limits {
                blob_size_limit_error: bytes,
                memo_size_limit_error: bytes,
                ..Default::default()
            }),
            ..Default::default()
        }),
        config: Some(NamespaceConfig {
            workflow_execution_retention_ttl: Some(api.retention),
            history_archival_state: ArchivalState::Disabled.into(),
            visibility_archival_state: ArchivalState::Disabled.into(),
            custom_search_attribute_aliases: HashMap::new(),
            ..Default::default()
        }),
        replication_config: Some(NamespaceReplicationConfig {
            active_cluster_name: CLUSTER.to_owned(),
            clusters: vec![ClusterReplicationConfig {
                cluster_name: CLUSTER.to_owned(),
                ..Default::default()
            }],
            state: ReplicationState::Normal.into(),
        }),
        ..Default::default()
    }
}
