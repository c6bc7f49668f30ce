//! Clients: they start executions and talk to them, through any engine.

mod async_activity;
mod error;
mod handle;
mod options;
mod reset;
mod schedule;
mod update;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use steadfast_core::{
    ids::{Identity, RequestId, TaskQueue, WorkflowExecution, WorkflowId, WorkflowType},
    payload::Payload,
};
use tracing::Instrument as _;

pub use self::{
    async_activity::{AsyncActivityHandle, AsyncActivityTarget},
    error::{ClientError, WorkflowExecutionError},
    handle::{HasHandle, WorkflowHandle},
    options::{
        WorkflowCancelOptions, WorkflowCancelOptionsBuilder, WorkflowStartOptions,
        WorkflowStartOptionsBuilder, WorkflowTerminateOptions, WorkflowTerminateOptionsBuilder,
    },
    reset::{ResetChoice, ResetOptions, ResetPoint, ResetTask},
    schedule::{ScheduleHandle, ScheduleOptions},
    update::{UpdateHandle, UpdateOptions, UpdateOptionsBuilder},
};
use crate::{
    convert,
    definition::{RunDefinition, SignalDefinition, WorkflowDefinition},
    engine::{
        Engine, EngineError, ExecutionRef, ListFilter, ListWorkflowsRequest, Signal,
        StartWorkflowRequest, StartedWorkflow, WorkflowCount, WorkflowDescription,
    },
    tracing_context::{Propagation, TracePropagator},
    untyped::UntypedWorkflow,
};

/// How long a query or an update waits for somebody to answer, unless told otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts executions and talks to them. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    engine: Arc<dyn Engine>,
    /// Whether the engine was opened for the client, from a URL.
    opened: bool,
    identity: Identity,
    answer_timeout: Duration,
    propagation: Propagation,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("engine", &self.inner.engine)
            .field("identity", &self.inner.identity)
            .finish()
    }
}

/// Opens an engine: the same as [`Client::connect`].
///
/// # Errors
///
/// When the URL is not one of an engine, or the engine cannot be opened.
pub async fn connect(url: &str) -> Result<Client, ClientError> {
    Client::connect(url).await
}

