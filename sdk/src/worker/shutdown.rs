//! How a worker stops: first no new tasks, then a word to those that run, then an end.

use std::future::Future;

use futures_util::future::{Either, select};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stage {
    Running,
    Stopping,
    GraceOver,
}

/// How far a worker has come in stopping; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    stage: watch::Sender<Stage>,
    /// Counts what is tracked by its receivers.
    tracked: watch::Sender<()>,
}

/// Something that the worker waits for when it stops.
#[derive(Debug)]
pub(crate) struct Tracked {
    _alive: watch::Receiver<()>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            stage: watch::channel(Stage::Running).0,
            tracked: watch::channel(()).0,
        }
    }

    /// Asks for no new tasks.
    pub(crate) fn stop(&self) {
        self.reach(Stage::Stopping);
    }

    /// Tells running activities to stop.
    pub(crate) fn end_grace(&self) {
        self.reach(Stage::GraceOver);
    }

    fn reach(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let further = *now < stage;
            *now = (*now).max(stage);
            further
        });
    }

    /// Whether the worker takes no new tasks any more.
    pub(crate) fn has_begun(&self) -> bool {
        *self.stage.borrow() >= Stage::Stopping
    }

    pub(crate) async fn is_stopping(&self) {
        self.wait(Stage::Stopping).await;
    }

    pub(crate) async fn grace_is_over(&self) {
        self.wait(Stage::GraceOver).await;
    }

    async fn wait(&self, stage: Stage) {
        let mut stages = self.stage.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = stages.wait_for(|now| *now >= stage).await;
    }

    /// What a future gives, unless the worker is to stop first.
    pub(crate) async fn unless_stopping<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        if self.has_begun() {
            return None;
        }
        // The future first: it is often ready, and then nobody has to wait for the other.
        let future = std::pin::pin!(future);
        let stopping = std::pin::pin!(self.is_stopping());
        match select(future, stopping).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    /// Has the worker wait, when it stops, for as long as what this gives is kept.
    pub(crate) fn track(&self) -> Tracked {
        Tracked {
            _alive: self.tracked.subscribe(),
        }
    }

    /// Waits until nothing is tracked.
    pub(crate) async fn all_ended(&self) {
        self.tracked.closed().await;
    }
}
