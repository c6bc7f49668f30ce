//! What every call has at hand.

use std::{sync::Arc, time::Duration};

use prost_wkt_types::Duration as ProtoDuration;
use steadfast_engine::{Engine, ExecutionRef, WorkflowDescription};
use steadfast_wire::{Home, Wire};
use tonic::Status;

use crate::{
    refusal::{namespace_not_found, status_of},
    time_skipping::TimeSkipping,
    workers::Workers,
};

/// The engine and how its values are written. Payloads go through as they are: whoever has a codec has it at the client.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) wire: Wire,
    /// The namespace, by name and id. The cluster has the same id.
    pub(crate) home: Home,
    /// Where the server listens.
    pub(crate) address: String,
    /// For how long closed executions are kept. The Web UI cannot show a namespace that does not say.
    pub(crate) retention: ProtoDuration,
    /// How long a call waits for something to happen before it answers that nothing did.
    pub(crate) long_poll: Duration,
    /// The workers of other processes.
    pub(crate) workers: Workers,
    /// How time is skipped, if it is.
    pub(crate) time_skipping: Option<Arc<TimeSkipping>>,
}

impl Api {
    /// An id for what a request leaves without one.
    pub(crate) fn new_id() -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// Where an execution stands.
    pub(crate) async fn describe(
        &self,
        execution: ExecutionRef,
    ) -> Result<WorkflowDescription, Status> {
        let described = self.engine.describe_workflow(execution).await;
        described.map_err(status_of)
    }

    /// Refuses a request for a namespace that is not the engine's.
    pub(crate) fn check_namespace(&self, namespace: &str) -> Result<(), Status> {
        if namespace.is_empty() {
            return Err(Status::invalid_argument("Namespace not set on request."));
        }
        if namespace == self.engine.namespace().as_str() {
            Ok(())
        } else {
            Err(namespace_not_found(namespace))
        }
    }
}
