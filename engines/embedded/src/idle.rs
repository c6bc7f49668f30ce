//! Says when nothing is left to do, for tests that move the clock.

use std::sync::Arc;

use steadfast_core::ids::TaskQueue;
use steadfast_engine::EngineError;

use super::{
    execution::{ActivityState, Task},
    shared::Shared,
    state::Core,
};

impl Shared {
    /// Waits until everything that was asked is done and no task is with a worker or about to be
    /// taken by one. Gives the number of transitions so far.
    pub(crate) async fn idle(&self) -> Result<u64, EngineError> {
        loop {
            self.settled().await?;
            let transitions = {
                let (core, _) = self.enter()?;
                if !core.is_busy() {
                    return Ok(core.transitions);
                }
                core.transitions
            };
            self.stirred(transitions).await?;
        }
    }

    /// Waits until a worker has come as far as to wait for the tasks of a queue, or to have one.
    pub(crate) async fn polled(
        &self,
        queue: &TaskQueue,
        workflows: bool,
        activities: bool,
    ) -> Result<(), EngineError> {
        loop {
            {
                let (core, _) = self.enter()?;
                let polled = (!workflows || core.workflow_tasks.has_pollers(queue))
                    && (!activities || core.activity_tasks.has_pollers(queue));
                if polled || core.is_busy() {
                    return Ok(());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until there were more transitions than a number.
    pub(crate) async fn stirred(&self, transitions: u64) -> Result<(), EngineError> {
        let stirred = Arc::clone(&self.enter()?.0.stirred);
        let stirred = stirred.notified();
        tokio::pin!(stirred);
        stirred.as_mut().enable();
        if self.enter()?.0.transitions == transitions {
            stirred.await;
        }
        Ok(())
    }
}

impl Shared {
    /// Whether a task waits in some queue for a worker.
    pub(crate) fn tasks_wait(&self) -> Result<bool, EngineError> {
        let (core, _) = self.enter()?;
        let waits = core.workflow_tasks.has_ready() || core.activity_tasks.has_ready();
        Ok(waits)
    }

    /// Whether a workflow task and an activity task are ready in a queue.
    pub(crate) fn ready(&self, queue: &TaskQueue) -> Result<(bool, bool), EngineError> {
        let (core, _) = self.enter()?;
        Ok((
            core.workflow_tasks.has(queue, &core.paused),
            core.activity_tasks.has(queue, &core.paused),
        ))
    }
}

impl Core {
    fn is_busy(&self) -> bool {
        let with_worker = self.executions.values().any(|run| {
            matches!(run.task, Task::Started(_))
                || run.query_task.is_some()
                || run
                    .activities
                    .values()
                    .any(|activity| matches!(activity.state, ActivityState::Started(_)))
        });
        with_worker
            || self.workflow_tasks.is_being_served(&self.paused)
            || self.activity_tasks.is_being_served(&self.paused)
    }
}
