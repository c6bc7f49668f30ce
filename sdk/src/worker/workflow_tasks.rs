//! Polls workflow tasks and gives them to the threads that run workflow code.

use std::sync::Arc;

use steadfast_core::{
    ids::{Identity, TaskQueue},
    task::WorkflowTask,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{answers::Answers, owed::OwedTask, polls, shutdown::Shutdown, threads::Threads};
use crate::engine::{Engine, EngineError, PollWorkflowTaskRequest};

/// Takes the workflow tasks of one queue.
pub(super) struct WorkflowTasks {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) task_queue: TaskQueue,
    pub(super) identity: Identity,
    pub(super) slots: Arc<Semaphore>,
    pub(super) shutdown: Shutdown,
    pub(super) threads: Threads,
    pub(super) answers: Answers,
}

impl WorkflowTasks {
    /// Polls until the worker is to stop.
    pub(super) async fn poll_all(self: Arc<Self>) -> Result<(), EngineError> {
        let poll = || {
            self.engine.poll_workflow_task(PollWorkflowTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.identity.clone(),
                remote: false,
            })
        };
        let take = |task, slot| self.take(task, slot);
        polls::poll_all(&self.shutdown, &self.slots, poll, take).await
    }

    /// Works through a task that came when the worker had begun to stop.
    pub(super) async fn take_untaken(&self, task: WorkflowTask) {
        if let Ok(slot) = self.slots.clone().acquire_owned().await {
            self.take(task, slot);
        }
    }

    fn take(&self, mut task: WorkflowTask, slot: OwnedSemaphorePermit) {
        let events = std::mem::take(&mut task.events);
        let occupied = (slot, self.shutdown.track());
        let engine = Arc::clone(&self.engine);
        let owed = OwedTask::new(task, occupied, engine, self.answers.clone());
        self.threads.give(events, Arc::new(owed));
    }
}
