//! What a test asks of an execution, and waits for.

use std::{panic::Location, sync::Arc};

use steadfast::{
    client::{ResetOptions, ResetPoint, WorkflowExecutionError},
    core::{
        event::{EventKind, ExecutionStatus, HistoryEvent},
        failure::Failure,
        ids::{EventId, RunId, WorkflowExecution},
    },
    engine::{ExecutionRef, HistoryRequest, HistoryWait, WorkflowDescription},
    prelude::*,
};
use steadfast_engine::conformance::notation;

use super::script::{Script, ScriptHandle};

/// An execution of a [`Script`], or one run of it.
#[derive(Debug)]
pub struct Flow {
    /// Talks to the execution.
    pub handle: ScriptHandle,
    client: Client,
    /// The run whose history is meant; without it that of the current one.
    run: Option<WorkflowExecution>,
}

impl Flow {
    pub(super) fn new(client: &Client, handle: ScriptHandle) -> Self {
        Self {
            handle,
            client: client.clone(),
            run: None,
        }
    }

    /// One run.
    pub(super) fn of_run(client: &Client, run: WorkflowExecution) -> Self {
        Self {
            handle: client.workflow_run::<Script>(run.clone()),
            client: client.clone(),
            run: Some(run),
        }
    }

    /// The same, of one run only: the one that was started, or the current one of an execution that was found.
    pub async fn one_run(mut self) -> Self {
        let run = match self.handle.run_id() {
            Some(run_id) => WorkflowExecution {
                workflow_id: self.handle.workflow_id().clone(),
                run_id: run_id.clone(),
            },
            None => self.execution().await,
        };
        self.run = Some(run);
        self
    }

    /// The run whose history is meant.
    pub async fn execution(&self) -> WorkflowExecution {
        match &self.run {
            Some(run) => run.clone(),
            None => self.handle.describe().await.unwrap().execution,
        }
    }

    /// Where the run stands.
    pub async fn describe(&self) -> WorkflowDescription {
        let run = one_run(self.execution().await);
        self.client.engine().describe_workflow(run).await.unwrap()
    }

    /// How the run stands.
    pub async fn status(&self) -> ExecutionStatus {
        self.describe().await.status
    }

    /// The whole history.
    pub async fn events(&self) -> Vec<HistoryEvent> {
        events(&self.client, self.execution().await).await
    }

    /// The whole history in the notation.
    pub async fn text(&self) -> String {
        notation::render(&self.events().await)
    }

    /// The events without numbers and workflow tasks, for where it depends on time how they fall into tasks.
    pub async fn facts(&self) -> String {
        let events = self.events().await;
        let names = events
            .iter()
            .map(|event| notation::name(&event.kind))
            .filter(|name| !name.starts_with("WT"));
        names.collect::<Vec<_>>().join(" · ")
    }

    // What it waits for.

    /// Waits until no workflow task waits or runs.
    pub async fn settle(&self) {
        settled(&self.client, self.execution().await).await;
    }

    /// Waits until the history has an event, by the beginning of its name in the notation, some times.
    pub async fn reaches(&self, name: &str, times: usize) {
        let execution = self.execution().await;
        loop {
            let events = events(&self.client, execution.clone()).await;
            let found = events
                .iter()
                .filter(|event| notation::name(&event.kind).starts_with(name));
            if found.count() >= times {
                return;
            }
            grown(&self.client, execution.clone(), events.len()).await;
        }
    }

    /// The run that goes on with this one.
    pub async fn next_run(&self) -> Self {
        let execution = self.execution().await;
        loop {
            let events = events(&self.client, execution.clone()).await;
            match events.last().map(|event| &event.kind) {
                Some(
                    EventKind::WorkflowExecutionContinuedAsNew {
                        new_execution_run_id,
                        ..
                    }
                    | EventKind::WorkflowExecutionFailed {
                        new_execution_run_id: Some(new_execution_run_id),
                        ..
                    }
                    | EventKind::WorkflowExecutionCompleted {
                        new_execution_run_id: Some(new_execution_run_id),
                        ..
                    },
                ) => return self.run(new_execution_run_id.clone()),
                _ => grown(&self.client, execution.clone(), events.len()).await,
            }
        }
    }

    fn run(&self, run_id: RunId) -> Self {
        let workflow_id = self.handle.workflow_id().clone();
        let run = WorkflowExecution {
            workflow_id,
            run_id,
        };
        Self::of_run(&self.client, run)
    }

