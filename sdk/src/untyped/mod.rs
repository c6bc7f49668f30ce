//! Workflows and activities by name, whose arguments are payloads: for code that is written before
//! their types are known, and for types that exist in another language only.
//!
//! What can be typed is better typed: `#[activity_definitions]` gives activities of another language
//! their types, and a `#[workflow]` needs no code of its own to be started.

mod definition;

use std::future::Future;

use futures_util::future::LocalBoxFuture;
use steadfast_core::payload::Payload;

pub use self::definition::{Dynamic, Elsewhere, UntypedWorkflow};
use crate::{
    definition::{Handled, WorkflowImplementation},
    error::{WorkflowError, WorkflowResult},
    workflow::{
        BufferedSignal, HandlerSet, SyncWorkflowContext, WorkflowContext, WorkflowContextView,
        handlers::HandlersOfEveryName,
    },
};

/// A workflow of every type: it is run by a worker that knows no other one of the type that is
/// asked for, which is in `ctx.view().workflow_type()`.
///
/// Its value is the workflow's state, which `ctx.state(..)` shows. Its handlers take signals, queries and
/// updates of every name; without them signals wait in `ctx.unhandled_signals()`, and queries and
/// updates are refused.
///
/// ```
/// use steadfast::{
///     convert,
///     core::payload::Payload,
///     prelude::*,
///     untyped::{Dynamic, DynamicWorkflow},
///     workflow::{BufferedSignal, SyncWorkflowContext},
/// };
///
/// #[derive(Default)]
/// struct Echo {
///     told: Vec<String>,
/// }
///
/// impl DynamicWorkflow for Echo {
///     async fn run(
///         ctx: &mut WorkflowContext<Dynamic<Self>>,
///         input: Vec<Payload>,
///     ) -> WorkflowResult<Payload> {
///         ctx.wait_condition(|state| !state.told.is_empty()).await?;
///         let name = ctx.view().workflow_type().as_str().to_owned();
///         Ok(convert::to_payload(&(name, input.len()))?)
///     }
///
///     fn signal(
///         &mut self,
///         _: &mut SyncWorkflowContext<Dynamic<Self>>,
///         signal: BufferedSignal,
///     ) -> Option<BufferedSignal> {
///         self.told.push(signal.name);
///         None
///     }
/// }
/// ```
pub trait DynamicWorkflow: Default + 'static {
    /// Runs the workflow.
    fn run(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        input: Vec<Payload>,
    ) -> impl Future<Output = WorkflowResult<Payload>>;

    /// Takes a signal. What it gives back is kept for `ctx.unhandled_signals()`: by default each.
    fn signal(
        &mut self,
        ctx: &mut SyncWorkflowContext<Dynamic<Self>>,
        signal: BufferedSignal,
    ) -> Option<BufferedSignal> {
        let _ = ctx;
        Some(signal)
    }

    /// Answers a query.
    ///
    /// # Errors
    ///
    /// What the asker gets instead of an answer: by default that nobody answers.
    fn query(
        &self,
        view: &WorkflowContextView,
        name: &str,
        input: &[Payload],
    ) -> WorkflowResult<Payload> {
        let _ = (view, input);
        Err(no_handler("query", name))
    }

    /// Says whether [`update`](Self::update) may run; an update that is refused leaves no trace in
    /// history.
    ///
    /// # Errors
    ///
    /// Why it may not: by default none may.
    fn validate(
        &self,
        view: &WorkflowContextView,
        name: &str,
        input: &[Payload],
    ) -> WorkflowResult<()> {
        let _ = (view, input);
        Err(no_handler("update", name))
    }

    /// Runs an update that [`validate`](Self::validate) lets through.
    fn update(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        name: String,
        input: Vec<Payload>,
    ) -> impl Future<Output = WorkflowResult<Payload>> {
        let _ = (ctx, input);
        async move { Err(no_handler("update", &name)) }
    }
}

fn no_handler(kind: &str, name: &str) -> WorkflowError {
    WorkflowError::from(format!("{kind} `{name}` has no handler"))
}

impl<D: DynamicWorkflow> WorkflowImplementation for Dynamic<D> {
    fn init(
        _: &WorkflowContextView,
        input: Vec<Payload>,
    ) -> Result<(Self, Option<Vec<Payload>>), WorkflowError> {
        Ok((Self(D::default()), Some(input)))
    }

    fn run(
        mut context: WorkflowContext<Self>,
        input: Option<Vec<Payload>>,
    ) -> LocalBoxFuture<'static, Result<Payload, WorkflowError>> {
        Box::pin(async move { D::run(&mut context, input.unwrap_or_default()).await })
    }

    fn handlers() -> HandlerSet<Self> {
        HandlerSet::of_every_name(HandlersOfEveryName {
            signal: |context, name, input| {
                let signal = BufferedSignal {
                    name: name.to_owned(),
                    input: input.to_vec(),
                };
                let left = context.call_sync(|state, context| state.signal(context, signal));
                if let Some(signal) = left {
                    context.cell().keep_unhandled(signal);
                }
                Ok(Handled::Now(Ok(())))
            },
            query: |state, view, name, input| state.query(view, name, input),
            update: |context, name, input, validate| {
                if validate {
                    context.with_state(|state, view| state.validate(view, name, input))?;
                }
                let (mut context, name, input) = (context.clone(), name.to_owned(), input.to_vec());
                Ok(Box::new(move || {
                    Box::pin(async move { D::update(&mut context, name, input).await })
                }))
            },
        })
    }
}
