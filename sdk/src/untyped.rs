//! Workflows and activities by name, whose arguments are payloads: for code that is written before
//! their types are known, and for types that exist in another language only.
//!
//! What can be typed is better typed: `#[activity_definitions]` gives activities of another language
//! their types, and a `#[workflow]` needs no code of its own to be started.

use std::{fmt, future::Future, marker::PhantomData};

use futures_util::future::LocalBoxFuture;
use steadfast_core::payload::Payload;

use crate::{
    client::WorkflowHandle,
    convert::{Arguments, Codec},
    definition::WorkflowDefinition,
    error::{WorkflowError, WorkflowResult},
    workflow::{HandlerSet, WorkflowContext, WorkflowContextView},
};

/// A workflow of every type: it is run by a worker that knows no other one of the type that is
/// asked for, which is in `ctx.view().workflow_type()`.
///
/// It has no handlers; signals wait in `ctx.unhandled_signals()`.
///
/// ```
/// use steadfast::{convert, core::payload::Payload, prelude::*, untyped::{Dynamic, DynamicWorkflow}};
///
/// struct Echo;
///
/// impl DynamicWorkflow for Echo {
///     async fn run(
///         ctx: &mut WorkflowContext<Dynamic<Self>>,
///         input: Vec<Payload>,
///     ) -> WorkflowResult<Payload> {
///         let name = ctx.view().workflow_type().as_str().to_owned();
///         Ok(convert::to_payload(&(name, input.len()))?)
///     }
/// }
/// ```
pub trait DynamicWorkflow: Sized + 'static {
    /// Runs the workflow.
    fn run(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        input: Vec<Payload>,
    ) -> impl Future<Output = WorkflowResult<Payload>>;
}

/// The definition of a [`DynamicWorkflow`].
pub struct Dynamic<D>(PhantomData<fn() -> D>);

/// A workflow of which nothing is known but its name: it runs elsewhere.
pub type UntypedWorkflow = Dynamic<Elsewhere>;

/// What runs where nobody here knows its code.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum Elsewhere {}

impl DynamicWorkflow for Elsewhere {
    async fn run(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        _: Vec<Payload>,
    ) -> WorkflowResult<Payload> {
        let workflow_type = ctx.view().workflow_type().clone();
        Err(WorkflowError::from(format!(
            "workflow `{workflow_type}` runs elsewhere"
        )))
    }
}

impl<D> fmt::Debug for Dynamic<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dynamic")
    }
}

impl<D: DynamicWorkflow> WorkflowDefinition for Dynamic<D> {
    type Input = Vec<Payload>;
    type Output = Payload;
    type Handle = WorkflowHandle<Self>;

    const WORKFLOW_TYPE: &'static str = "";

    fn arguments() -> Arguments<Vec<Payload>> {
        Arguments::new(|input| Ok(input.clone()), |payloads| Ok(payloads.to_vec()))
    }

    fn output_codec() -> Codec<Payload> {
        Codec::of_payloads()
    }

    fn init(
        _: &WorkflowContextView,
        input: Vec<Payload>,
    ) -> Result<(Self, Option<Vec<Payload>>), WorkflowError> {
        Ok((Self(PhantomData), Some(input)))
    }

    fn run(
        mut context: WorkflowContext<Self>,
        input: Option<Vec<Payload>>,
    ) -> LocalBoxFuture<'static, Result<Payload, WorkflowError>> {
        Box::pin(async move { D::run(&mut context, input.unwrap_or_default()).await })
    }

    fn handlers() -> HandlerSet<Self> {
        HandlerSet::new()
    }
}