impl Client {
    /// Opens an engine.
    ///
    /// | URL | engine |
    /// | --- | --- |
    /// | `memory:` | embedded, in memory: for tests |
    /// | `sqlite://orders.db`, `sqlite:///var/lib/orders.db` | embedded, in a file |
    /// | `sqlite://orders.db?durability=relaxed&retention=7d&namespace=shop&wait_for_lock=30s` | the same with options |
    /// | `temporal://127.0.0.1:7233/default` | a Temporal Service: host, port, namespace |
    /// | `temporals://..` | the same over TLS, with the credentials of the environment |
    /// | `temporal:` | the Temporal Service that the environment or `temporal.toml` names |
    ///
    /// [`close`](Self::close) it in the end, or drop what came of it.
    ///
    /// # Errors
    ///
    /// When the URL is not one of an engine, or the engine cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let client = Self::new(open_engine(url).await?);
        Ok(client.with(|inner| inner.opened = true))
    }

    /// A client of an engine that was opened before.
    ///
    /// # Panics
    ///
    /// Never: the identity that it gives itself is valid.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        let identity = Identity::new(format!("{}@{}", std::process::id(), uuid::Uuid::now_v7()))
            .expect("a process id and a UUID are short");
        Self {
            inner: Arc::new(Inner {
                engine,
                opened: false,
                identity,
                answer_timeout: ANSWER_TIMEOUT,
                propagation: Propagation::default(),
            }),
        }
    }

    /// The same client under a name of its own, which is recorded with what it asks for.
    ///
    /// # Errors
    ///
    /// When the name is empty or too long.
    pub fn with_identity(self, identity: &str) -> Result<Self, ClientError> {
        let identity = Identity::new(identity)?;
        Ok(self.with(|inner| inner.identity = identity))
    }

    /// The same client with a way to join the spans of what it asks for, and of its workers, to one trace;
    /// see [`tracing_context`](crate::tracing_context).
    #[must_use]
    pub fn with_trace_propagator(self, propagator: impl TracePropagator + 'static) -> Self {
        self.with(|inner| inner.propagation = Propagation::through(propagator))
    }

    /// The same client, whose queries and updates wait so long for somebody to answer; 10 seconds by default,
    /// `Duration::MAX` for as long as it takes.
    /// [`WorkflowHandle::with_answer_timeout`] chooses it for single calls and says what it means.
    #[must_use]
    pub fn with_answer_timeout(self, timeout: Duration) -> Self {
        self.with(|inner| inner.answer_timeout = timeout)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    pub(crate) fn propagation(&self) -> &Propagation {
        &self.inner.propagation
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.inner.engine
    }

    /// The embedded engine, if it is one, with what only that offers: to pause queues, to make backups.
    #[cfg(feature = "embedded")]
    #[must_use]
    pub fn embedded(&self) -> Option<&crate::engine::embedded::EmbeddedEngine> {
        self.engine().downcast_ref()
    }

    /// Closes the engine, if it was opened from a URL: what was asked before is still written, and when this
    /// returns the file is closed, without a `-wal`, and can be opened again. Every client and worker of that
    /// engine then hears [`EngineError::Stopped`]; stop workers first. An engine that was opened before the client
    /// is left to whoever opened it.
    ///
    /// Dropping the last client, handle and worker of an engine does the same, and blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// When the engine cannot be closed.
    pub async fn close(&self) -> Result<(), ClientError> {
        if self.inner.opened {
            self.engine().close().await?;
        }
        Ok(())
    }

    /// The name that is recorded with what this client asks for.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Starts an execution. When this returns, the execution survives a crash.
    ///
    /// # Errors
    ///
    /// When an execution with the same id exists and the policies forbid another, an id is not
    /// valid, the input cannot be encoded, or the engine fails.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn start_workflow<R: RunDefinition<Workflow: HasHandle>>(
        &self,
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<WorkflowStartOptions>,
    ) -> BoxFuture<'_, Result<<R::Workflow as HasHandle>::Handle, ClientError>> {
        let input = R::Workflow::arguments().encode(&input);
        let options = options.into();
        Box::pin(async move {
            self.start::<R::Workflow>(R::Workflow::WORKFLOW_TYPE, input?, options)
                .await
        })
    }

    /// Starts an execution of a workflow of which only the name is known here. The arguments are
    /// encoded with [`to_payload`](crate::convert::to_payload), one each.
    ///
    /// # Errors
    ///
    /// As for [`start_workflow`](Self::start_workflow), and when the name is not valid.
    pub async fn start_workflow_by_name(
        &self,
        workflow_type: impl AsRef<str>,
        input: Vec<Payload>,
        options: impl Into<WorkflowStartOptions>,
    ) -> Result<WorkflowHandle<UntypedWorkflow>, ClientError> {
        self.start::<UntypedWorkflow>(workflow_type.as_ref(), input, options.into())
            .await
    }

    async fn start<W: HasHandle>(
        &self,
        workflow_type: &str,
        input: Vec<Payload>,
        options: WorkflowStartOptions,
    ) -> Result<W::Handle, ClientError> {
        let mut request = self.start_request(workflow_type, input, options)?;
        let workflow_id = request.workflow_id.clone();
        let span = start_span(&request);
        request.header = self.propagation().header(&span);
        let started = self
            .engine()
            .start_workflow(request)
            .instrument(span)
            .await?;
        Ok(self.handle_of::<W>(workflow_id, started))
    }

    /// Signals the open execution of an id, starting one first if there is none: one step, in which
    /// nothing can come between.
    ///
    /// # Errors
    ///
    /// As for [`start_workflow`](Self::start_workflow).
    pub async fn signal_with_start_workflow<R, S>(
        &self,
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<WorkflowStartOptions>,
        _signal: S,
        signal_input: S::Input,
    ) -> Result<<R::Workflow as HasHandle>::Handle, ClientError>
    where
        R: RunDefinition<Workflow: HasHandle>,
        S: SignalDefinition<Workflow = R::Workflow>,
    {
        let mut request = self.start_request(
            R::Workflow::WORKFLOW_TYPE,
            R::Workflow::arguments().encode(&input)?,
            options.into(),
        )?;
        let mut signal = self.signal::<S>(&signal_input)?;
        let workflow_id = request.workflow_id.clone();
        let span = start_span(&request);
        request.header = self.propagation().header(&span);
        signal.header.clone_from(&request.header);
        let started = self
            .engine()
            .signal_with_start_workflow(request, signal)
            .instrument(span)
            .await?;
        Ok(self.handle_of::<R::Workflow>(workflow_id, started))
    }

    fn handle_of<W: HasHandle>(
        &self,
        workflow_id: WorkflowId,
        started: StartedWorkflow,
    ) -> W::Handle {
        let execution = ExecutionRef::current(workflow_id);
        let mut handle = WorkflowHandle::new(self.clone(), execution);
        if started.started {
            handle.execution.first_execution_run_id = Some(started.run_id);
        } else {
            // It may not be the first of its chain.
            handle.found = Some(started.run_id);
        }
        W::Handle::from(handle)
    }

    pub(crate) fn signal<S: SignalDefinition>(
        &self,
        input: &S::Input,
    ) -> Result<Signal, ClientError> {
        self.signal_by_name(S::NAME, S::arguments().encode(input)?)
    }

    pub(crate) fn signal_by_name(
        &self,
        name: &str,
        input: Vec<Payload>,
    ) -> Result<Signal, ClientError> {
        Ok(Signal {
            name: steadfast_core::ids::SignalName::new(name)?,
            input,
            header: std::collections::BTreeMap::new(),
            identity: self.identity().clone(),
            request_id: new_request_id()?,
        })
    }

    fn start_request(
        &self,
        workflow_type: &str,
        input: Vec<Payload>,
        options: WorkflowStartOptions,
    ) -> Result<StartWorkflowRequest, ClientError> {
        Ok(StartWorkflowRequest {
            workflow_id: WorkflowId::new(options.workflow_id)?,
            workflow_type: WorkflowType::new(workflow_type)?,
            task_queue: TaskQueue::new(options.task_queue)?,
            input,
            header: std::collections::BTreeMap::new(),
            timeouts: options.timeouts,
            identity: self.identity().clone(),
            request_id: match options.request_id {
                Some(id) => RequestId::new(id)?,
                None => new_request_id()?,
            },
            id_reuse_policy: options.id_reuse_policy,
            id_conflict_policy: options.id_conflict_policy,
            retry_policy: options.retry_policy,
            start_delay: options.start_delay,
            cron_schedule: options.cron_schedule.map(String::into_boxed_str),
            memo: options.memo,
            search_attributes: options.search_attributes,
            user_metadata: convert::user_metadata(
                options.static_summary.as_deref(),
                options.static_details.as_deref(),
            ),
            priority: None,
            unmodelled: None,
        })
    }

    /// Finds the current run of an id. Asks nothing of the engine: that there is one shows in the
    /// first call.
    ///
    /// # Errors
    ///
    /// When the id is not valid.
    pub fn workflow<W: HasHandle>(
        &self,
        workflow_id: impl AsRef<str>,
    ) -> Result<W::Handle, ClientError> {
        let execution = ExecutionRef::current(WorkflowId::new(workflow_id)?);
        Ok(W::Handle::from(WorkflowHandle::new(
            self.clone(),
            execution,
        )))
    }

    /// Finds one run of an id.
    #[must_use]
    pub fn workflow_run<W: HasHandle>(&self, execution: WorkflowExecution) -> W::Handle {
        let WorkflowExecution {
            workflow_id,
            run_id,
        } = execution;
        let execution = ExecutionRef {
            workflow_id,
            run_id: Some(run_id),
            first_execution_run_id: None,
        };
        W::Handle::from(WorkflowHandle::new(self.clone(), execution))
    }

    /// Lists executions, as many as are read from the stream: what started last comes first, or, on a Temporal
    /// Service, what is open, and then what closed last.
    ///
    /// The filter is a [`ListFilter`], or a query in Temporal's language:
    ///
    /// ```
    /// use futures_util::TryStreamExt as _;
    /// use steadfast::prelude::*;
    ///
    /// # async fn late(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut late = client.list_workflows("WorkflowType = 'Order' AND CloseTime IS NULL AND Tier IN ('gold', 'silver')");
    /// while let Some(order) = late.try_next().await? {
    ///     println!("{} since {}", order.execution, order.start_time);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Names are those of search attributes, in backquotes if they are not plain words: `WorkflowId`, `RunId`,
    /// `WorkflowType`, `TaskQueue`, `ExecutionStatus`, `StartTime`, `ExecutionTime`, `CloseTime`, `ExecutionDuration`,
    /// `HistoryLength`, `HistorySizeBytes`, `ParentWorkflowId`, `ParentRunId`, `RootWorkflowId`, `RootRunId`, and those
    /// of the workflows. There are `=`, `!=`, `<`, `<=`, `>`, `>=`, `IN (..)`, `BETWEEN .. AND ..`, `STARTS_WITH`, the
    /// last three also with `NOT` before them, `IS NULL` and `IS NOT NULL`, joined with `AND`, `OR`, `NOT` and
    /// parentheses. Texts and times (RFC 3339) stand in quotes; durations are nanoseconds, or texts such as `'1h30m'`.
    pub fn list_workflows(
        &self,
        filter: impl Into<ListFilter>,
    ) -> stream::BoxStream<'static, Result<WorkflowDescription, ClientError>> {
        const PAGE: usize = 100;
        let engine = Arc::clone(self.engine());
        let filter = filter.into();
        stream::try_unfold(Some(None), move |page: Option<Option<Vec<u8>>>| {
            let engine = Arc::clone(&engine);
            let filter = filter.clone();
            async move {
                let Some(next_page_token) = page else {
                    return Ok(None);
                };
                let request = ListWorkflowsRequest {
                    filter,
                    page_size: PAGE,
                    next_page_token,
                };
                let page = engine.list_workflows(request).await?;
                let executions =
                    stream::iter(page.executions.into_iter().map(Ok::<_, EngineError>));
                Ok::<_, EngineError>(Some((executions, page.next_page_token.map(Some))))
            }
        })
        .map(|page| match page {
            Ok(executions) => executions.left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
        .flatten()
        .map(|item| item.map_err(ClientError::from))
        .boxed()
    }

    /// Counts executions. The filter is as for [`list_workflows`](Self::list_workflows).
    ///
    /// # Errors
    ///
    /// When the query is not valid, or the engine fails.
    pub async fn count_workflows(&self, filter: impl Into<ListFilter>) -> Result<u64, ClientError> {
        Ok(self.engine().count_workflows(filter.into()).await?)
    }

    /// Counts executions and those of each group, if the query ends with `GROUP BY ExecutionStatus`.
    ///
    /// # Errors
    ///
    /// When the query is not valid, or the engine fails or does not group.
    pub async fn count_workflow_groups(
        &self,
        filter: impl Into<ListFilter>,
    ) -> Result<WorkflowCount, ClientError> {
        Ok(self.engine().count_workflow_groups(filter.into()).await?)
    }

    /// Whether the engine answers: it has taken up everything that was asked before and can read what
    /// it keeps. For the liveness probe of a service; give it a time limit.
    ///
    /// # Errors
    ///
    /// When it does not, with the reason.
    pub async fn check_health(&self) -> Result<(), ClientError> {
        let request = ListWorkflowsRequest {
            filter: ListFilter::default(),
            page_size: 1,
            next_page_token: None,
        };
        self.engine().list_workflows(request).await?;
        Ok(())
    }

    /// An activity that [completes asynchronously](crate::activity::ActivityError::complete_async), by
    /// its [task token](crate::activity::ActivityInfo::task_token) or by its id. Asks nothing of the
    /// engine yet.
    #[must_use]
    pub fn async_activity(&self, activity: impl Into<AsyncActivityTarget>) -> AsyncActivityHandle {
        AsyncActivityHandle::new(Arc::clone(self.engine()), activity.into())
    }
}

