//! What reaches a run from outside: signals, cancel requests, updates and queries.

use std::mem;

use steadfast_core::{
    event::EventKind,
    failure::Failure,
    ids::{EventId, Identity, RequestId, UpdateId, UpdateName, WorkflowExecution},
    payload::{Payload, PayloadMap},
    task::{Query, Update},
    time::Timestamp,
};
use steadfast_engine::{EngineError, Signal, UpdateReply, UpdateStage};
use tokio::sync::oneshot;

use super::{Effect, Execution, wait::Wait};

/// Where the answer to a query goes.
pub(crate) type QueryReply = oneshot::Sender<Result<Payload, EngineError>>;
/// Where the answer to an update goes.
pub(crate) type UpdateReplySender = oneshot::Sender<Result<UpdateReply, EngineError>>;

/// A query that has not been answered.
#[derive(Debug)]
pub(crate) struct PendingQuery {
    pub(crate) id: String,
    pub(crate) query: Query,
    pub(crate) reply: QueryReply,
    pub(super) wait: Wait,
    /// The task that took it to a worker.
    pub(crate) serial: Option<u64>,
}

/// An update and how far it has come.
#[derive(Debug)]
pub(crate) struct PendingUpdate {
    pub(crate) update: Update,
    pub(crate) state: UpdateState,
    /// Handlers hear of updates in the order in which they came, as of signals (M1).
    arrived: u64,
    pub(super) waiters: Vec<UpdateWaiter>,
}

/// Somebody who waits for an update.
#[derive(Debug)]
pub(super) struct UpdateWaiter {
    stage: UpdateStage,
    pub(super) wait: Wait,
    pub(super) reply: UpdateReplySender,
}

#[derive(Debug)]
pub(crate) enum UpdateState {
    /// Waits for a task; in memory only, unless an event admitted it.
    Admitted {
        recorded: bool,
    },
    /// A worker looks at it.
    Sent {
        recorded: bool,
    },
    Accepted {
        event: EventId,
    },
    Completed {
        outcome: Box<Result<Payload, Failure>>,
    },
}

impl PendingUpdate {
    fn admitted(update: Update) -> Self {
        Self {
            update,
            state: UpdateState::Admitted { recorded: false },
            arrived: 0,
            waiters: Vec::new(),
        }
    }

    pub(super) fn admitted_by_event(
        update_id: UpdateId,
        name: UpdateName,
        input: Vec<Payload>,
        identity: Option<Identity>,
        header: PayloadMap,
    ) -> Self {
        let update = Update {
            update_id,
            name,
            input,
            header,
            identity,
        };
        Self {
            update,
            state: UpdateState::Admitted { recorded: true },
            arrived: 0,
            waiters: Vec::new(),
        }
    }

    /// Whether those who wait for it may have waited for too long: nobody has accepted it.
    pub(super) fn may_be_given_up(&self) -> bool {
        matches!(
            self.state,
            UpdateState::Admitted { .. } | UpdateState::Sent { .. }
        )
    }

    /// Whether the history tells all there is to know about it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.waiters.is_empty()
            && !matches!(
                self.state,
                UpdateState::Admitted { recorded: false } | UpdateState::Sent { .. }
            )
    }
}

impl Execution {
    /// Records a signal, unless this very request was recorded before.
    pub(crate) fn signal(
        &mut self,
        signal: Signal,
        external: Option<WorkflowExecution>,
        now: Timestamp,
    ) {
        if external.is_none() && self.signal_requests.contains(&signal.request_id) {
            return;
        }
        let by_workflow = external.is_some();
        let kind = EventKind::WorkflowExecutionSignaled {
            signal_name: signal.name,
            input: signal.input,
            header: signal.header,
            identity: Some(signal.identity),
            external_workflow_execution: external,
            request_id: (!by_workflow).then_some(signal.request_id),
        };
        self.add_message(now, kind, false);
    }

