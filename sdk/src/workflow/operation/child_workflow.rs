//! Child workflows.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_core::{
    activation::Resolution,
    command::SignalExternalWorkflowExecution,
    failure::Failure,
    ids::{RunId, SignalName, TaskQueue, WorkflowId},
    options::{
        ChildWorkflowCancellationType, ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTimeouts,
    },
    payload::{Payload, PayloadMap},
    retry::RetryPolicy,
};

use super::{CANCELLED_BY_CODE, ExternalFuture, RawOperation};
use crate::{
    convert::ConvertError,
    definition::{SignalOf, WorkflowDefinition},
    error::ChildWorkflowError,
    workflow::unwinding,
};

/// A child workflow that was started. Resolves to its result.
///
/// When its scope is cancelled, or [`cancel`](Self::cancel) is called, what happens depends on its
/// [`ChildWorkflowCancellationType`]; by default its cancellation is requested and it resolves to
/// whatever it ends with.
#[must_use = "dropping a child workflow cancels it; `.detach()` lets it run"]
pub struct ChildWorkflow<W: WorkflowDefinition> {
    state: State,
    workflow_id: Option<WorkflowId>,
    _workflow: std::marker::PhantomData<fn() -> W>,
}

enum State {
    Started(RawOperation),
    /// The arguments could not be recorded, so nothing was started.
    Refused(Option<ChildWorkflowError>),
}

impl<W: WorkflowDefinition> fmt::Debug for ChildWorkflow<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildWorkflow({:?})", self.workflow_id)
    }
}

impl<W: WorkflowDefinition> ChildWorkflow<W> {
    pub(crate) fn started_as(operation: RawOperation, workflow_id: Option<WorkflowId>) -> Self {
        let state = State::Started(operation);
        Self {
            state,
            workflow_id,
            _workflow: std::marker::PhantomData,
        }
    }

    pub(crate) fn refused(error: &ConvertError) -> Self {
        let state = State::Refused(Some(convert_error(error)));
        Self {
            state,
            workflow_id: None,
            _workflow: std::marker::PhantomData,
        }
    }

    /// The child's id; `None` when its arguments could not be recorded and nothing was started.
    #[must_use]
    pub fn workflow_id(&self) -> Option<&WorkflowId> {
        self.workflow_id.as_ref()
    }

    /// Waits until the child has started, and gives its first run. `None` when it did not start:
    /// then awaiting the child itself says why.
    pub async fn started(&self) -> Option<RunId> {
        match &self.state {
            State::Refused(_) => None,
            State::Started(operation) => {
                poll_fn(|context| {
                    unwinding::check(operation.cell());
                    match operation
                        .cell()
                        .poll_child_run(operation.id(), context.waker())
                    {
                        Some(run_id) => Poll::Ready(run_id),
                        None => Poll::Pending,
                    }
                })
                .await
            }
        }
    }

    /// Signals the child. Fails when the child has closed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn signal<S: SignalOf<W>>(&self, _signal: S, input: S::Input) -> ExternalFuture {
        let (State::Started(operation), Some(workflow_id)) = (&self.state, &self.workflow_id)
        else {
            return ExternalFuture::refused("the child workflow was not started");
        };
        let payloads = match S::arguments().encode(&input) {
            Ok(payloads) => payloads,
            Err(error) => return ExternalFuture::refused(error.to_string()),
        };
        let request = SignalExternalWorkflowExecution {
            namespace: None,
            workflow_id: workflow_id.clone(),
            run_id: None,
            signal_name: SignalName::new(S::NAME).expect("the macro refuses empty names"),
            input: payloads,
            header: PayloadMap::new(),
            child_workflow_only: true,
        };
        ExternalFuture::started(RawOperation::start(operation.cell(), |run, scope| {
            run.signal_external_workflow(scope, request)
        }))
    }

    /// Cancels the child by its type. Does nothing when it has ended or was cancelled before.
    pub fn cancel(&self) {
        self.cancel_with_reason(CANCELLED_BY_CODE);
    }

    /// Cancels the child by its type, with a reason that its code can read.
    pub fn cancel_with_reason(&self, reason: &str) {
        if let State::Started(operation) = &self.state {
            operation.cancel(reason);
        }
    }

    /// Lets the child run without anybody waiting for it. What happens to it at the end of this
    /// workflow is up to its parent-close policy.
    pub fn detach(self) {
        if let State::Started(operation) = self.state {
            operation.detach();
        }
    }
}

impl<W: WorkflowDefinition> Future for ChildWorkflow<W> {
    type Output = Result<W::Output, ChildWorkflowError>;

    /// # Panics
    ///
    /// When it is polled after its end.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Refused(error) => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
            State::Started(operation) => {
                operation.poll(context).map(|resolution| match resolution {
                    Resolution::Completed(result) => W::output_codec()
                        .decode(result.as_ref())
                        .map_err(|error| ChildWorkflowError::unread(&error)),
                    Resolution::Failed {
                        failure, reason, ..
                    } => Err(ChildWorkflowError::new(*failure, reason)),
                    Resolution::Cancelled { reason } => Err(ChildWorkflowError::new(
                        Failure::cancelled("child workflow cancelled"),
                        Some(reason),
                    )),
                    Resolution::ChildStarted(_) => Err(ChildWorkflowError::new(
                        Failure::application("the child workflow started twice", "Internal"),
                        None,
                    )),
                })
            }
        }
    }
}

