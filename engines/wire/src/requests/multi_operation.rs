//! A start and an update together.

use std::time::Duration;

use steadfast_engine::{EngineError, StartWorkflowRequest, UpdateWorkflowRequest};
use temporalio_protos::temporal::api::workflowservice::v1::{
    self as proto, execute_multi_operation_request::operation::Operation,
};

use crate::values::{Wire, Wired};

/// A start and an update of the same workflow id; each may be refused by itself.
#[derive(Debug)]
pub struct UpdateWithStart {
    /// The start.
    pub start: Wired<StartWorkflowRequest>,
    /// The update.
    pub update: Wired<UpdateWorkflowRequest>,
}

impl Wire {
    /// Starts an execution and updates it, in one step.
    ///
    /// # Errors
    ///
    /// When the operations are not a start and an update. What is wrong with one of the two is told of that one: what a
    /// Temporal Service would refuse, and what [`start_in`](Self::start_in) and [`update_in`](Self::update_in) do.
    pub fn update_with_start_in(
        &self,
        request: proto::ExecuteMultiOperationRequest,
        new_id: impl Fn() -> String,
        answer_timeout: Duration,
    ) -> Wired<UpdateWithStart> {
        let operations: Vec<_> = request
            .operations
            .into_iter()
            .map(|operation| operation.operation)
            .collect();
        let Ok(
            [
                Some(Operation::StartWorkflow(start)),
                Some(Operation::UpdateWorkflow(update)),
            ],
        ) = <[_; 2]>::try_from(operations)
        else {
            return Err(EngineError::invalid(
                "Operations have to be exactly [Start, Update].",
            ));
        };
        let namespace = request.namespace;
        let update = named_alike(&update.namespace, &namespace)
            .and_then(|()| self.update_in(update, &new_id, answer_timeout));
        let start = named_alike(&start.namespace, &namespace)
            .and_then(|()| self.start_of_two(start, &new_id));
        let update = update.and_then(|update| {
            // A service compares the ids of what is right so far.
            let workflow_id = match &start {
                Ok(start) => &start.workflow_id,
                Err(_) => &update.execution.workflow_id,
            };
            update.check_with_start(workflow_id)?;
            Ok(update)
        });
        Ok(UpdateWithStart { start, update })
    }

    fn start_of_two(
        &self,
        request: proto::StartWorkflowExecutionRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<StartWorkflowRequest> {
        if !request.cron_schedule.is_empty() {
            return Err(EngineError::invalid("CronSchedule is not allowed."));
        }
        let is_eager = request.request_eager_execution;
        let start = self.start_in(request, new_id)?;
        if is_eager {
            return Err(EngineError::invalid(
                "RequestEagerExecution is not supported.",
            ));
        }
        start.check_with_update()?;
        Ok(start)
    }
}

fn named_alike(operation: &str, request: &str) -> Wired<()> {
    if operation.is_empty() || operation == request {
        return Ok(());
    }
    Err(EngineError::invalid(
        "Operation namespace did not match request's namespace.",
    ))
}
