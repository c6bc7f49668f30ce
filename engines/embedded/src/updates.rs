//! Updates that start their workflow if there is none, and updates that are asked about by their id.

use std::time::Duration;

use steadfast_core::{options::WorkflowIdConflictPolicy, time::Timestamp};
use steadfast_engine::{
    EngineError, ExecutionRef, PollUpdateRequest, StartWorkflowRequest, StartedWorkflow,
    UpdateReply, UpdateStage, UpdateWithStartReply, UpdateWorkflowRequest,
};
use tokio::sync::oneshot;

use super::{
    client::update_of,
    execution::{Execution, UpdateReplySender, Wait},
    limits::check_update,
    shared::{Found, Shared, run_not_found},
    state::Core,
    ticket::Ticket,
};

/// A run that has an update.
struct Updated {
    started: StartedWorkflow,
    /// Whether the run is the one that the request started, now or when it was made before.
    is_own: bool,
    /// For the start, if there was one.
    ticket: Option<Ticket>,
}

impl Shared {
    pub(crate) async fn update_with_start(
        &self,
        mut start: StartWorkflowRequest,
        update: UpdateWorkflowRequest,
    ) -> Result<UpdateWithStartReply, EngineError> {
        start.check_with_update()?;
        update.check_with_start(&start.workflow_id)?;
        check_update(&update)?;
        self.prepare_start(&mut start, None)?;
        let target = ExecutionRef::current(start.workflow_id.clone());
        let mut since = None;
        loop {
            let (reply, answer) = oneshot::channel();
            let updated = self
                .with_run(&target, true, |core, found, now| {
                    core.check_attributes(&start)?;
                    let wait = Wait::new(update.answer_timeout, *since.get_or_insert(now));
                    core.update_with_start(&start, &update, found, now, wait, reply)
                })
                .await?;
            if let Some(ticket) = updated.ticket {
                ticket.await?;
            }
            let answer = answer.await.unwrap_or_else(|_| Err(self.update_dropped()));
            match answer {
                Ok(update) => {
                    let started = updated.started;
                    return Ok(UpdateWithStartReply { started, update });
                }
                // The run closed before a worker looked at the update: it is as if it had been closed before.
                Err(EngineError::NotFound { message })
                    if !updated.is_own && message == EngineError::UPDATE_ABORTED => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn poll_update(
        &self,
        request: PollUpdateRequest,
    ) -> Result<UpdateReply, EngineError> {
        let target = &request.execution;
        let (reply, answer) = oneshot::channel();
        self.with_run(target, true, |core, found, now| {
            let Found::Loaded(key) = found else {
                return Err(run_not_found(target));
            };
            let run = core
                .executions
                .get_mut(&key)
                .filter(|run| run.knows_update(&request.update_id));
            let Some(run) = run else {
                let message = format!("update {:?} not found", request.update_id.as_str());
                return Err(EngineError::not_found(message));
            };
            let wait = Wait::new(Duration::MAX, now);
            run.watch_update(&request.update_id, (request.wait_for, wait), reply);
            core.finish(key, now);
            Ok(())
        })
        .await?;
        answer.await.unwrap_or_else(|_| Err(self.update_dropped()))
    }
}

impl Core {
    /// Both while the state is locked, so that nothing comes between them: the first task of a new run brings the update.
    fn update_with_start(
        &mut self,
        start: &StartWorkflowRequest,
        update: &UpdateWorkflowRequest,
        found: Found,
        now: Timestamp,
        wait: Wait,
        reply: UpdateReplySender,
    ) -> Result<Updated, EngineError> {
        let is_own = |run: &Execution| run.request_id.as_ref() == Some(&start.request_id);
        let existing = match &found {
            Found::Loaded(key) => self.executions.get(key),
            Found::Closed(_) | Found::Missing => None,
        };
        let existing = existing.filter(|run| {
            let joins = start.id_conflict_policy == WorkflowIdConflictPolicy::UseExisting
                || run.knows_update(&update.update_id);
            // What a closed run accepted and did not complete is no outcome here, as on a Temporal Service.
            (joins && run.is_open()) || run.has_outcome(&update.update_id) || is_own(run)
        });
        let (key, updated) = match existing {
            Some(run) => {
                let started = StartedWorkflow {
                    run_id: run.id.run_id.clone(),
                    started: false,
                };
                let updated = Updated {
                    started,
                    is_own: is_own(run),
                    ticket: None,
                };
                (run.key, updated)
            }
            None => {
                let started = self.start(start.clone(), None, found, now)?;
                let key = self
                    .find(&start.workflow_id, Some(&started.run_id))
                    .ok_or_else(|| run_not_found(&update.execution))?;
                let updated = Updated {
                    started,
                    is_own: true,
                    ticket: Some(self.ticket()),
                };
                (key, updated)
            }
        };
        if let Some(run) = self.executions.get_mut(&key) {
            let waiter: (UpdateStage, Wait) = (update.wait_for, wait);
            run.update(update_of(update.clone()), waiter, reply, now);
            self.finish(key, now);
        }
        Ok(updated)
    }
}
