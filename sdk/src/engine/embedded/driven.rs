//! An engine without threads, for simulations: whoever drives it does their work, in one thread and in
//! an order that a seed decides.

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::{
    prepare,
    shared::Shared,
    store::{Db, write_what_is_queued},
};
use crate::engine::EngineError;

/// What the writer thread would own.
#[derive(Debug)]
pub(crate) struct Driven(Mutex<Connection>);

impl Driven {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Mutex::new(connection))
    }

    fn with<T>(&self, act: impl FnOnce(&Db<'_>) -> T) -> T {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(&Db::new(&connection, None))
    }
}

impl Shared {
    /// Commits what is queued and answers the reads, if the engine is driven.
    pub(crate) fn drive_writer(&self) {
        if let Some(driven) = &self.driven {
            driven.with(|db| write_what_is_queued(self, db));
        }
    }

    /// Loses what is not committed and goes on as a new process would.
    pub(crate) fn lose_process(&self) -> Result<(), EngineError> {
        let Some(driven) = &self.driven else {
            return Err(EngineError::invalid(
                "only a driven engine can lose its process",
            ));
        };
        let (now, cached) = {
            let (mut core, now) = self.enter()?;
            core.rows.clear();
            core.after.clear();
            core.reads.clear();
            core.ended.clear();
            (now, core.cached_executions)
        };
        let fresh = driven.with(|db| prepare(db, now, cached))?;
        self.begin_anew(fresh)
    }
}
