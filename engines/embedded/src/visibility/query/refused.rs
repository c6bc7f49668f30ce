//! Why a query is refused.

use steadfast_engine::EngineError;

/// Why a query is refused, in the words of a Temporal Service.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(pub(super) String);

impl Refused {
    pub(super) fn into_error(self) -> EngineError {
        EngineError::invalid(format!("invalid query: {}", self.0))
    }
}
