//! What an `#[activities]` block says, without judging it.

use syn::Attribute;

use crate::{items::Block, options::Options, signature::Method};

/// One impl block.
#[derive(Debug)]
pub(super) struct Model {
    /// The block without our attributes.
    pub(super) block: Block,
    pub(super) options: Options,
    pub(super) activities: Vec<Activity>,
    pub(super) form: Form,
}

/// Which of the two attributes the block has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// `#[activities]`: the methods are the activities.
    Implemented,
    /// `#[activity_definitions]`: they are implemented elsewhere.
    Declared,
}

impl Form {
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Implemented => "activities",
            Self::Declared => "activity_definitions",
        }
    }
}

/// A method marked `#[activity]`.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) method: Method,
    pub(super) options: Options,
    /// Attributes of ours that are one too many.
    pub(super) repeated: Vec<Attribute>,
}
