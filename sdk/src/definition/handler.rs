//! The methods that a worker calls.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::ActivityDefinition;
use crate::activity::{ActivityContext, ActivityError};

/// The value behind a method marked `#[activity]` in an `#[activities]` block: what a worker runs.
pub trait ActivityImplementation: ActivityDefinition {
    /// The type whose `#[activities]` block contains the method.
    type Implementer: Send + Sync + 'static;

    /// Runs the function.
    fn execute(
        implementer: Arc<Self::Implementer>,
        context: ActivityContext,
        input: Self::Input,
    ) -> BoxFuture<'static, Result<Self::Output, ActivityError>>;
}
