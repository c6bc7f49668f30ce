//! Where a test of clients runs: on a Temporal Service, and on our own server in front of an embedded engine.

use std::sync::Arc;

use steadfast::{
    engine::{
        Engine,
        embedded::{EmbeddedEngine, EmbeddedOptions},
        temporal::{TemporalEngine, TemporalOptions},
    },
    prelude::*,
};
use steadfast_server::{ServeOptions, Server, serve};

use crate::service::fresh_engine;

/// A place that answers Temporal's clients.
pub(crate) struct Place {
    pub(crate) address: String,
    pub(crate) client: Client,
    _server: Option<Server>,
}

impl Place {
    /// A namespace of a service.
    pub(crate) async fn service(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            client: Client::new(fresh_engine(address).await),
            _server: None,
        }
    }

    /// The namespace that a service has from the beginning.
    pub(crate) async fn first_of(address: &str) -> Self {
        let engine = TemporalEngine::connect(TemporalOptions::new(address));
        Self {
            address: address.to_owned(),
            client: Client::new(engine.await.unwrap()),
            _server: None,
        }
    }

    /// A server of ours.
    pub(crate) async fn own() -> Self {
        Self::own_with(ServeOptions::default()).await
    }

    /// A server of ours with some options.
    pub(crate) async fn own_with(options: ServeOptions) -> Self {
        // As the binary serves it.
        let embedded = EmbeddedOptions::in_memory().added_search_attributes_only();
        let engine: Arc<dyn Engine> = EmbeddedEngine::open(embedded).unwrap();
        let options = options.listen(([127, 0, 0, 1], 0).into());
        let server = serve(Arc::clone(&engine), options).await.unwrap();
        Self {
            address: server.address().to_string(),
            client: Client::new(engine),
            _server: Some(server),
        }
    }

    /// Both.
    pub(crate) async fn all(address: &str) -> [Self; 2] {
        [Self::service(address).await, Self::own().await]
    }

    pub(crate) fn is_own(&self) -> bool {
        self.client.embedded().is_some()
    }
}
