//! What is known of a workflow without types: that its arguments and its result are payloads.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use steadfast_core::payload::Payload;

use crate::{
    convert::{Arguments, Codec},
    definition::WorkflowDefinition,
};

/// The definition of a [`DynamicWorkflow`](super::DynamicWorkflow), and its state.
pub struct Dynamic<D>(pub(super) D);

impl<D> Deref for Dynamic<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.0
    }
}

impl<D> DerefMut for Dynamic<D> {
    fn deref_mut(&mut self) -> &mut D {
        &mut self.0
    }
}

impl<D> fmt::Debug for Dynamic<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dynamic")
    }
}

/// A workflow of which nothing is known but its name: it runs elsewhere.
pub type UntypedWorkflow = Dynamic<Elsewhere>;

/// What runs where nobody here knows its code.
#[derive(Debug)]
#[non_exhaustive]
pub struct Elsewhere;

impl<D: 'static> WorkflowDefinition for Dynamic<D> {
    type Input = Vec<Payload>;
    type Output = Payload;

    const WORKFLOW_TYPE: &'static str = "";

    fn arguments() -> Arguments<Vec<Payload>> {
        Arguments::new(|input| Ok(input.clone()), |payloads| Ok(payloads.to_vec()))
    }

    fn output_codec() -> Codec<Payload> {
        Codec::of_payloads()
    }
}
