//! What a worker registers: blocks of the methods that it calls.

use crate::activity::ActivityRegistrar;

/// A type with an `#[activities]` impl block; a worker registers its activities all at once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no activities",
    label = "this type has no `#[activities]` impl block",
    note = "put `#[activities]` on an impl block of `{Self}` and `#[activity]` on its methods"
)]
pub trait Activities: Send + Sized + Sync + 'static {
    /// Adds every activity of the block to a worker.
    fn register(registrar: &mut ActivityRegistrar<'_, Self>);
}
