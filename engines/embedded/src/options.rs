//! What can be chosen when an embedded engine is opened.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use steadfast_core::ids::Namespace;
use steadfast_engine::codec::PayloadCodec;

use super::clock::Clock;

/// How much a commit waits for the disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a commit either waits for the disk or does not"
)]
pub enum Durability {
    /// A commit has reached the disk before it is acknowledged: it survives a power loss.
    #[default]
    Full,
    /// A commit has reached the operating system: it survives the end of the process, and a power
    /// loss may undo the last ones, never a part of one.
    Relaxed,
}

/// Where the histories are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Location {
    Memory,
    File(PathBuf),
}

/// A point around a commit at which a test can stop the engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[doc(hidden)]
#[expect(clippy::exhaustive_enums, reason = "a hook for tests")]
pub enum CrashPoint {
    /// The rows are written and the transaction is not committed.
    BeforeCommit,
    /// The transaction is committed and nobody knows yet.
    AfterCommit,
}

/// What a test lets happen at such a point.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[doc(hidden)]
#[expect(clippy::exhaustive_enums, reason = "a hook for tests")]
pub enum CrashAction {
    /// Nothing.
    #[default]
    Continue,
    /// The engine dies, as if its process had ended.
    Stop,
    /// The commit fails, as if the disk were full; only before it.
    Fail,
}

/// Says what happens at a point of the n-th commit.
pub(crate) type CrashHook = Arc<dyn Fn(u64, CrashPoint) -> CrashAction + Send + Sync>;

/// What can be chosen when an embedded engine is opened.
///
/// ```
/// # use steadfast::engine::embedded::{Durability, EmbeddedOptions};
/// let options = EmbeddedOptions::file("orders.db").durability(Durability::Relaxed);
/// ```
#[derive(Clone)]
#[must_use]
pub struct EmbeddedOptions {
    pub(crate) location: Location,
    pub(crate) durability: Durability,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) clock: Clock,
    pub(crate) retention: Option<Duration>,
    pub(crate) wait_for_lock: Duration,
    pub(crate) cached_executions: usize,
    pub(crate) added_search_attributes_only: bool,
    pub(crate) codec: Option<Arc<dyn PayloadCodec>>,
    pub(crate) driven: bool,
    pub(crate) crash: Option<CrashHook>,
}

impl EmbeddedOptions {
    /// Histories in a file, which is created when there is none.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Location::File(path.into()))
    }

    /// Histories in memory, gone with the engine.
    pub fn in_memory() -> Self {
        Self::new(Location::Memory)
    }

    fn new(location: Location) -> Self {
        Self {
            location,
            durability: Durability::default(),
            namespace: None,
            clock: Clock::default(),
            retention: None,
            wait_for_lock: Duration::ZERO,
            cached_executions: 10_000,
            added_search_attributes_only: false,
            codec: None,
            driven: false,
            crash: None,
        }
    }

    /// How much a commit waits for the disk; [`Durability::Full`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The namespace of all runs; by default the one with which the file was first opened, or `default`. A file has one,
    /// and is refused with another.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Where the time comes from; the system by default.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// How long closed executions are kept; for ever by default.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How long opening waits, blocking its thread, for another engine to close the file; by default not at all.
    /// With it the new process of a deployment starts while the old one still ends.
    pub fn wait_for_lock(mut self, wait: Duration) -> Self {
        self.wait_for_lock = wait;
        self
    }

    /// How many open executions are kept in memory at most while they have nothing to do; 10,000
    /// by default. The others are read from the file when something happens to them.
    pub fn cached_executions(mut self, executions: usize) -> Self {
        self.cached_executions = executions;
        self
    }

    /// Refuses a search attribute that nobody has added
    /// ([`Engine::add_search_attributes`](steadfast_engine::Engine::add_search_attributes)), as a Temporal Service does: a start is
    /// refused, and a workflow task fails. By default the first value adds it.
    pub fn added_search_attributes_only(mut self) -> Self {
        self.added_search_attributes_only = true;
        self
    }

    /// Puts what is kept in the file through a codec, such as one that encrypts: histories, with
    /// everything that users passed around and the texts of failures, and memos. Ids, types, task
    /// queues, times and search attributes stay readable, because runs are found by them.
    ///
    /// What was written without the codec can still be read, so that one can be introduced later.
    pub fn codec(mut self, codec: Arc<dyn PayloadCodec>) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Starts no threads: [`EmbeddedEngine::drive`](super::EmbeddedEngine::drive) does their work. For
    /// simulations, with a manual clock.
    #[doc(hidden)]
    pub fn driven(mut self) -> Self {
        self.driven = true;
        self
    }

    /// Makes the engine die or fail at a commit: the hook gets the number of the commit, counted
    /// from 1, and the point, and says what happens.
    #[doc(hidden)]
    pub fn crash_point(
        mut self,
        hook: impl Fn(u64, CrashPoint) -> CrashAction + Send + Sync + 'static,
    ) -> Self {
        self.crash = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for EmbeddedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("location", &self.location)
            .field("durability", &self.durability)
            .field("namespace", &self.namespace)
            .field("clock", &self.clock)
            .field("retention", &self.retention)
            .field("wait_for_lock", &self.wait_for_lock)
            .field("cached_executions", &self.cached_executions)
            .field(
                "added_search_attributes_only",
                &self.added_search_attributes_only,
            )
            .finish_non_exhaustive()
    }
}
