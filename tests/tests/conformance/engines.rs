//! The engines that the scenarios judge.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use steadfast::engine::Engine;
use steadfast_tests::harness::Time;

/// An engine that is judged, and how its time is moved.
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) time: Box<dyn Time>,
}

/// Opens an engine; `None` when it is not there to be judged.
pub(crate) type Open = fn() -> BoxFuture<'static, Option<Judged>>;

/// Every engine that the scenarios judge. One that is added here is judged by all of them.
pub(crate) fn engines() -> &'static [Open] {
    &crate::here::ENGINES
}
