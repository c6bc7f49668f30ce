//! Talks to one execution.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use steadfast_core::{
    event::EventKind,
    history::History,
    ids::{EventId, RunId, WorkflowExecution, WorkflowId},
    payload::Payload,
};
use tracing::Instrument as _;

use super::{
    Client, ClientError, WorkflowCancelOptions, WorkflowExecutionError, WorkflowTerminateOptions,
    new_request_id, refused,
};
use crate::{
    definition::{QueryOf, SignalOf, WorkflowDefinition},
    engine::{
        CancelWorkflowRequest, EngineError, ExecutionRef, HistoryPage, HistoryRequest, HistoryWait,
        QueryWorkflowRequest, Signal, SignalWorkflowRequest, TerminateWorkflowRequest,
        WorkflowDescription,
    },
    untyped::Dynamic,
};

const PAGE: usize = 1_000;

/// A workflow whose executions a client starts and finds: it says which handle it gives of them.
///
/// Implemented by `#[workflow_methods]` on the workflow's struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "this type has no `#[workflow_methods]` impl block",
    note = "mark the struct with `#[workflow]` and its impl block with `#[workflow_methods]`"
)]
pub trait HasHandle: WorkflowDefinition {
    /// The typed handle that the macro generated, a wrapper of [`WorkflowHandle`].
    type Handle: From<WorkflowHandle<Self>> + fmt::Debug;
}

impl<D: 'static> HasHandle for Dynamic<D> {
    type Handle = WorkflowHandle<Self>;
}

/// Talks to one execution. The handle that `#[workflow_methods]` generates has all of this and a
/// method for every signal, query and update.
pub struct WorkflowHandle<W> {
    pub(super) client: Client,
    pub(super) execution: ExecutionRef,
    /// The run that was found when this was made, for whatever run is the current one.
    pub(super) found: Option<RunId>,
    _workflow: PhantomData<fn() -> W>,
}

impl<W> Clone for WorkflowHandle<W> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            execution: self.execution.clone(),
            found: self.found.clone(),
            _workflow: PhantomData,
        }
    }
}

impl<W> fmt::Debug for WorkflowHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkflowHandle")
            .field(&self.execution)
            .finish()
    }
}

impl<W> WorkflowHandle<W> {
    pub(crate) fn new(client: Client, execution: ExecutionRef) -> Self {
        Self {
            client,
            execution,
            found: None,
            _workflow: PhantomData,
        }
    }

