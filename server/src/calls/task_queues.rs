//! Who works on a task queue.

use std::sync::Arc;

use steadfast_core::ids::TaskQueue;
use steadfast_engine::{EngineError, Poller, TaskQueueDescription};
use steadfast_wire::values::{duration_out, time_out};
use temporalio_protos::temporal::api::{
    enums::v1::{DescribeTaskQueueMode, TaskQueueType},
    taskqueue::v1::{
        PollerInfo, TaskQueuePartitionMetadata, TaskQueueStats, TaskQueueStatus, TaskQueueTypeInfo,
        TaskQueueVersionInfo,
    },
    workflowservice::v1::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, ListTaskQueuePartitionsRequest,
        ListTaskQueuePartitionsResponse,
    },
};
use tonic::Status;

use crate::{api::Api, method::Reply, refusal::status_of};

/// How many tasks a second a queue gives if nobody limits it, as a service says.
const UNLIMITED: f64 = 100_000.0;

/// A queue has one partition, and it is here.
pub(super) async fn list_partitions(
    api: Arc<Api>,
    request: ListTaskQueuePartitionsRequest,
) -> Reply<ListTaskQueuePartitionsResponse> {
    api.check_namespace(&request.namespace)?;
    let partitions = vec![TaskQueuePartitionMetadata {
        key: request.task_queue.unwrap_or_default().name,
        owner_host_name: api.address.clone(),
    }];
    Ok(ListTaskQueuePartitionsResponse {
        activity_task_queue_partitions: partitions.clone(),
        workflow_task_queue_partitions: partitions,
    })
}

#[expect(deprecated, reason = "the command line and older SDKs ask in this way")]
pub(super) async fn describe(
    api: Arc<Api>,
    request: DescribeTaskQueueRequest,
) -> Reply<DescribeTaskQueueResponse> {
    api.check_namespace(&request.namespace)?;
    let name = request.task_queue.unwrap_or_default().name;
    let queue = TaskQueue::new(name)
        .map_err(|_| Status::invalid_argument("Task queue not set on request."))?;
    let described = match api.engine.describe_task_queue(queue).await {
        Ok(described) => described,
        Err(EngineError::Unsupported { .. }) => TaskQueueDescription::default(),
        Err(error) => return Err(status_of(error)),
    };
    let is_activity = request.task_queue_type == i32::from(TaskQueueType::Activity);
    let enhanced = request.api_mode == i32::from(DescribeTaskQueueMode::Enhanced);
    let (pollers, tasks) = if is_activity {
        (&described.activity_pollers, described.activity_tasks)
    } else {
        (&described.workflow_pollers, described.workflow_tasks)
    };
    let mut response = DescribeTaskQueueResponse {
        pollers: infos(pollers),
        ..DescribeTaskQueueResponse::default()
    };
    if enhanced {
        // The version of workers is not kept: all of them have none.
        response.pollers = Vec::new();
        response.versions_info = [(String::new(), version(&described))].into();
    } else if request.include_task_queue_status {
        response.task_queue_status = Some(TaskQueueStatus {
            backlog_count_hint: i64::try_from(tasks.unwrap_or_default()).unwrap_or(i64::MAX),
            rate_per_second: UNLIMITED,
            ..TaskQueueStatus::default()
        });
    }
    if request.report_stats && !enhanced {
        response.stats = Some(stats(tasks));
    }
    Ok(response)
}

fn infos(pollers: &[Poller]) -> Vec<PollerInfo> {
    let infos = pollers.iter().map(|poller| PollerInfo {
        last_access_time: Some(time_out(poller.last_access_time)),
        identity: poller.identity.as_str().to_owned(),
        rate_per_second: UNLIMITED,
        ..PollerInfo::default()
    });
    infos.collect()
}

fn version(described: &TaskQueueDescription) -> TaskQueueVersionInfo {
    let types = [
        (
            TaskQueueType::Workflow,
            &described.workflow_pollers,
            described.workflow_tasks,
        ),
        (
            TaskQueueType::Activity,
            &described.activity_pollers,
            described.activity_tasks,
        ),
    ];
    let infos = types.map(|(kind, pollers, tasks)| {
        let info = TaskQueueTypeInfo {
            pollers: infos(pollers),
            stats: Some(stats(tasks)),
        };
        (i32::from(kind), info)
    });
    TaskQueueVersionInfo {
        types_info: infos.into(),
        ..TaskQueueVersionInfo::default()
    }
}

fn stats(tasks: Option<u64>) -> TaskQueueStats {
    TaskQueueStats {
        approximate_backlog_count: i64::try_from(tasks.unwrap_or_default()).unwrap_or(i64::MAX),
        approximate_backlog_age: Some(duration_out(std::time::Duration::ZERO)),
        ..TaskQueueStats::default()
    }
}
