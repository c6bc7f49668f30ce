//! Queries that nobody answered and updates that nobody accepted in the time that their callers allowed.

use std::{mem, time::Duration};

use steadfast_core::{
    ids::{QueryName, UpdateId, UpdateName},
    time::Timestamp,
};

use super::{
    Execution, ScheduledTask, Task, TaskKind, UpdateState,
    message::{QueryReply, UpdateReplySender},
    wait::Wait,
};

/// A caller whom nobody answered in time.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Query {
        name: QueryName,
        wait: Duration,
        reply: QueryReply,
    },
    Update {
        name: UpdateName,
        id: UpdateId,
        wait: Duration,
        /// Whether it will never run.
        withdrawn: bool,
        reply: UpdateReplySender,
    },
}

impl Execution {
    pub(super) fn note_wait(&mut self, wait: Wait) {
        self.next_wait = self.next_wait.into_iter().chain(wait.end()).min();
    }

    /// Finds out when the first of those who wait has waited long enough.
    pub(crate) fn note_waits(&mut self) {
        let queries = self.queries.iter().map(|query| query.wait);
        let updates = self
            .updates
            .values()
            .filter(|update| update.may_be_given_up());
        let updates = updates.flat_map(|update| update.waiters.iter().map(|waiter| waiter.wait));
        self.next_wait = queries.chain(updates).filter_map(Wait::end).min();
    }

    /// When the first of those who wait has waited long enough, if they are not looked at by then.
    pub(crate) fn unwatched_wait(&self) -> Option<Timestamp> {
        let is_watched = |due| self.watched_wait.is_some_and(|watched| watched <= due);
        self.next_wait.filter(|due| !is_watched(*due))
    }

    /// Takes away those who have waited long enough. An update that no worker has, and for which nobody else
    /// waits, is withdrawn.
    pub(crate) fn give_up_waits(&mut self, now: Timestamp) -> Vec<Unanswered> {
        let (over, going_on): (Vec<_>, Vec<_>) = mem::take(&mut self.queries)
            .into_iter()
            .partition(|query| query.wait.is_over(now));
        self.queries = going_on;
        let mut given_up: Vec<_> = over
            .into_iter()
            .map(|query| Unanswered::Query {
                name: query.query.name,
                wait: query.wait.allowed,
                reply: query.reply,
            })
            .collect();
        for pending in self.updates.values_mut() {
            if !pending.may_be_given_up() {
                continue;
            }
            let (over, going_on): (Vec<_>, Vec<_>) = mem::take(&mut pending.waiters)
                .into_iter()
                .partition(|waiter| waiter.wait.is_over(now));
            pending.waiters = going_on;
            let withdrawn = pending.waiters.is_empty()
                && matches!(pending.state, UpdateState::Admitted { recorded: false });
            given_up.extend(over.into_iter().map(|waiter| Unanswered::Update {
                name: pending.update.name.clone(),
                id: pending.update.update_id.clone(),
                wait: waiter.wait.allowed,
                withdrawn,
                reply: waiter.reply,
            }));
        }
        for unanswered in &given_up {
            if let Unanswered::Update {
                id,
                withdrawn: true,
                ..
            } = unanswered
            {
                self.withdraw_update(id);
            }
        }
        given_up
    }

    fn withdraw_update(&mut self, id: &UpdateId) {
        if self.updates.remove(id).is_none() {
            return;
        }
        self.updates_admitted -= 1;
        let for_updates_only = matches!(
            self.task,
            Task::Scheduled(ScheduledTask {
                kind: TaskKind::Speculative,
                ..
            })
        );
        if for_updates_only && self.updates_admitted == 0 {
            self.set_task(Task::Idle);
        }
    }
}