    /// The same handle, whose queries and updates wait so long for somebody to answer: by default 10 seconds,
    /// or what [`Client::with_answer_timeout`] says; `Duration::MAX` is as long as it takes.
    ///
    /// A query has to be answered within it. An update has to be accepted or rejected within it, and then may
    /// take any time. After it the call ends with [`EngineError::Unanswered`], which says why as far as can be
    /// seen: no worker polls the task queue, it is paused, or the workflow task keeps failing.
    ///
    /// What becomes of an update then: the embedded engine withdraws one that no worker has, unless somebody else
    /// waits for the same one; the error says so, and it never runs. A Temporal Service keeps it, and it runs when
    /// a worker comes. On both, sending it again under the same [id](Self::update_with_id) gets the outcome if it
    /// ran, and is never a second time.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use steadfast::{prelude::*, untyped::UntypedWorkflow};
    /// # async fn ask(client: &Client) -> anyhow::Result<()> {
    /// let order = client.workflow::<UntypedWorkflow>("order-7")?;
    /// let patient = order.with_answer_timeout(Duration::from_secs(60));
    /// let status = patient.query_by_name("status", Vec::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_answer_timeout(&self, timeout: Duration) -> Self {
        let mut patient = self.clone();
        patient.client = patient.client.with_answer_timeout(timeout);
        patient
    }

    /// The execution's id.
    #[must_use]
    pub fn workflow_id(&self) -> &WorkflowId {
        &self.execution.workflow_id
    }

    /// The run that this handle was made for: the one that was started, or that a start found open, or one that was asked
    /// for. `None` when it was made for whatever run is the current one.
    #[must_use]
    pub fn run_id(&self) -> Option<&RunId> {
        self.execution
            .run_id
            .as_ref()
            .or(self.execution.first_execution_run_id.as_ref())
            .or(self.found.as_ref())
    }

    /// Asks for the cancellation of the execution (R1). Nothing is stopped by force: the workflow's
    /// code decides. A second request, and one for a closed execution, does nothing (R2).
    ///
    /// # Errors
    ///
    /// When there is no such execution, or the engine fails.
    pub async fn cancel(
        &self,
        options: impl Into<WorkflowCancelOptions>,
    ) -> Result<(), ClientError> {
        let options = options.into();
        let request = CancelWorkflowRequest {
            execution: self.in_chain_of(options.first_execution_run_id)?,
            reason: options.reason,
            identity: self.client.identity().clone(),
            request_id: new_request_id()?,
        };
        Ok(self
            .client
            .engine()
            .request_cancel_workflow(request)
            .await?)
    }

    /// Stops the execution at once; its code gets no chance (F7).
    ///
    /// # Errors
    ///
    /// When there is no such execution, it is closed, or the engine fails.
    pub async fn terminate(
        &self,
        options: impl Into<WorkflowTerminateOptions>,
    ) -> Result<(), ClientError> {
        let options = options.into();
        let request = TerminateWorkflowRequest {
            execution: self.in_chain_of(options.first_execution_run_id)?,
            reason: options.reason,
            details: Vec::new(),
            identity: self.client.identity().clone(),
        };
        Ok(self.client.engine().terminate_workflow(request).await?)
    }

    fn in_chain_of(&self, first: Option<String>) -> Result<ExecutionRef, ClientError> {
        let mut execution = self.execution.clone();
        if let Some(first) = first {
            execution.first_execution_run_id = Some(RunId::new(first)?);
        }
        Ok(execution)
    }

    /// Says where the execution stands.
    ///
    /// # Errors
    ///
    /// When there is no such execution, or the engine fails.
    pub async fn describe(&self) -> Result<WorkflowDescription, ClientError> {
        Ok(self
            .client
            .engine()
            .describe_workflow(self.execution.clone())
            .await?)
    }

    /// Deletes the run with its history, terminating it first if it is open.
    ///
    /// # Errors
    ///
    /// When there is no such execution, or the engine fails.
    pub async fn delete(&self) -> Result<(), ClientError> {
        Ok(self
            .client
            .engine()
            .delete_workflow(self.execution.clone())
            .await?)
    }

    /// Reads the whole history. It displays as a table.
    ///
    /// # Errors
    ///
    /// When there is no such execution, or the engine fails.
    pub async fn history(&self) -> Result<History, ClientError> {
        let mut reference = self.execution.clone();
        let mut events = Vec::new();
        let mut next = Some(EventId(1));
        let mut execution = None;
        while let Some(from) = next {
            let page = self.page(&reference, from, HistoryWait::No).await?;
            // The pages must be of one run, whatever happens meanwhile.
            reference.run_id = Some(page.execution.run_id.clone());
            reference.first_execution_run_id = None;
            execution.get_or_insert(page.execution);
            events.extend(page.events);
            next = page.next;
        }
        let execution =
            execution.ok_or_else(|| EngineError::not_found("workflow execution not found"))?;
        Ok(History { execution, events })
    }

    async fn page(
        &self,
        execution: &ExecutionRef,
        from: EventId,
        wait: HistoryWait,
    ) -> Result<HistoryPage, ClientError> {
        let request = HistoryRequest {
            execution: execution.clone(),
            from,
            page_size: PAGE,
            wait,
        };
        Ok(self.client.engine().workflow_history(request).await?)
    }
}

impl<W: WorkflowDefinition> WorkflowHandle<W> {
    /// Waits for the result, through all runs that continue or retry this one.
    ///
    /// # Errors
    ///
    /// When the execution ends without a result, there is none such, or the engine fails.
    pub async fn result(&self) -> Result<W::Output, ClientError> {
        let mut reference = self.execution.clone();
        if let Some(first) = reference.first_execution_run_id.take() {
            reference.run_id = Some(first);
        }
        loop {
            let page = self
                .page(&reference, EventId(1), HistoryWait::Close)
                .await?;
            let Some(event) = page.events.into_iter().next_back() else {
                continue;
            };
            let next = match event.kind {
                EventKind::WorkflowExecutionCompleted {
                    new_execution_run_id: Some(next),
                    ..
                }
                | EventKind::WorkflowExecutionFailed {
                    new_execution_run_id: Some(next),
                    ..
                }
                | EventKind::WorkflowExecutionTimedOut {
                    new_execution_run_id: Some(next),
                    ..
                }
                | EventKind::WorkflowExecutionContinuedAsNew {
                    new_execution_run_id: next,
                    ..
                } => next,
                EventKind::WorkflowExecutionCompleted { result, .. } => {
                    return Ok(W::output_codec().decode(result.as_ref())?);
                }
                EventKind::WorkflowExecutionFailed { failure, .. } => {
                    return Err(WorkflowExecutionError::Failed(Arc::new(*failure)).into());
                }
                EventKind::WorkflowExecutionCanceled { .. } => {
                    let reason = self.cancel_reason(page.execution).await?;
                    return Err(WorkflowExecutionError::Cancelled { reason }.into());
                }
                EventKind::WorkflowExecutionTerminated { reason, .. } => {
                    return Err(WorkflowExecutionError::Terminated { reason }.into());
                }
                EventKind::WorkflowExecutionTimedOut { .. } => {
                    return Err(WorkflowExecutionError::TimedOut.into());
                }
                other => {
                    let message = format!("`{}` does not close an execution", other.name());
                    return Err(EngineError::invalid(message).into());
                }
            };
            reference.run_id = Some(next);
        }
    }

