//! The updates of a script: sent in one step, answered in a later one.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use steadfast_core::{
    ids::{UpdateId, UpdateName},
    options::WorkflowIdConflictPolicy,
    payload::PayloadMap,
};

use super::{
    notation,
    requests::{current, identity},
};
use crate::{
    Engine, EngineError, PollUpdateRequest, StartWorkflowRequest, UpdateReply, UpdateStage,
    UpdateWorkflowRequest,
};

type Answer = Result<UpdateReply, EngineError>;

/// Updates that were sent, by the workflow and their id, and their answers to come.
#[derive(Default)]
pub(super) struct Updates(HashMap<(String, String), BoxFuture<'static, Answer>>);

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Updates {
    /// Sends one, with a start or without, and waits until the engine has it.
    pub(super) async fn send<E: Engine>(
        &mut self,
        engine: &Arc<E>,
        start: Option<StartWorkflowRequest>,
        update: UpdateWorkflowRequest,
    ) -> Result<(), EngineError> {
        let key = (
            update.execution.workflow_id.as_str().to_owned(),
            update.update_id.as_str().to_owned(),
        );
        let sender = Arc::clone(engine);
        let answer = async move {
            match start {
                Some(start) => {
                    let sent = sender.update_with_start_workflow(start, update).await?;
                    Ok(sent.update)
                }
                None => sender.update_workflow(update).await,
            }
        };
        self.0.insert(key.clone(), answer.boxed());
        self.until_known(engine, &key.0, &key.1).await
    }

    /// Waits until the current run has one that was sent, or it is answered.
    pub(super) async fn until_known<E: Engine>(
        &mut self,
        engine: &Arc<E>,
        id: &str,
        update: &str,
    ) -> Result<(), EngineError> {
        let key = (id.to_owned(), update.to_owned());
        let mut answer = self.0.remove(&key).expect("the update was sent");
        loop {
            let poll = engine.poll_update(PollUpdateRequest {
                execution: current(id),
                update_id: UpdateId::new(update).unwrap(),
                wait_for: UpdateStage::Admitted,
            });
            answer = match select(answer, poll).await {
                Either::Left((answered, _)) => {
                    let reply = answered?;
                    self.0.insert(key, std::future::ready(Ok(reply)).boxed());
                    return Ok(());
                }
                Either::Right((Ok(found), waiting)) if found.stage < UpdateStage::Completed => {
                    self.0.insert(key, waiting);
                    return Ok(());
                }
                // Not yet; or it is another one of the same id, of a run that is closed.
                Either::Right((_, waiting)) => waiting,
            };
        }
    }

    /// What one is answered with, as JSON or as the text of a failure; empty while there is no outcome.
    pub(super) async fn answer(&mut self, id: &str, update: &str) -> Result<String, EngineError> {
        let answer = self.0.remove(&(id.to_owned(), update.to_owned()));
        let reply = answer.expect("the update was sent").await?;
        Ok(match &reply.outcome {
            Some(Ok(value)) => notation::text(value),
            Some(Err(failure)) => failure.to_string(),
            None => String::new(),
        })
    }
}

/// An update without values.
pub(super) fn update_request(
    id: &str,
    update_id: &str,
    stage: Option<&str>,
) -> UpdateWorkflowRequest {
    UpdateWorkflowRequest {
        execution: current(id),
        update_id: UpdateId::new(update_id).unwrap(),
        name: UpdateName::new("change").unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        identity: identity("client"),
        wait_for: match stage {
            Some("accepted") => UpdateStage::Accepted,
            _ => UpdateStage::Completed,
        },
        answer_timeout: Duration::from_secs(10),
    }
}

/// What a start does while an execution is open.
pub(super) fn conflict_policy(name: Option<&str>) -> WorkflowIdConflictPolicy {
    match name {
        Some("use") => WorkflowIdConflictPolicy::UseExisting,
        Some("terminate") => WorkflowIdConflictPolicy::TerminateExisting,
        _ => WorkflowIdConflictPolicy::Fail,
    }
}
