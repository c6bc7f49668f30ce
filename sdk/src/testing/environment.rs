//! The in-memory engine with a clock that the test moves.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use steadfast_core::time::Timestamp;

use crate::{
    client::{Client, ClientError},
    engine::{
        EngineError,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    },
    worker::{Worker, WorkerBuilder, WorkerError},
};

/// The time at which a test's clock starts: 2026-01-01T00:00:00Z.
pub(super) const START: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

/// The in-memory engine with a clock that the test moves, or that skips time whenever every
/// workflow waits.
///
/// Time stands still unless it is moved, so nothing times out by chance on a slow machine.
#[derive(Debug)]
pub struct TestEnvironment {
    engine: Arc<EmbeddedEngine>,
    client: Client,
    clock: ManualClock,
}

impl TestEnvironment {
    /// Starts an environment.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn start() -> Result<Self, ClientError> {
        let clock = ManualClock::at(START);
        let engine = EmbeddedEngine::open(EmbeddedOptions::in_memory().clock(clock.clone()))?;
        let client = Client::new(Arc::clone(&engine) as _).with_identity("test")?;
        Ok(Self {
            engine,
            client,
            clock,
        })
    }

    /// A client of the environment.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The environment's engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<EmbeddedEngine> {
        &self.engine
    }

    /// The environment's clock.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Starts a worker for a task queue.
    pub fn worker(&self, task_queue: impl AsRef<str>) -> WorkerBuilder {
        Worker::builder(&self.client, task_queue)
    }

    /// Runs a worker until a future has ended. Time stands still unless the future moves it with
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    ///
    /// When the worker cannot run.
    pub async fn run<T>(
        &self,
        worker: &Worker,
        until: impl Future<Output = T>,
    ) -> Result<T, WorkerError> {
        worker
            .run_until(self.once_it_polls(worker, until))
            .await?
            .map_err(WorkerError::from)
    }

    /// Before a worker polls, its queue looks as if nobody did, and the clock would run ahead of it.
    async fn once_it_polls<T>(
        &self,
        worker: &Worker,
        until: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let (queue, workflows, activities) = worker.polls();
        self.engine.polled(queue, workflows, activities).await?;
        Ok(until.await)
    }

    /// Runs a worker until a future has ended, and skips time whenever nothing is left to do before
    /// the next timer: a sleep of thirty days takes no time at all.
    ///
    /// # Errors
    ///
    /// When the worker cannot run.
    pub async fn run_skipping_time<T>(
        &self,
        worker: &Worker,
        until: impl Future<Output = T>,
    ) -> Result<T, WorkerError> {
        let skip = async {
            loop {
                let transitions = self.idle().await?;
                if self.clock.advance_to_next_timer().is_none() {
                    self.engine.stirred(transitions).await?;
                }
            }
        };
        let until = self.once_it_polls(worker, until);
        let until = async {
            tokio::select! {
                biased;
                value = until => value,
                failed = skip => Err(match failed {
                    Ok::<Infallible, EngineError>(never) => match never {},
                    Err(error) => error,
                }),
            }
        };
        Ok(worker.run_until(until).await??)
    }

    /// Moves the clock, stopping at every timer on the way until the workflows have come to rest.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn advance(&self, duration: Duration) -> Result<(), EngineError> {
        let target = self.clock.now().after(duration);
        self.idle().await?;
        while self.clock.next_timer().is_some_and(|due| due <= target) {
            if self.clock.advance_to_next_timer().is_none() {
                break;
            }
            self.idle().await?;
        }
        self.clock.set(target);
        self.idle().await?;
        Ok(())
    }

    /// Waits until no task is with a worker or on its way to one, and everything that was asked is
    /// done. Gives the number of transitions so far.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn idle(&self) -> Result<u64, EngineError> {
        self.engine.idle().await
    }
}
