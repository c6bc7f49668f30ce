//! A workflow task for which this worker owes the engine an answer.

use std::sync::{Arc, Mutex, PoisonError};

use steadfast_core::{
    command::Command,
    event::WorkflowTaskFailedCause,
    failure::Failure,
    task::{WorkflowTask, WorkflowTaskCompletion, WorkflowTaskFailure},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{answers::Answers, shutdown::Tracked};
use crate::engine::{Engine, EngineError};

/// What a task occupies until it is answered.
type Occupied = (OwnedSemaphorePermit, Tracked);

/// A workflow task that is to be answered once. Whoever works on it may be given up, and is then too late
/// to answer.
pub(super) struct OwedTask {
    /// Without its events.
    pub(super) task: WorkflowTask,
    occupied: Mutex<Option<Occupied>>,
    engine: Arc<dyn Engine>,
    answers: Answers,
}

impl OwedTask {
    pub(super) fn new(
        task: WorkflowTask,
        occupied: Occupied,
        engine: Arc<dyn Engine>,
        answers: Answers,
    ) -> Self {
        Self {
            task,
            occupied: Mutex::new(Some(occupied)),
            engine,
            answers,
        }
    }

    /// Whether it is about more than queries.
    pub(super) fn has_started(&self) -> bool {
        self.task.started_event_id.is_some()
    }

    /// Answers the task. Says whether the engine took or refused the answer at once; `then` hears whether it
    /// took it.
    ///
    /// The engine is called here and now: one in this process goes on with the answer without a switch of
    /// threads.
    pub(super) fn complete(
        self: &Arc<Self>,
        completion: WorkflowTaskCompletion,
        then: impl FnOnce(bool) + Send + 'static,
    ) -> bool {
        let Some(occupied) = self.settle() else {
            return false;
        };
        let owed = Arc::clone(self);
        let failed = match completion.commands.last() {
            Some(Command::FailWorkflowExecution { failure }) => Some(failure.clone()),
            _ => None,
        };
        self.answers.drive(async move {
            let token = owed.task.token.clone();
            let accepted = owed.engine.complete_workflow_task(token, completion).await;
            match (&accepted, failed) {
                (Err(error), _) => owed.report(error),
                (Ok(_), Some(failure)) => owed.report_failed_workflow(&failure),
                (Ok(_), None) => {}
            }
            then(accepted.is_ok());
            // The engine first: whoever waits for the end may open its file again.
            drop(owed);
            drop(occupied);
        })
    }

    /// Says that the task failed; it will come again.
    pub(super) fn fail(self: &Arc<Self>, mut failure: WorkflowTaskFailure) {
        let Some(occupied) = self.settle() else {
            return;
        };
        let WorkflowTask {
            execution,
            workflow_type,
            attempt,
            ..
        } = &self.task;
        tracing::warn!(
            workflow_id = ?execution.workflow_id,
            run_id = %execution.run_id,
            ?workflow_type,
            attempt,
            cause = ?failure.cause,
            failure = %failure.failure,
            "a workflow task failed; it is tried again"
        );
        let owed = Arc::clone(self);
        self.answers.drive(async move {
            let token = owed.task.token.clone();
            let limit = owed.engine.payload_limit();
            failure.failure = limit.fit("the workflow task's failure", failure.failure);
            if let Err(error) = owed.engine.fail_workflow_task(token, failure).await {
                owed.report(&error);
            }
            drop(owed);
            drop(occupied);
        });
    }

    /// Says that the task failed for a reason that is not the workflow's code.
    pub(super) fn fail_unhandled(self: &Arc<Self>, message: String, error_type: &str) {
        self.fail(WorkflowTaskFailure {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            failure: Failure::application(message, error_type),
        });
    }

    /// Takes the right to answer, if nobody else has.
    fn settle(&self) -> Option<Occupied> {
        let mut occupied = self.occupied.lock().unwrap_or_else(PoisonError::into_inner);
        occupied.take()
    }

    fn report(&self, error: &EngineError) {
        let WorkflowTask {
            execution,
            workflow_type,
            attempt,
            ..
        } = &self.task;
        let (workflow_id, run_id) = (&execution.workflow_id, &execution.run_id);
        match error {
            // Something arrived meanwhile, or the run was closed from outside: both are part of a normal life.
            EngineError::WorkflowTaskRefused {
                cause: WorkflowTaskFailedCause::UnhandledCommand,
                ..
            }
            | EngineError::NotFound { .. } => {
                tracing::debug!(?workflow_id, %run_id, %error, "the answer to a workflow task came too late");
            }
            EngineError::WorkflowTaskRefused { cause, message } => tracing::warn!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                attempt,
                ?cause,
                reason = message,
                "the answer to a workflow task was refused; it is tried again"
            ),
            _ => tracing::error!(
                ?workflow_id,
                %run_id,
                ?workflow_type,
                attempt,
                %error,
                "the answer to a workflow task was not accepted"
            ),
        }
    }

    fn report_failed_workflow(&self, failure: &Failure) {
        let WorkflowTask {
            execution,
            workflow_type,
            ..
        } = &self.task;
        tracing::warn!(
            workflow_id = ?execution.workflow_id,
            run_id = %execution.run_id,
            ?workflow_type,
            %failure,
            "a workflow failed"
        );
    }
}