fn convert_error(error: &ConvertError) -> ChildWorkflowError {
    ChildWorkflowError::new(crate::error::failure_of(error, "ConvertError"), None)
}

/// How a child workflow is to be run.
#[derive(Clone, Debug, Default)]
pub struct ChildWorkflowOptions {
    pub(crate) workflow_id: Option<WorkflowId>,
    pub(crate) task_queue: Option<TaskQueue>,
    pub(crate) timeouts: WorkflowTimeouts,
    pub(crate) parent_close_policy: ParentClosePolicy,
    pub(crate) workflow_id_reuse_policy: WorkflowIdReusePolicy,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) cron_schedule: Option<String>,
    pub(crate) cancellation_type: ChildWorkflowCancellationType,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
    pub(crate) static_summary: Option<String>,
    pub(crate) static_details: Option<String>,
}

/// Builds [`ChildWorkflowOptions`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ChildWorkflowOptionsBuilder(ChildWorkflowOptions);

impl ChildWorkflowOptions {
    /// Starts options; every one of them has a default.
    pub fn builder() -> ChildWorkflowOptionsBuilder {
        ChildWorkflowOptionsBuilder::default()
    }

    /// Starts options with the child's id.
    pub fn with_workflow_id(id: WorkflowId) -> ChildWorkflowOptionsBuilder {
        Self::builder().workflow_id(id)
    }
}

impl From<ChildWorkflowOptionsBuilder> for ChildWorkflowOptions {
    fn from(builder: ChildWorkflowOptionsBuilder) -> Self {
        builder.build()
    }
}

impl ChildWorkflowOptionsBuilder {
    /// Chooses the child's id; by default one that is derived from the parent's run.
    pub fn workflow_id(mut self, id: WorkflowId) -> Self {
        self.0.workflow_id = Some(id);
        self
    }

    /// Chooses where workers pick up its workflow tasks; by default the parent's own queue.
    pub fn task_queue(mut self, queue: TaskQueue) -> Self {
        self.0.task_queue = Some(queue);
        self
    }

    /// Runs the child again and again, by a schedule as cron has them; see
    /// [`WorkflowStartOptionsBuilder::cron_schedule`](crate::client::WorkflowStartOptionsBuilder::cron_schedule). Its parent hears
    /// of its end when nothing follows any more.
    pub fn cron_schedule(mut self, schedule: impl Into<String>) -> Self {
        self.0.cron_schedule = Some(schedule.into());
        self
    }

    /// Chooses what cancelling the child does.
    pub fn cancellation_type(mut self, cancellation_type: ChildWorkflowCancellationType) -> Self {
        self.0.cancellation_type = cancellation_type;
        self
    }

    /// Chooses what happens to the child when this workflow closes.
    pub fn parent_close_policy(mut self, policy: ParentClosePolicy) -> Self {
        self.0.parent_close_policy = policy;
        self
    }

    /// Chooses whether the child's id may have been used before.
    pub fn workflow_id_reuse_policy(mut self, policy: WorkflowIdReusePolicy) -> Self {
        self.0.workflow_id_reuse_policy = policy;
        self
    }

    /// Limits the child with all its runs.
    pub fn execution_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.execution_timeout = Some(timeout);
        self
    }

    /// Limits each run of the child.
    pub fn run_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.run_timeout = Some(timeout);
        self
    }

    /// Limits the time that a worker may take for one of the child's workflow tasks; 10 seconds by default, 120 at
    /// most.
    pub fn task_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.task_timeout = Some(timeout);
        self
    }

    /// Says when the child is run again after a failure; by default it is not. A policy that makes no sense fails the workflow
    /// task.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retry_policy = Some(policy);
        self
    }

    /// Adds a value that is shown with the child.
    pub fn memo(mut self, key: impl Into<String>, value: Payload) -> Self {
        self.0.memo.insert(key.into(), value);
        self
    }

    /// Adds a value that the child is found by.
    pub fn search_attribute(mut self, key: impl Into<String>, value: Payload) -> Self {
        self.0.search_attributes.insert(key.into(), value);
        self
    }

    /// Says in a line what the child is for. Tools show it with the child and with its start; a replay does not compare it.
    pub fn static_summary(mut self, summary: impl Into<String>) -> Self {
        self.0.static_summary = Some(summary.into());
        self
    }

    /// Says more of the child, in Markdown and in any number of lines.
    pub fn static_details(mut self, details: impl Into<String>) -> Self {
        self.0.static_details = Some(details.into());
        self
    }

    /// The options.
    #[must_use]
    pub fn build(self) -> ChildWorkflowOptions {
        self.0
    }
}
