//! Attributes and clauses of methods, and names that an expansion could stumble over.

#![allow(
    non_upper_case_globals,
    reason = "constants of these names are what is tried"
)]

use serde::{Serialize, de::DeserializeOwned};
use steadfast::prelude::*;

/// Names that generated code could have for itself.
pub const output: u32 = 5;
/// Another.
pub const context: u32 = 5;
/// Another.
pub const state: u32 = 5;
/// Another.
pub const input: u32 = 5;
/// Another.
pub const view: u32 = 5;

/// Activities.
#[derive(Debug)]
pub struct Ring<const N: usize>;

#[activities]
impl<const N: usize> Ring<N> {
    /// Pushes.
    #[activity]
    pub async fn push(&self, what: [u8; N]) -> usize
    where
        [u8; N]: Serialize + DeserializeOwned,
    {
        what.len()
    }

    /// Waits.
    #[activity]
    pub async fn wait(&self, times: usize) -> Result<usize, String> {
        Ok(times)
    }
}

/// A workflow of one letter.
#[workflow]
#[derive(Debug, Default)]
pub struct W {
    rate: u32,
}

#[workflow_methods]
impl W {
    /// Runs.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, view_of: u32) -> WorkflowResult<u32> {
        let value = select! {
            _ = ctx.all_handlers_finished(), if view_of > 5 => output + state + input + view,
            reason = ctx.cancelled() => {
                drop(reason);
                context
            }
        };
        Ok(value)
    }

    /// Only where it is wanted.
    #[cfg_attr(not(miri), signal)]
    pub fn raise(&mut self) {
        self.rate += 1;
    }

    /// Nowhere.
    #[must_use]
    #[cfg_attr(miri, query)]
    pub fn plain(&self) -> u32 {
        self.rate
    }

    /// Of old.
    #[query]
    #[deprecated(note = "ask for `rate`")]
    pub fn price(&self) -> u32 {
        self.rate
    }

    /// The rate.
    #[query]
    pub fn rate(&self, #[expect(unused_variables, reason = "tried")] of: u32) -> u32 {
        self.rate
    }
}

/// What is there.
///
/// # Errors
///
/// Whatever the client says.
pub async fn uses(handle: WHandle, workflow: &W) -> Result<u32, ClientError> {
    handle.raise().await?;
    Ok(handle.rate(5).await? + workflow.plain())
}
