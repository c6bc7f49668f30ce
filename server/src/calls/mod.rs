//! What answers each call. One file a concern; the table below is all there is.

mod activities;
mod answers;
mod executions;
pub(crate) mod health;
mod history;
mod messages;
mod multi_operation;
mod quiet;
pub(crate) mod reflection;
mod schedules;
mod search_attributes;
mod start;
mod system;
mod task_queues;
mod test_service;
mod workers;
mod workflow_tasks;

use crate::method::{Does, Method, unary};

const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService/";
const OPERATOR_SERVICE: &str = "temporal.api.operatorservice.v1.OperatorService/";

/// A method of one of Temporal's services.
macro_rules! method {
    (operator $($method:tt)+) => {
        method!("temporal.api.operatorservice.v1.OperatorService/", $($method)+)
    };
    (test $($method:tt)+) => {
        method!("temporal.api.testservice.v1.TestService/", $($method)+)
    };
    (workflow $($method:tt)+) => {
        method!("temporal.api.workflowservice.v1.WorkflowService/", $($method)+)
    };
    ($service:literal, $name:ident $does:ident $handler:path) => {
        Method {
            name: concat!($service, stringify!($name)),
            does: Does::$does,
            answer: |api, max_bytes, request| unary(api, max_bytes, request, $handler),
        }
    };
}

/// Every method that is answered, by name.
pub(crate) static METHODS: &[Method] = &[
    method!(operator AddSearchAttributes Changes search_attributes::add),
    method!(operator ListClusters Looks system::list_clusters),
    method!(operator ListNexusEndpoints Looks quiet::list_nexus_endpoints),
    method!(operator ListSearchAttributes Looks search_attributes::list),
    method!(operator RemoveSearchAttributes Changes search_attributes::remove),
    method!(test GetCurrentTime Looks test_service::now),
    method!(test LockTimeSkipping Changes test_service::lock),
    method!(test Sleep Waits test_service::sleep),
    method!(test SleepUntil Waits test_service::sleep_until),
    method!(test UnlockTimeSkipping Changes test_service::unlock),
    method!(test UnlockTimeSkippingWithSleep ChangesAndWaits test_service::unlock_while_sleeping),
    method!(workflow CountActivityExecutions Looks quiet::count_activity_executions),
    method!(workflow CountSchedules Looks schedules::count),
    method!(workflow CountWorkers Looks workers::count),
    method!(workflow CountWorkflowExecutions Looks executions::count),
    method!(workflow CreateSchedule Changes schedules::create),
    method!(workflow DeleteSchedule Changes schedules::delete),
    method!(workflow DeleteWorkflowExecution Changes messages::delete),
    method!(workflow DescribeNamespace Looks system::describe_namespace),
    method!(workflow DescribeSchedule Looks schedules::describe),
    method!(workflow DescribeTaskQueue Looks task_queues::describe),
    method!(workflow DescribeWorker Looks workers::describe),
    method!(workflow DescribeWorkflowExecution Looks executions::describe),
    method!(workflow ExecuteMultiOperation ChangesAndWaits multi_operation::execute),
    method!(workflow GetClusterInfo Looks system::get_cluster_info),
    method!(workflow GetSearchAttributes Looks search_attributes::get),
    method!(workflow GetSystemInfo Looks system::get_system_info),
    method!(workflow GetWorkflowExecutionHistory Waits history::get),
    method!(workflow GetWorkflowExecutionHistoryReverse Looks history::get_reverse),
    method!(workflow ListActivityExecutions Looks quiet::list_activity_executions),
    method!(workflow ListArchivedWorkflowExecutions Looks quiet::list_archived),
    method!(workflow ListBatchOperations Looks quiet::list_batch_operations),
    method!(workflow ListNamespaces Looks system::list_namespaces),
    method!(workflow ListScheduleMatchingTimes Looks schedules::matching_times),
    method!(workflow ListSchedules Looks schedules::list),
    method!(workflow ListTaskQueuePartitions Looks task_queues::list_partitions),
    method!(workflow ListWorkerDeployments Looks quiet::list_worker_deployments),
    method!(workflow ListWorkers Looks workers::list),
    method!(workflow ListWorkflowExecutions Looks executions::list),
    method!(workflow PatchSchedule Changes schedules::patch),
    method!(workflow PollActivityTaskQueue ChangesAndWaits activities::poll),
    method!(workflow PollWorkflowExecutionUpdate Waits answers::poll_update),
    method!(workflow PollWorkflowTaskQueue ChangesAndWaits workflow_tasks::poll),
    method!(workflow QueryWorkflow Waits answers::query),
    method!(workflow RecordActivityTaskHeartbeat Changes activities::heartbeat),
    method!(workflow RecordActivityTaskHeartbeatById Changes activities::heartbeat_by_id),
    method!(workflow RecordWorkerHeartbeat Changes workers::heartbeat),
    method!(workflow RequestCancelWorkflowExecution Changes messages::request_cancel),
    method!(workflow ResetStickyTaskQueue Changes workflow_tasks::reset_sticky),
    method!(workflow ResetWorkflowExecution Changes messages::reset),
    method!(workflow RespondActivityTaskCanceled Changes activities::cancel),
    method!(workflow RespondActivityTaskCanceledById Changes activities::cancel_by_id),
    method!(workflow RespondActivityTaskCompleted Changes activities::complete),
    method!(workflow RespondActivityTaskCompletedById Changes activities::complete_by_id),
    method!(workflow RespondActivityTaskFailed Changes activities::fail),
    method!(workflow RespondActivityTaskFailedById Changes activities::fail_by_id),
    method!(workflow RespondQueryTaskCompleted Changes workflow_tasks::answer_query),
    method!(workflow RespondWorkflowTaskCompleted Changes workflow_tasks::complete),
    method!(workflow RespondWorkflowTaskFailed Changes workflow_tasks::fail),
    method!(workflow ScanWorkflowExecutions Looks executions::scan),
    method!(workflow ShutdownWorker Changes workers::shut_down),
    method!(workflow SignalWithStartWorkflowExecution Changes start::signal_with_start),
    method!(workflow SignalWorkflowExecution Changes messages::signal),
    method!(workflow StartWorkflowExecution Changes start::start),
    method!(workflow TerminateWorkflowExecution Changes messages::terminate),
    method!(workflow UpdateSchedule Changes schedules::update),
    method!(workflow UpdateWorkflowExecution ChangesAndWaits answers::update),
];

/// What a caller is told whose method is not here.
pub(crate) fn unknown(path: &str) -> String {
    let of_temporal = [WORKFLOW_SERVICE, OPERATOR_SERVICE]
        .iter()
        .find_map(|service| path.strip_prefix(service));
    match of_temporal {
        Some(method) => format!(
            "{method} is not offered by this server, which keeps its executions in an embedded engine; a Temporal Service \
             offers it"
        ),
        None => format!("there is no method {path} here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_by_their_name() {
        assert!(METHODS.is_sorted_by(|one, next| one.name < next.name));
    }
}
