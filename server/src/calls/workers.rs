//! What workers say of themselves, and what is told of them.

use std::sync::Arc;

use steadfast_core::ids::TaskQueue;
use steadfast_wire::requests;
use temporalio_protos::temporal::api::{
    worker::v1::{WorkerHeartbeat, WorkerInfo, WorkerListInfo},
    workflowservice::v1 as proto,
};
use tonic::Status;

use crate::{
    api::Api,
    method::Reply,
    refusal::{not_found, status_of},
    worker_query::WorkerQuery,
};

pub(super) async fn shut_down(
    api: Arc<Api>,
    request: proto::ShutdownWorkerRequest,
) -> Reply<proto::ShutdownWorkerResponse> {
    api.check_namespace(&request.namespace)?;
    api.workers.end_polls(&request.worker_instance_key);
    if let Some(heartbeat) = request.worker_heartbeat {
        api.workers.note(heartbeat);
    }
    if let Ok(sticky) = TaskQueue::new(&request.sticky_task_queue) {
        let worker = requests::caller(&request.identity).map_err(status_of)?;
        let ended = api.engine.end_polls(sticky, worker).await;
        ended.map_err(status_of)?;
    }
    Ok(proto::ShutdownWorkerResponse::default())
}

pub(super) async fn heartbeat(
    api: Arc<Api>,
    request: proto::RecordWorkerHeartbeatRequest,
) -> Reply<proto::RecordWorkerHeartbeatResponse> {
    api.check_namespace(&request.namespace)?;
    for heartbeat in request.worker_heartbeat {
        api.workers.note(heartbeat);
    }
    Ok(proto::RecordWorkerHeartbeatResponse::default())
}

#[expect(deprecated, reason = "the Web UI and older clients read both lists")]
pub(super) async fn list(
    api: Arc<Api>,
    request: proto::ListWorkersRequest,
) -> Reply<proto::ListWorkersResponse> {
    api.check_namespace(&request.namespace)?;
    let known = found(&api, &request.query)?;
    Ok(proto::ListWorkersResponse {
        workers: known.iter().map(listed).collect(),
        workers_info: known.into_iter().map(info).collect(),
        ..proto::ListWorkersResponse::default()
    })
}

pub(super) async fn count(
    api: Arc<Api>,
    request: proto::CountWorkersRequest,
) -> Reply<proto::CountWorkersResponse> {
    api.check_namespace(&request.namespace)?;
    let count = found(&api, &request.query)?.len();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(proto::CountWorkersResponse { count })
}

pub(super) async fn describe(
    api: Arc<Api>,
    request: proto::DescribeWorkerRequest,
) -> Reply<proto::DescribeWorkerResponse> {
    api.check_namespace(&request.namespace)?;
    let mut known = api.workers.known().into_iter();
    match known.find(|worker| worker.worker_instance_key == request.worker_instance_key) {
        Some(worker) => Ok(proto::DescribeWorkerResponse {
            worker_info: Some(info(worker)),
        }),
        None => Err(not_found(format!(
            "Worker {} not found.",
            request.worker_instance_key
        ))),
    }
}

/// The workers that a query is for.
fn found(api: &Api, query: &str) -> Result<Vec<WorkerHeartbeat>, Status> {
    let query = WorkerQuery::read(query)
        .map_err(|why| Status::invalid_argument(format!("invalid query: {why}")))?;
    let mut known = api.workers.known();
    known.retain(|worker| query.is_for(worker));
    Ok(known)
}

fn info(heartbeat: WorkerHeartbeat) -> WorkerInfo {
    WorkerInfo {
        worker_heartbeat: Some(heartbeat),
    }
}

fn listed(heartbeat: &WorkerHeartbeat) -> WorkerListInfo {
    let host = heartbeat.host_info.clone().unwrap_or_default();
    WorkerListInfo {
        worker_instance_key: heartbeat.worker_instance_key.clone(),
        worker_identity: heartbeat.worker_identity.clone(),
        task_queue: heartbeat.task_queue.clone(),
        deployment_version: heartbeat.deployment_version.clone(),
        sdk_name: heartbeat.sdk_name.clone(),
        sdk_version: heartbeat.sdk_version.clone(),
        status: heartbeat.status,
        start_time: heartbeat.start_time,
        host_name: host.host_name,
        worker_grouping_key: host.worker_grouping_key,
        process_id: host.process_id,
        plugins: heartbeat.plugins.clone(),
        drivers: heartbeat.drivers.clone(),
    }
}