    /// Why a cancelled run was cancelled: the closing event does not say it, the request does, or what the run
    /// before handed over.
    async fn cancel_reason(&self, execution: WorkflowExecution) -> Result<String, ClientError> {
        let WorkflowExecution {
            workflow_id,
            run_id,
        } = execution;
        let reference = ExecutionRef {
            workflow_id,
            run_id: Some(run_id),
            first_execution_run_id: None,
        };
        let mut next = Some(EventId(1));
        while let Some(from) = next {
            let page = self.page(&reference, from, HistoryWait::No).await?;
            for event in page.events {
                let reason = match event.kind {
                    EventKind::WorkflowExecutionStarted(started) => started.handed_over_cancel(),
                    EventKind::WorkflowExecutionCancelRequested { cause, .. } => Some(cause),
                    _ => None,
                };
                if let Some(reason) = reason {
                    return Ok(reason);
                }
            }
            next = page.next;
        }
        Ok(String::new())
    }

    /// Sends a signal. When this returns, the signal survives a crash.
    ///
    /// # Errors
    ///
    /// When there is no such open execution, the input cannot be encoded, or the engine fails.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn signal<S: SignalOf<W>>(
        &self,
        _signal: S,
        input: S::Input,
    ) -> BoxFuture<'_, Result<(), ClientError>> {
        let signal = self.client.signal::<S>(&input);
        Box::pin(async move { self.send(signal?).await })
    }

    /// Sends a signal of which only the name is known here.
    ///
    /// # Errors
    ///
    /// As for [`signal`](Self::signal), and when the name is not valid.
    pub async fn signal_by_name(
        &self,
        name: impl AsRef<str>,
        input: Vec<Payload>,
    ) -> Result<(), ClientError> {
        self.send(self.client.signal_by_name(name.as_ref(), input)?)
            .await
    }

    async fn send(&self, mut signal: Signal) -> Result<(), ClientError> {
        let span = tracing::info_span!(
            "signal_workflow",
            workflow_id = ?self.execution.workflow_id,
            signal = ?signal.name,
        );
        signal.header = self.client.propagation().header(&span);
        let request = SignalWorkflowRequest {
            execution: self.execution.clone(),
            signal,
        };
        let sent = self.client.engine().signal_workflow(request);
        Ok(sent.instrument(span).await?)
    }

    /// Asks the workflow's code about its state. Works on closed executions too. Waits for a worker, 10 seconds
    /// by default; see [`with_answer_timeout`](Self::with_answer_timeout).
    ///
    /// # Errors
    ///
    /// When there is no such execution, the handler refuses, nobody answers in time, or the engine fails.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn query<Q: QueryOf<W>>(
        &self,
        _query: Q,
        input: Q::Input,
    ) -> BoxFuture<'_, Result<Q::Output, ClientError>> {
        let input = Q::arguments().encode(&input);
        Box::pin(async move {
            let answer = self.query_by_name(Q::NAME, input?).await?;
            Ok(Q::output_codec().decode(Some(&answer))?)
        })
    }

    /// Asks a query of which only the name is known here.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query), and when the name is not valid.
    pub async fn query_by_name(
        &self,
        name: impl AsRef<str>,
        input: Vec<Payload>,
    ) -> Result<Payload, ClientError> {
        let request = QueryWorkflowRequest {
            execution: self.execution.clone(),
            name: steadfast_core::ids::QueryName::new(name)?,
            input,
            answer_timeout: self.client.inner.answer_timeout,
        };
        self.client
            .engine()
            .query_workflow(request)
            .await
            .map_err(refused)
    }
}