pub(crate) fn new_request_id() -> Result<RequestId, ClientError> {
    Ok(RequestId::new(uuid::Uuid::new_v4().to_string())?)
}

/// What the workflow's code refused is told apart from what the engine did.
fn refused(error: EngineError) -> ClientError {
    match error {
        EngineError::Failed(failure) => ClientError::Refused(failure),
        other => ClientError::Engine(other),
    }
}

fn start_span(request: &StartWorkflowRequest) -> tracing::Span {
    tracing::info_span!(
        "start_workflow",
        workflow_id = ?request.workflow_id,
        workflow_type = ?request.workflow_type,
    )
}

/// Opens the engine that a URL names.
#[cfg_attr(
    not(any(feature = "embedded", feature = "temporal")),
    expect(clippy::unused_async, reason = "no engine is there to wait for")
)]
async fn open_engine(url: &str) -> Result<Arc<dyn Engine>, ClientError> {
    let error = |message: &str| ClientError::Url {
        url: url.to_owned(),
        message: message.to_owned(),
    };
    let (scheme, _) = url
        .split_once(':')
        .ok_or_else(|| error("write `memory:` or `sqlite://path/to/file.db`"))?;
    match scheme {
        #[cfg(feature = "embedded")]
        "memory" | "sqlite" => {
            use crate::engine::embedded::{EmbeddedEngine, EmbeddedOptions};
            let options =
                EmbeddedOptions::from_url(url).map_err(|invalid| error(&invalid.to_string()))?;
            Ok(EmbeddedEngine::connect(options).await?)
        }
        #[cfg(not(feature = "embedded"))]
        "memory" | "sqlite" => Err(error("turn on the feature `embedded` of steadfast")),
        #[cfg(feature = "temporal")]
        "temporal" | "temporals" => {
            use crate::engine::temporal::{TemporalEngine, TemporalOptions};
            let options =
                TemporalOptions::from_url(url).map_err(|invalid| error(&invalid.to_string()))?;
            Ok(TemporalEngine::connect(options).await?)
        }
        #[cfg(not(feature = "temporal"))]
        "temporal" | "temporals" => Err(error("turn on the feature `temporal` of steadfast")),
        _ => Err(error(
            "write `memory:`, `sqlite://orders.db` or `temporal://127.0.0.1:7233/default`",
        )),
    }
}