    /// Records the signal that comes with the start; the first task follows it.
    pub(crate) fn signal_at_start(&mut self, signal: Signal, now: Timestamp) {
        let kind = EventKind::WorkflowExecutionSignaled {
            signal_name: signal.name,
            input: signal.input,
            header: signal.header,
            identity: Some(signal.identity),
            external_workflow_execution: None,
            request_id: Some(signal.request_id),
        };
        self.record(now, kind);
    }

    pub(crate) fn has_signal(&self, request_id: &RequestId) -> bool {
        self.signal_requests.contains(request_id)
    }

    /// Records the first request for the cancellation of the run (rule R1, ground rule 1).
    pub(crate) fn request_cancel(
        &mut self,
        cause: String,
        identity: Option<Identity>,
        initiated: EventId,
        external: Option<WorkflowExecution>,
        request_id: Option<RequestId>,
        now: Timestamp,
    ) {
        if self.cancel_requested {
            return;
        }
        let kind = EventKind::WorkflowExecutionCancelRequested {
            cause,
            identity,
            external_initiated_event_id: initiated,
            external_workflow_execution: external,
            request_id,
        };
        self.add_message(now, kind, true);
    }

    /// A message ends the wait before the first task when it is a cancel request (ground rule 3),
    /// or when the wait is a start delay; the wait before a retry or by a cron schedule goes on.
    fn add_message(&mut self, now: Timestamp, kind: EventKind, ends_every_wait: bool) {
        let waits = self.waits_for_first_task() && self.start.initiator.is_some();
        if waits && !ends_every_wait {
            self.record(now, kind);
        } else {
            self.add(now, kind);
        }
    }

    /// Takes an update, or tells what came of the same one before. A closed run takes none, and
    /// tells.
    pub(crate) fn update(
        &mut self,
        update: Update,
        waiter: (UpdateStage, Wait),
        reply: UpdateReplySender,
        now: Timestamp,
    ) {
        let update_id = update.update_id.clone();
        if !self.is_open() {
            if self.knows_update(&update_id) {
                self.watch_update(&update_id, waiter, reply);
            } else {
                // Nobody may be waiting any more.
                let _ = reply.send(Err(EngineError::not_found(EngineError::ALREADY_COMPLETED)));
            }
            return;
        }
        if !self.updates.contains_key(&update_id) {
            self.admit_update(PendingUpdate::admitted(update));
        }
        self.watch_update(&update_id, waiter, reply);
        self.schedule_updates(now);
    }

    /// Whether an update was sent before, and was not rejected.
    pub(crate) fn knows_update(&self, update_id: &UpdateId) -> bool {
        self.updates.contains_key(update_id)
    }

    /// Whether an update has its outcome.
    pub(crate) fn has_outcome(&self, update_id: &UpdateId) -> bool {
        let update = self.updates.get(update_id);
        update.is_some_and(|update| matches!(update.state, UpdateState::Completed { .. }))
    }

    /// Tells how far an update has come once that is far enough. Of an update that nobody knows nothing is told.
    pub(crate) fn watch_update(
        &mut self,
        update_id: &UpdateId,
        (stage, wait): (UpdateStage, Wait),
        reply: UpdateReplySender,
    ) {
        let is_open = self.is_open();
        let Some(pending) = self.updates.get_mut(update_id) else {
            return;
        };
        let (reached, outcome) = match &pending.state {
            UpdateState::Completed { outcome } => {
                (UpdateStage::Completed, Some((**outcome).clone()))
            }
            UpdateState::Accepted { .. } if is_open => (UpdateStage::Accepted, None),
            UpdateState::Accepted { .. } => (
                UpdateStage::Completed,
                Some(Err(UpdateReply::accepted_and_closed())),
            ),
            UpdateState::Admitted { .. } | UpdateState::Sent { .. } => {
                (UpdateStage::Admitted, None)
            }
        };
        if reached < stage {
            pending.waiters.push(UpdateWaiter { stage, wait, reply });
            return self.note_wait(wait);
        }
        let answer = Box::new(UpdateReply {
            execution: self.id.clone(),
            stage: reached,
            outcome,
        });
        self.effects.push(Effect::UpdateReply(reply, answer));
    }

