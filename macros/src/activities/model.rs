//! What an `#[activities]` block says, without judging it.

use syn::{Attribute, ItemImpl};

use crate::{options::Options, signature::Method};

/// One impl block.
#[derive(Debug)]
pub(super) struct Model {
    /// The block without our attributes.
    pub(super) block: ItemImpl,
    pub(super) options: Options,
    pub(super) activities: Vec<Activity>,
}

/// A method marked `#[activity]`.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) method: Method,
    pub(super) options: Options,
    /// Attributes of ours that are one too many.
    pub(super) repeated: Vec<Attribute>,
}
