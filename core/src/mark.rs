//! What a failure says besides: whether the work was done all the same (G5).
//!
//! A mark is in the metadata of one of the failure's details, so that every engine keeps it and other SDKs see no
//! more than a null.

use crate::{
    failure::{Failure, FailureKind},
    payload::{Bytes, Payload},
};

/// Says of code that failed whether its work was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "these are the answers there are")]
pub enum Mark {
    /// Nothing was done, in no attempt.
    NothingHappened,
    /// It may be done: the code returned what could not be recorded, or did not get to say how it ended.
    MayHaveHappened,
}

impl Mark {
    const ALL: [Self; 2] = [Self::NothingHappened, Self::MayHaveHappened];

    fn key(self) -> &'static str {
        match self {
            Self::NothingHappened => "steadfast-nothing-happened",
            Self::MayHaveHappened => "steadfast-may-have-happened",
        }
    }

    /// Whether a detail is a mark, and no value that user code gave.
    #[must_use]
    pub fn is_one(detail: &Payload) -> bool {
        Self::ALL
            .iter()
            .any(|mark| detail.metadata.contains_key(mark.key()))
    }
}

impl Failure {
    /// The same failure with a mark, if it is one of user code.
    #[must_use]
    pub fn marked(mut self, mark: Mark) -> Self {
        if let FailureKind::Application { details, .. } = &mut self.kind {
            let mut detail = Payload::null();
            let yes = Bytes::from(&b"true"[..]);
            detail.metadata.insert(mark.key().to_owned(), yes);
            details.push(detail);
        }
        self
    }

    /// Whether the failure itself, and not one that caused it, has a mark.
    #[must_use]
    pub fn is_marked(&self, mark: Mark) -> bool {
        match &self.kind {
            FailureKind::Application { details, .. } => details
                .iter()
                .any(|detail| detail.metadata.contains_key(mark.key())),
            _ => false,
        }
    }
}
