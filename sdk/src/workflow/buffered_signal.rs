//! What is kept of a signal that no handler took.

use steadfast_core::payload::Payload;

/// A signal that no handler took.
#[derive(Clone, Debug)]
pub struct BufferedSignal {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub input: Vec<Payload>,
}
