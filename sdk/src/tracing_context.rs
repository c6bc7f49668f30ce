//! Joins the spans of clients, workflows and activities to one trace, also across processes.
//!
//! The SDK opens `tracing` spans of its own: `start_workflow`, `signal_workflow` and `update_workflow`
//! around a client's request, `workflow` around each workflow task, `activity` around each attempt. Inside
//! one process a subscriber sees which is which by their ids. That the spans of a workflow and of its
//! activities have the client's span as their parent takes a [`TracePropagator`]: it writes the context of
//! the client's span into the header of the request, under the name that Temporal's SDKs use, and makes it
//! the parent of the spans that work on it. A workflow passes it on to its activities, its children and
//! its next run, and to whom it signals. What it passes on is what it was started with, so a replay
//! changes nothing.
//!
//! This module knows no format of traces; with [OpenTelemetry](https://docs.rs/tracing-opentelemetry) a
//! propagator is a few lines:
//!
//! ```ignore
//! use std::collections::{BTreeMap, HashMap};
//!
//! use opentelemetry::global::get_text_map_propagator;
//! use steadfast::{prelude::*, tracing_context::TracePropagator};
//! use tracing_opentelemetry::OpenTelemetrySpanExt as _;
//!
//! #[derive(Debug)]
//! struct OpenTelemetry;
//!
//! impl TracePropagator for OpenTelemetry {
//!     fn inject(&self, span: &tracing::Span) -> BTreeMap<String, String> {
//!         let mut carrier = HashMap::new();
//!         get_text_map_propagator(|format| format.inject_context(&span.context(), &mut carrier));
//!         carrier.into_iter().collect()
//!     }
//!
//!     fn extract(&self, carrier: &BTreeMap<String, String>, span: &tracing::Span) {
//!         let carrier: HashMap<String, String> = carrier.clone().into_iter().collect();
//!         let parent = get_text_map_propagator(|format| format.extract(&carrier));
//!         let _ = span.set_parent(parent);
//!     }
//! }
//!
//! let client = Client::connect("sqlite://orders.db").await?.with_trace_propagator(OpenTelemetry);
//! // A worker of this client uses it too.
//! ```

use std::{collections::BTreeMap, fmt, sync::Arc};

use steadfast_core::payload::{Payload, PayloadMap, TRACE_HEADER};
use tracing::Span;

use crate::convert;

/// Carries the context of a span to where the work goes on.
pub trait TracePropagator: fmt::Debug + Send + Sync {
    /// What has to be carried to continue the trace of a span, such as `traceparent`; nothing when it is
    /// not traced.
    fn inject(&self, span: &Span) -> BTreeMap<String, String>;

    /// Makes what was carried the parent of a span, which was not entered yet.
    fn extract(&self, carrier: &BTreeMap<String, String>, span: &Span);
}

/// The propagator of a client and its workers, if there is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Propagation(Option<Arc<dyn TracePropagator>>);

impl Propagation {
    pub(crate) fn through(propagator: impl TracePropagator + 'static) -> Self {
        Self(Some(Arc::new(propagator)))
    }

    /// The header that continues the trace of a span.
    pub(crate) fn header(&self, span: &Span) -> PayloadMap {
        let carrier = self.0.as_ref().map(|propagator| propagator.inject(span));
        carrier
            .filter(|carrier| !carrier.is_empty())
            .and_then(|carrier| convert::to_payload(&carrier).ok())
            .map(|carrier| (TRACE_HEADER.to_owned(), carrier))
            .into_iter()
            .collect()
    }

    /// Puts a span into the trace of a header.
    pub(crate) fn join(&self, carrier: Option<&Payload>, span: &Span) {
        let (Some(propagator), Some(carrier)) = (&self.0, carrier) else {
            return;
        };
        // Others may have put something else there; their trace is not worth a failure.
        if let Ok(carrier) = convert::from_payload(Some(carrier)) {
            propagator.extract(&carrier, span);
        }
    }
}