    /// Keeps an update that a worker has to look at.
    pub(super) fn admit_update(&mut self, mut pending: PendingUpdate) {
        self.updates_arrived += 1;
        pending.arrived = self.updates_arrived;
        let id = pending.update.update_id.clone();
        if self.updates.insert(id, pending).is_none() {
            self.updates_admitted += 1;
        }
    }

    /// Sees to it that updates that nobody looked at yet are looked at.
    pub(crate) fn schedule_updates(&mut self, now: Timestamp) {
        if self.updates_admitted > 0 {
            self.schedule_speculative_task(now);
        }
    }

    pub(super) fn take_admitted_updates(&mut self) -> Vec<UpdateId> {
        if self.updates_admitted == 0 {
            return Vec::new();
        }
        self.updates_admitted = 0;
        let mut ids = Vec::new();
        for (id, pending) in &mut self.updates {
            if let UpdateState::Admitted { recorded } = pending.state {
                pending.state = UpdateState::Sent { recorded };
                ids.push((pending.arrived, id.clone()));
            }
        }
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn readmit_updates(&mut self, ids: &[UpdateId]) {
        for id in ids {
            if let Some(pending) = self.updates.get_mut(id)
                && let UpdateState::Sent { recorded } = pending.state
            {
                pending.state = UpdateState::Admitted { recorded };
                self.updates_admitted += 1;
            }
        }
    }

    pub(super) fn update_accepted(&mut self, update_id: &UpdateId, event: EventId) {
        let execution = self.id.clone();
        let pending = self.known_update(update_id);
        if matches!(pending.state, UpdateState::Completed { .. }) {
            return;
        }
        let was_admitted = matches!(pending.state, UpdateState::Admitted { .. });
        pending.state = UpdateState::Accepted { event };
        let waiters = mem::take(&mut pending.waiters);
        let (accepted, waiting): (Vec<_>, Vec<_>) = waiters
            .into_iter()
            .partition(|waiter| waiter.stage <= UpdateStage::Accepted);
        pending.waiters = waiting;
        if was_admitted {
            self.updates_admitted -= 1;
        }
        for UpdateWaiter { reply, .. } in accepted {
            let answer = Box::new(UpdateReply {
                execution: execution.clone(),
                stage: UpdateStage::Accepted,
                outcome: None,
            });
            self.effects.push(Effect::UpdateReply(reply, answer));
        }
    }

    pub(super) fn update_completed(
        &mut self,
        update_id: &UpdateId,
        outcome: &Result<Payload, Failure>,
    ) {
        let pending = self.known_update(update_id);
        pending.state = UpdateState::Completed {
            outcome: Box::new(outcome.clone()),
        };
        let waiters = mem::take(&mut pending.waiters);
        self.answer_update(waiters, outcome);
    }

    /// A rejection leaves no trace, and the id can be used again.
    pub(super) fn update_rejected(&mut self, update_id: &UpdateId, failure: Failure) {
        if let Some(pending) = self.updates.remove(update_id) {
            if matches!(pending.state, UpdateState::Admitted { .. }) {
                self.updates_admitted -= 1;
            }
            self.answer_update(pending.waiters, &Err(failure));
        }
    }

    fn answer_update(&mut self, waiters: Vec<UpdateWaiter>, outcome: &Result<Payload, Failure>) {
        for UpdateWaiter { reply, .. } in waiters {
            let outcome = Some(outcome.clone());
            let answer = Box::new(UpdateReply {
                execution: self.id.clone(),
                stage: UpdateStage::Completed,
                outcome,
            });
            self.effects.push(Effect::UpdateReply(reply, answer));
        }
    }

    fn known_update(&mut self, update_id: &UpdateId) -> &mut PendingUpdate {
        self.updates
            .entry(update_id.clone())
            .or_insert_with(|| PendingUpdate {
                update: Update {
                    update_id: update_id.clone(),
                    // The name matters only until a worker has it.
                    name: UpdateName::new("update").expect("not empty and not long"),
                    input: Vec::new(),
                    header: PayloadMap::new(),
                    identity: None,
                },
                state: UpdateState::Sent { recorded: true },
                arrived: 0,
                waiters: Vec::new(),
            })
    }

    /// The updates that nobody accepted go on in the run that follows, or are refused. Those that were
    /// accepted have failed: whoever waits is told, and whoever asks again (M3).
    pub(super) fn close_updates(&mut self, moves_on: bool) -> Vec<PendingUpdate> {
        let mut moved = Vec::new();
        self.updates_admitted = 0;
        for (id, mut pending) in mem::take(&mut self.updates) {
            match pending.state {
                UpdateState::Completed { .. } => {
                    self.updates.insert(id, pending);
                }
                UpdateState::Accepted { .. } => {
                    let waiters = mem::take(&mut pending.waiters);
                    self.updates.insert(id, pending);
                    self.answer_update(waiters, &Err(UpdateReply::accepted_and_closed()));
                }
                UpdateState::Admitted { .. } | UpdateState::Sent { .. } if moves_on => {
                    pending.state = UpdateState::Admitted { recorded: false };
                    moved.push(pending);
                }
                UpdateState::Admitted { .. } | UpdateState::Sent { .. } => {
                    for UpdateWaiter { reply, .. } in pending.waiters {
                        // Nobody may be waiting any more.
                        let _ =
                            reply.send(Err(EngineError::not_found(EngineError::UPDATE_ABORTED)));
                    }
                }
            }
        }
        moved.sort_unstable_by_key(|pending| pending.arrived);
        moved
    }

    pub(crate) fn take_over_updates(&mut self, updates: Vec<PendingUpdate>) {
        for pending in updates {
            self.admit_update(pending);
        }
        self.note_waits();
    }

    /// Takes a query.
    pub(crate) fn query(&mut self, id: String, query: Query, wait: Wait, reply: QueryReply) {
        self.queries.push(PendingQuery {
            id,
            query,
            reply,
            wait,
            serial: None,
        });
        self.note_wait(wait);
    }

    /// Whether a query waits that must not wait for a workflow task.
    pub(crate) fn needs_query_task(&self) -> bool {
        self.query_task.is_none()
            && !self.is_task_started()
            && !self.is_task_ready()
            && (self.previous_started.is_some() || !self.is_open())
            && self.queries.iter().any(|query| query.serial.is_none())
    }

    /// Marks the waiting queries as taken by a task.
    pub(crate) fn assign_queries(&mut self, serial: u64) {
        self.queries.retain(|query| !query.reply.is_closed());
        for query in &mut self.queries {
            query.serial = Some(serial);
        }
    }

    /// Marks the query that has waited longest as taken by a task.
    pub(crate) fn assign_query(&mut self, serial: u64) {
        self.queries.retain(|query| !query.reply.is_closed());
        if let Some(query) = self.queries.iter_mut().find(|query| query.serial.is_none()) {
            query.serial = Some(serial);
        }
    }

    /// The queries of tasks that ended without an answer wait again.
    pub(crate) fn reassign_queries(&mut self) {
        for query in &mut self.queries {
            query.serial = None;
        }
    }

    /// Answers the queries that a task brought.
    pub(crate) fn answer_queries(
        &mut self,
        serial: u64,
        mut answer: impl FnMut(&str) -> Option<Result<Payload, Failure>>,
    ) {
        for pending in mem::take(&mut self.queries) {
            if pending.serial == Some(serial)
                && let Some(result) = answer(&pending.id)
            {
                self.effects
                    .push(Effect::QueryReply(pending.reply, Box::new(result)));
            } else {
                self.queries.push(PendingQuery {
                    serial: None,
                    ..pending
                });
            }
        }
    }
}
