//! Temporal's gRPC API in front of an [`Engine`](steadfast_engine::Engine): whatever speaks it (the command line `temporal`, the Web UI, clients and
//! workers of other languages) works on an embedded file.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_embedded::EmbeddedEngine;
//! use steadfast_server::{ServeOptions, serve};
//!
//! let engine = EmbeddedEngine::open("orders.db")?;
//! let server = serve(engine, ServeOptions::default()).await?;
//! println!("listens at {}", server.address());
//! # Ok(())
//! # }
//! ```
//!
//! It knows no workflow code and keeps no state but what goes on at the moment: every request is one call of the engine.
//! Nothing listens unless [`serve`] or [`bind`] is called, and then only on this machine unless the options say otherwise.

mod access;
mod address;
mod api;
mod attribute_types;
mod authorizer;
mod calls;
mod dispatch;
mod keys;
mod listener;
mod method;
mod options;
mod refusal;
mod service;
mod time_skipping;
mod worker_query;
mod workers;

pub use self::{
    address::Address,
    authorizer::{Authorizer, Call, Denied},
    keys::{BadKey, check_key},
    options::{ServeError, ServeOptions},
    service::{Bound, Server, bind, serve},
};
