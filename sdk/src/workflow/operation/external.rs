//! Signalling and cancelling other executions.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use steadfast_core::{
    activation::Resolution,
    command::{RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution},
    failure::Failure,
    ids::{RunId, SignalName, WorkflowId},
    payload::{Payload, PayloadMap},
};

use super::RawOperation;
use crate::{definition::SignalDefinition, error::ExternalWorkflowError, workflow::cell::RunCell};

/// Another execution, of any workflow type and written in any language.
#[derive(Clone)]
pub struct ExternalWorkflow {
    cell: Rc<RunCell>,
    workflow_id: WorkflowId,
    run_id: Option<RunId>,
}

impl fmt::Debug for ExternalWorkflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ExternalWorkflow({}, {:?})",
            self.workflow_id, self.run_id
        )
    }
}

impl ExternalWorkflow {
    pub(crate) fn new(cell: Rc<RunCell>, workflow_id: WorkflowId) -> Self {
        Self {
            cell,
            workflow_id,
            run_id: None,
        }
    }

    /// The same execution, one run of it only.
    #[must_use]
    pub fn with_run_id(mut self, run_id: RunId) -> Self {
        self.run_id = Some(run_id);
        self
    }

    /// Signals it. Resolves when the engine has delivered the signal or could not; cancelled before
    /// that, it is not delivered at all or delivered in full.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn signal<S: SignalDefinition>(&self, _signal: S, input: S::Input) -> ExternalFuture {
        match S::arguments().encode(&input) {
            Ok(payloads) => self.send(
                SignalName::new(S::NAME).expect("the macro refuses empty names"),
                payloads,
            ),
            Err(error) => ExternalFuture::refused(error.to_string()),
        }
    }

    /// Signals it with a signal of which only the name is known here.
    pub fn signal_by_name(&self, name: impl AsRef<str>, input: Vec<Payload>) -> ExternalFuture {
        match SignalName::new(name) {
            Ok(name) => self.send(name, input),
            Err(error) => ExternalFuture::refused(error.to_string()),
        }
    }

    fn send(&self, signal_name: SignalName, input: Vec<Payload>) -> ExternalFuture {
        let request = SignalExternalWorkflowExecution {
            namespace: None,
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
            signal_name,
            input,
            header: PayloadMap::new(),
            child_workflow_only: false,
        };
        ExternalFuture::started(RawOperation::start(&self.cell, |run, scope| {
            run.signal_external_workflow(scope, request)
        }))
    }

    /// Asks for its cancellation. Resolves when its history has the request, or it has closed
    /// before, or it could not be found.
    pub fn cancel(&self, reason: impl Into<String>) -> ExternalFuture {
        let reason = reason.into();
        let request = RequestCancelExternalWorkflowExecution {
            namespace: None,
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
            child_workflow_only: false,
            reason,
        };
        ExternalFuture::started(RawOperation::start(&self.cell, |run, scope| {
            run.cancel_external_workflow(scope, request)
        }))
    }
}

/// A signal or a cancel request on its way to another execution.
#[derive(Debug)]
#[must_use = "dropping it before the end of the workflow task takes it back; await it, or `.detach()`"]
pub struct ExternalFuture(State);

#[derive(Debug)]
enum State {
    Started(RawOperation),
    Refused(Option<ExternalWorkflowError>),
}

impl ExternalFuture {
    pub(crate) fn started(operation: RawOperation) -> Self {
        Self(State::Started(operation))
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        let failure = Failure::application(message, "ConvertError");
        Self(State::Refused(Some(ExternalWorkflowError::new(
            failure, None,
        ))))
    }

    /// Lets it go its way without anybody waiting for it.
    pub fn detach(self) {
        if let State::Started(operation) = self.0 {
            operation.detach();
        }
    }
}

impl Future for ExternalFuture {
    type Output = Result<(), ExternalWorkflowError>;

    /// # Panics
    ///
    /// When it is polled after its end.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
            State::Started(operation) => {
                operation.poll(context).map(|resolution| match resolution {
                    Resolution::Completed(_) | Resolution::ChildStarted(_) => Ok(()),
                    Resolution::Failed {
                        failure, reason, ..
                    } => Err(ExternalWorkflowError::new(*failure, reason)),
                    Resolution::Cancelled { reason } => Err(ExternalWorkflowError::new(
                        Failure::cancelled("cancelled before it was sent"),
                        Some(reason),
                    )),
                })
            }
        }
    }
}
