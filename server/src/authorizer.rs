//! Whoever says who may do what.

use thiserror::Error;

/// A call that somebody makes, for an [`Authorizer`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The service and the method, such as `temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution`.
    pub method: &'a str,
    /// Whether it changes anything.
    pub changes: bool,
    /// What came with the call: `authorization` and whatever else the client sends.
    pub headers: &'a http::HeaderMap,
}

/// Says who may do what.
pub trait Authorizer: Send + Sync + 'static {
    /// Lets a call through, or says why not.
    ///
    /// # Errors
    ///
    /// Why it is not allowed; the caller is told.
    fn authorize(&self, call: Call<'_>) -> Result<(), Denied>;
}

impl<F> Authorizer for F
where
    F: Fn(Call<'_>) -> Result<(), Denied> + Send + Sync + 'static,
{
    fn authorize(&self, call: Call<'_>) -> Result<(), Denied> {
        self(call)
    }
}

/// Why a call is not allowed.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Denied {
    /// What the caller is told.
    pub reason: String,
}
