//! Ends the waits of callers whom nobody answers: queries that no worker answered, and updates that none
//! accepted, in the time that their callers allowed.
//!
//! Such a wait is in memory only: it is no deadline of the run, writes nothing, and goes with the process. Each run
//! has one entry among those that are looked at, and another one only for a caller who waits less long; entries of
//! callers who were answered are thrown away together, so that callers who are answered cost nothing later.

use std::{cmp::Reverse, time::Duration};

use steadfast_core::{ids::TaskQueue, time::Timestamp};
use steadfast_engine::EngineError;

use super::{
    execution::{Execution, Task, Unanswered},
    state::Core,
};

/// In less than that a worker that waits for tasks need not have come as far as to have one, and looks like none.
const SHORTEST: Duration = Duration::from_millis(10);

impl Core {
    /// Sees to it that the callers of a run are looked at when the first of them has waited long enough.
    pub(super) fn watch_waits(&mut self, key: i64) {
        if let Some(run) = self.executions.get_mut(&key)
            && let Some(due) = run.unwatched_wait()
        {
            run.watched_wait = Some(due);
            self.waits.push(Reverse((due, key)));
        }
    }

    /// When the first caller has waited long enough, as far as is known without looking further.
    pub(super) fn next_wait(&mut self) -> Option<Timestamp> {
        loop {
            let Reverse((due, key)) = *self.waits.peek()?;
            let run = self.executions.get_mut(&key);
            if let Some(run) = run.filter(|run| run.watched_wait == Some(due)) {
                run.note_waits();
                if run.next_wait.is_some_and(|next| next <= due) {
                    return Some(due);
                }
                run.watched_wait = None;
            }
            // Of a run that is gone, or that has an earlier one.
            self.waits.pop();
            self.watch_waits(key);
        }
    }

    /// Tells the callers who have waited long enough.
    pub(super) fn end_waits(&mut self, now: Timestamp) {
        while let Some(due) = self.next_wait()
            && due <= now
            && let Some(Reverse((_, key))) = self.waits.pop()
        {
            let Some(run) = self.executions.get_mut(&key) else {
                continue;
            };
            let given_up = run.give_up_waits(now);
            run.note_waits();
            run.watched_wait = None;
            for unanswered in given_up {
                self.tell_unanswered(key, unanswered);
            }
            self.finish(key, now);
        }
    }

    fn tell_unanswered(&self, key: i64, unanswered: Unanswered) {
        let (Unanswered::Query { wait, .. } | Unanswered::Update { wait, .. }) = &unanswered;
        let (why, advice) = match self.executions.get(&key) {
            Some(run) => self.why_unanswered(run, *wait),
            None => ("its run is gone".to_owned(), ""),
        };
        // Whoever waited may have gone.
        match unanswered {
            Unanswered::Query { name, wait, reply } => {
                let text =
                    format!("the query `{name}` was not answered within {wait:?}: {why}; {advice}");
                let _ = reply.send(Err(EngineError::Unanswered { message: text }));
            }
            Unanswered::Update {
                name,
                id,
                wait,
                withdrawn,
                reply,
            } => {
                let text = format!(
                    "the update `{name}` was not accepted within {wait:?}: {why}; {}; {advice}, and send it again{}",
                    if withdrawn {
                        "it was withdrawn and will not run"
                    } else {
                        "it may still run"
                    },
                    if withdrawn {
                        String::new()
                    } else {
                        format!(" under the id `{id}` to hear what came of it")
                    },
                );
                let _ = reply.send(Err(EngineError::Unanswered { message: text }));
            }
        }
    }

    /// Why nobody answers the callers of a run, and what to do about it.
    fn why_unanswered(&self, run: &Execution, wait: Duration) -> (String, &'static str) {
        let queue = &run.start.task_queue;
        if self.paused.contains(queue) {
            return (
                format!("the task queue `{queue}` is paused"),
                "resume it with `resume_task_queue`",
            );
        }
        if let Some(wait) = run.waits_for_first_task_until() {
            return (
                format!("the workflow begins no earlier than {wait}"),
                "wait until then",
            );
        }
        if run.attempt > 1 && run.is_open() {
            return (
                format!("its workflow task fails, {} times so far", run.attempt - 1),
                "see `describe()` or the log for the reason",
            );
        }
        if run.is_task_started() || run.query_task.is_some() {
            return (
                "a worker has its workflow task and did not answer".to_owned(),
                "see whether its code blocks, or allow more time",
            );
        }
        if wait < SHORTEST {
            return (
                "no worker answers in so short a time".to_owned(),
                "allow more of it",
            );
        }
        if self.is_served(queue) {
            return (
                format!("the workers of the task queue `{queue}` are busy"),
                "start more of them, or allow more time",
            );
        }
        (
            format!("no worker polls the task queue `{queue}`"),
            "start one with this workflow registered",
        )
    }

    /// Whether workers poll a queue, or have tasks of it.
    #[expect(clippy::iter_over_hash_type, reason = "any of them will do")]
    fn is_served(&self, queue: &TaskQueue) -> bool {
        if self.workflow_tasks.has_pollers(queue) {
            return true;
        }
        if self.tasks_out == 0 {
            return false;
        }
        for run in self.executions.values() {
            if matches!(run.task, Task::Started(_)) && run.start.task_queue == *queue {
                return true;
            }
        }
        false
    }
}
