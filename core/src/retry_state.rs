//! Whether something is tried again: what failures and events say of it.

use serde::{Deserialize, Serialize};

/// Says why an operation is, or is not, tried again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum RetryState {
    /// Another attempt follows.
    InProgress,
    /// The failure said that trying again is useless.
    NonRetryableFailure,
    /// The overall time is used up.
    Timeout,
    /// The policy's attempts are used up.
    MaximumAttemptsReached,
    /// There is no retry policy.
    RetryPolicyNotSet,
    /// The engine itself failed.
    InternalServerError,
    /// A cancellation was requested.
    CancelRequested,
}
