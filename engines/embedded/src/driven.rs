//! An engine without threads, for simulations: whoever drives it does their work, in one thread and in
//! an order that a seed decides.

use std::sync::PoisonError;

use steadfast_engine::EngineError;

use super::{prepare, shared::Shared, timers};

impl Shared {
    /// Does what the threads would do until nothing is left to do.
    pub(crate) fn drive(&self) {
        self.drive_writer();
        while timers::tick(self) {
            self.drive_writer();
        }
    }

    /// Commits what is queued and answers the reads, if the engine is driven.
    pub(crate) fn drive_writer(&self) {
        if self.driven {
            while self.with_writer(|writer| writer.turn(self).map(|()| writer.is_idle()))
                == Some(false)
            {}
        }
    }

    /// Loses what is not committed and goes on as a new process would.
    pub(crate) fn lose_process(&self) -> Result<(), EngineError> {
        if !self.driven {
            return Err(EngineError::invalid(
                "only a driven engine can lose its process",
            ));
        }
        let (now, cached) = {
            let (mut core, now) = self.enter()?;
            core.rows.clear();
            core.after.clear();
            core.promise = None;
            core.reads.clear();
            core.ended.clear();
            (now, core.cached_executions)
        };
        let fresh = match &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(writer) => prepare(writer.db(), true, now, cached)?,
            None => return Ok(()),
        };
        self.begin_anew(fresh)
    }
}
