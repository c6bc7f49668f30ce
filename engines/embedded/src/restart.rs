//! Starts anew in place, for tests: what a crash would leave is what stays.

use steadfast_engine::EngineError;

use super::{prepare, shared::Shared, state::Core};

impl Shared {
    /// Forgets everything that is not in the store, and goes on as a new process would: tasks that
    /// were with workers are handed out again.
    pub(crate) async fn restart(&self) -> Result<(), EngineError> {
        self.settled().await?;
        let (now, cached) = {
            let (core, now) = self.enter()?;
            (now, core.cached_executions)
        };
        let fresh = self
            .read(move |connection| prepare(connection, true, now, cached))
            .await?;
        self.begin_anew(fresh)?;
        self.settled().await
    }

    /// Goes on with a state that was just read.
    pub(super) fn begin_anew(&self, fresh: Core) -> Result<(), EngineError> {
        {
            let (mut core, _) = self.enter()?;
            let old = std::mem::replace(&mut *core, fresh);
            core.transitions = old.transitions;
            core.timeouts = old.timeouts;
            core.next_serial = core.next_serial.max(old.next_serial + 1);
            core.stirred = old.stirred;
            core.watches = old.watches;
            // The engine's own threads live on.
            core.writer_state = old.writer_state;
            core.claimed = old.claimed;
            core.commits = old.commits;
            core.timer_thread_until = old.timer_thread_until;
            core.job_runs = old.job_runs;
            core.workflow_tasks = old.workflow_tasks.emptied();
            core.activity_tasks = old.activity_tasks.emptied();
        }
        self.fire_due();
        Ok(())
    }
}
