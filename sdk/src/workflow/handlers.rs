//! The signal, query and update handlers of a workflow, by name.

use std::{collections::BTreeMap, fmt};

use futures_util::future::LocalBoxFuture;
use steadfast_core::payload::Payload;

use super::{WorkflowContext, WorkflowContextView};
use crate::{
    convert::ConvertError,
    definition::{Handled, QueryHandler, SignalHandler, UpdateHandler, WorkflowDefinition},
    error::WorkflowError,
};

// Each is told the name that it was called by, for the handlers of every name.
type SignalFn<W> = fn(WorkflowContext<W>, &str, &[Payload]) -> Result<Handled<()>, ConvertError>;
type QueryFn<W> = fn(&W, &WorkflowContextView, &str, &[Payload]) -> Result<Payload, WorkflowError>;
type UpdateFn<W> =
    fn(&WorkflowContext<W>, &str, &[Payload], bool) -> Result<AcceptedUpdate, WorkflowError>;

/// Runs the handler of an update that was accepted.
pub(crate) type AcceptedUpdate =
    Box<dyn FnOnce() -> LocalBoxFuture<'static, Result<Payload, WorkflowError>>>;

/// The handlers of a workflow; filled by the expansion of `#[workflow_methods]`.
pub struct HandlerSet<W: WorkflowDefinition> {
    signals: BTreeMap<&'static str, Described<SignalFn<W>>>,
    queries: BTreeMap<&'static str, Described<QueryFn<W>>>,
    updates: BTreeMap<&'static str, Described<UpdateFn<W>>>,
    every: Option<HandlersOfEveryName<W>>,
}

/// A handler with its description.
#[derive(Clone, Copy)]
struct Described<F> {
    function: F,
    description: &'static str,
}

/// What handles a name that no other handler has.
pub(crate) struct HandlersOfEveryName<W: WorkflowDefinition> {
    pub(crate) signal: SignalFn<W>,
    pub(crate) query: QueryFn<W>,
    pub(crate) update: UpdateFn<W>,
}

impl<W: WorkflowDefinition> fmt::Debug for HandlerSet<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerSet")
            .field("signals", &self.signals.keys())
            .field("queries", &self.queries.keys())
            .field("updates", &self.updates.keys())
            .finish()
    }
}

impl<W: WorkflowDefinition> Default for HandlerSet<W> {
    fn default() -> Self {
        Self {
            signals: BTreeMap::new(),
            queries: BTreeMap::new(),
            updates: BTreeMap::new(),
            every: None,
        }
    }
}

impl<W: WorkflowDefinition> HandlerSet<W> {
    /// No handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Handlers of every name.
    pub(crate) fn of_every_name(every: HandlersOfEveryName<W>) -> Self {
        Self {
            every: Some(every),
            ..Self::default()
        }
    }

    /// Adds a signal handler.
    #[must_use]
    pub fn signal<S: SignalHandler<Workflow = W>>(mut self, _: S) -> Self {
        let function: SignalFn<W> =
            |context, _, payloads| Ok(S::handle(context, S::arguments().decode(payloads)?));
        self.signals
            .insert(S::NAME, described(function, S::DESCRIPTION));
        self
    }

    /// Adds a query handler.
    #[must_use]
    pub fn query<Q: QueryHandler<Workflow = W>>(mut self, _: Q) -> Self {
        let function: QueryFn<W> = |state, view, _, payloads| {
            let output = Q::handle(state, view, Q::arguments().decode(payloads)?)?;
            Ok(Q::output_codec().encode(&output)?)
        };
        self.queries
            .insert(Q::NAME, described(function, Q::DESCRIPTION));
        self
    }

    /// Adds an update handler.
    #[must_use]
    pub fn update<U: UpdateHandler<Workflow = W>>(mut self, _: U) -> Self {
        let function: UpdateFn<W> = |context, _, payloads, validate| {
            let input = U::arguments().decode(payloads)?;
            if validate {
                context.with_state(|state, view| U::validate(state, view, &input))?;
            }
            let context = context.clone();
            Ok(Box::new(
                move || -> LocalBoxFuture<'static, Result<Payload, WorkflowError>> {
                    match U::handle(context, input) {
                        Handled::Now(result) => Box::pin(std::future::ready(
                            result.and_then(|output| Ok(U::output_codec().encode(&output)?)),
                        )),
                        Handled::Later(future) => {
                            Box::pin(async move { Ok(U::output_codec().encode(&future.await?)?) })
                        }
                    }
                },
            ))
        };
        self.updates
            .insert(U::NAME, described(function, U::DESCRIPTION));
        self
    }

    pub(crate) fn find_signal(&self, name: &str) -> Option<SignalFn<W>> {
        let every = self.every.as_ref().map(|every| every.signal);
        self.signals.get(name).map(|it| it.function).or(every)
    }

    pub(crate) fn find_query(&self, name: &str) -> Result<QueryFn<W>, WorkflowError> {
        self.queries
            .get(name)
            .map(|it| it.function)
            .or_else(|| self.every.as_ref().map(|every| every.query))
            .ok_or_else(|| unknown("query", name, self.queries.keys()))
    }

    pub(crate) fn find_update(&self, name: &str) -> Result<UpdateFn<W>, WorkflowError> {
        self.updates
            .get(name)
            .map(|it| it.function)
            .or_else(|| self.every.as_ref().map(|every| every.update))
            .ok_or_else(|| unknown("update", name, self.updates.keys()))
    }

    /// The signals, by their names and with their descriptions.
    pub(crate) fn signals(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        descriptions(&self.signals)
    }

    /// The queries, by their names and with their descriptions.
    pub(crate) fn queries(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        descriptions(&self.queries)
    }

    /// The updates, by their names and with their descriptions.
    pub(crate) fn updates(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        descriptions(&self.updates)
    }

    /// Whether there are handlers for every name.
    pub(crate) fn has_every_name(&self) -> bool {
        self.every.is_some()
    }

    /// Whether something outside can call into the workflow.
    pub(crate) fn can_be_called(&self) -> bool {
        !self.signals.is_empty() || !self.updates.is_empty() || self.every.is_some()
    }
}

fn described<F>(function: F, description: &'static str) -> Described<F> {
    Described {
        function,
        description,
    }
}

fn descriptions<F>(
    handlers: &BTreeMap<&'static str, Described<F>>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    handlers.iter().map(|(name, it)| (*name, it.description))
}

fn unknown<'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a &'static str>,
) -> WorkflowError {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    WorkflowError::from(format!(
        "{kind} `{name}` has no handler; the handlers for this kind are: {known}"
    ))
}
