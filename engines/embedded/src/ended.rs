//! What those hear whose engine has ended.

use steadfast_engine::EngineError;

/// What those hear whose engine ended before it answered.
pub(crate) fn gone() -> EngineError {
    EngineError::Stopped {
        message: "the engine is shut down; open it again".to_owned(),
    }
}

/// Says that the engine cannot go on.
pub(crate) fn panicked() -> EngineError {
    EngineError::Stopped {
        message:
            "the engine panicked, which is a bug, and stopped so that nothing wrong is written; \
                  what was acknowledged is safe, open it again"
                .to_owned(),
    }
}