    // What is done to it.

    /// Asks for its cancellation.
    pub async fn cancel(&self, reason: &str) {
        self.handle
            .cancel(WorkflowCancelOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    /// Cancels under another name.
    pub async fn cancel_as(&self, identity: &str, reason: &str) {
        let client = self.client.clone().with_identity(identity).unwrap();
        let handle = client
            .workflow::<Script>(self.handle.workflow_id())
            .unwrap();
        handle
            .cancel(WorkflowCancelOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    /// Stops it.
    pub async fn terminate(&self, reason: &str) {
        self.handle
            .terminate(WorkflowTerminateOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    /// Tells it something.
    pub async fn say(&self, what: &str) {
        self.handle.say(what.to_owned()).await.unwrap();
    }

    /// Lets it go on.
    pub async fn proceed(&self) {
        self.handle.proceed().await.unwrap();
    }

    /// Resets this run and gives the new one.
    pub async fn reset(&self, event: u64, reason: &str) -> Self {
        let base = self.client.workflow_run::<Script>(self.execution().await);
        let new = base
            .reset(ResetPoint::event(event), reason, ResetOptions::default())
            .await
            .unwrap();
        self.run(new.run_id().unwrap().clone())
    }

    // How it ends.

    /// The result of an execution that completes.
    pub async fn result(&self) -> String {
        self.handle.result().await.unwrap()
    }

    /// The reason of an execution that ends as cancelled.
    ///
    /// # Panics
    ///
    /// When it ends otherwise.
    pub async fn cancelled(&self) -> String {
        match self.handle.result().await {
            Err(ClientError::Workflow(WorkflowExecutionError::Cancelled { reason })) => reason,
            other => panic!("not cancelled: {other:?}"),
        }
    }

    /// The failure of an execution that fails.
    ///
    /// # Panics
    ///
    /// When it ends otherwise.
    pub async fn failure(&self) -> Arc<Failure> {
        match self.handle.result().await {
            Err(ClientError::Workflow(WorkflowExecutionError::Failed(failure))) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    /// Waits for the end, and compares the status, what the client sees of it (the result, or the text of the
    /// error), and the events.
    #[track_caller]
    pub fn ends(
        &self,
        status: ExecutionStatus,
        seen: &str,
        expected: &str,
    ) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let ended = self
                .handle
                .result()
                .await
                .unwrap_or_else(|error| error.to_string());
            let found = (self.status().await, ended, self.text().await);
            assert_eq!(
                found,
                (status, seen.to_owned(), expected.to_owned()),
                "at {place}"
            );
        }
    }

    /// Compares the status and the events.
    #[track_caller]
    pub fn is(&self, status: ExecutionStatus, expected: &str) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let found = (self.status().await, self.text().await);
            assert_eq!(found, (status, expected.to_owned()), "at {place}");
        }
    }

    /// Compares the events.
    #[track_caller]
    pub fn has(&self, expected: &str) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            assert_eq!(self.text().await, expected, "at {place}");
        }
    }
}

fn one_run(execution: WorkflowExecution) -> ExecutionRef {
    ExecutionRef {
        workflow_id: execution.workflow_id,
        run_id: Some(execution.run_id),
        first_execution_run_id: None,
    }
}

pub(super) async fn events(client: &Client, execution: WorkflowExecution) -> Vec<HistoryEvent> {
    let run = client.workflow_run::<Script>(execution);
    run.history().await.unwrap().events
}

/// Whether a run has no workflow task that waits or runs.
fn is_settled(events: &[HistoryEvent]) -> bool {
    let last = events
        .iter()
        .rev()
        .find(|event| event.kind.name().starts_with("WorkflowTask"));
    last.is_some_and(|event| matches!(event.kind, EventKind::WorkflowTaskCompleted { .. }))
        || events.last().is_some_and(|event| event.kind.is_closing())
}

pub(super) async fn settled(client: &Client, execution: WorkflowExecution) {
    loop {
        let events = events(client, execution.clone()).await;
        if is_settled(&events) {
            return;
        }
        grown(client, execution.clone(), events.len()).await;
    }
}

/// Waits until a run has more events.
async fn grown(client: &Client, execution: WorkflowExecution, length: usize) {
    let request = HistoryRequest {
        execution: one_run(execution),
        from: EventId(length as u64 + 1),
        page_size: 1,
        wait: HistoryWait::NewEvent,
    };
    client.engine().workflow_history(request).await.unwrap();
}
