//! The engines that the scenarios judge.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use steadfast::engine::Engine;

/// An engine that is judged, and how its time is moved.
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) time: Box<dyn Time>,
}

/// The time of an engine.
pub(crate) trait Time: Send + Sync {
    /// Lets time pass.
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// Waits until no task is with a worker or on its way to one.
    fn rest(&self) -> BoxFuture<'_, ()>;

    /// Waits until every execution that was started is listed.
    fn found(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Opens an engine; `None` when it is not there to be judged.
pub(crate) type Open = fn() -> BoxFuture<'static, Option<Judged>>;

/// Every engine that the scenarios judge. One that is added here is judged by all of them.
pub(crate) fn engines() -> &'static [Open] {
    &crate::here::ENGINES
}
