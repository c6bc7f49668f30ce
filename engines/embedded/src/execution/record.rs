//! Recording events: at once, or after the task that is with a worker.

use std::collections::BTreeMap;

use steadfast_core::{
    event::{EventKind, HistoryEvent},
    ids::EventId,
    time::Timestamp,
    unmodelled::Unmodelled,
};

use super::{Execution, Task};

/// How many events a workflow task brings when one activity ended since the last one. They are moved to the worker
/// together with their memory, so room for the next ones is made at once.
const EVENTS_OF_A_STEP: usize = 6;

/// Where the last events of a run stand among the rows of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct QueuedEvents {
    pub(crate) batch: u64,
    pub(crate) row: usize,
}

impl Execution {
    /// Records an event now and applies it.
    pub(crate) fn record(&mut self, now: Timestamp, kind: EventKind) -> EventId {
        debug_assert!(
            self.is_open(),
            "nothing follows a closing event (ground rule 6)"
        );
        let event_id = EventId(self.next_event_id);
        // A clock that jumped back must not make event times decrease (E9).
        let event_time = now.max(self.last_event_time);
        self.next_event_id += 1;
        self.last_event_time = event_time;
        self.apply(event_id, event_time, &kind);
        let event = HistoryEvent::new(event_id, event_time, kind);
        if !self.is_open() {
            self.closing_event = Some(event.clone());
        }
        if self.tail.capacity() == 0 {
            self.tail.reserve_exact(EVENTS_OF_A_STEP);
        }
        self.tail.push(event);
        self.unsaved += 1;
        event_id
    }

    /// Records a fact that needs the workflow's attention: now, with a task, or after the task
    /// that is with a worker.
    pub(crate) fn add(&mut self, now: Timestamp, kind: EventKind) {
        if self.is_task_started() {
            self.buffer(now, kind);
        } else {
            self.record(now, kind);
            self.schedule_task(now);
        }
    }

    /// Keeps with an event what was said of it besides. The events that are meant are those from an index of the tail on:
    /// what ends a run is the last of them, anything else the first.
    pub(crate) fn keep_unmodelled(&mut self, from: usize, said: Box<Unmodelled>) {
        let ended = !self.is_open();
        let events = self.tail.get_mut(from..).unwrap_or_default();
        let event = if ended {
            events.last_mut()
        } else {
            events.first_mut()
        };
        let Some(event) = event else { return };
        event.unmodelled = Some(said);
        if ended {
            self.closing_event = Some(event.clone());
        }
    }

    /// Keeps a fact for after the task, with its effects on what is pending applied now: an
    /// activity that completed is over, whether or not its event has an id yet.
    pub(super) fn buffer(&mut self, now: Timestamp, kind: EventKind) {
        self.apply_to_pending(&kind);
        self.buffered.push((now, kind));
    }

    /// Records what waited. Closing events of activities and children go last (ground rule 4).
    pub(super) fn flush_buffered(&mut self, now: Timestamp) -> bool {
        if self.buffered.is_empty() {
            return false;
        }
        self.forget_buffered_rows();
        let buffered = std::mem::take(&mut self.buffered);
        let (closers, others): (Vec<_>, Vec<_>) = buffered
            .into_iter()
            .partition(|(_, kind)| closes_operation(kind));
        let mut activity_starts = BTreeMap::new();
        let mut child_starts = BTreeMap::new();
        for (_, kind) in others {
            let id = EventId(self.next_event_id);
            match &kind {
                EventKind::ActivityTaskStarted {
                    scheduled_event_id, ..
                } => {
                    activity_starts.insert(*scheduled_event_id, id);
                }
                EventKind::ChildWorkflowExecutionStarted {
                    initiated_event_id, ..
                } => {
                    child_starts.insert(*initiated_event_id, id);
                }
                _ => {}
            }
            self.record(now, kind);
        }
        for (_, mut kind) in closers {
            point_to_start(&mut kind, &activity_starts, &child_starts);
            self.record(now, kind);
        }
        true
    }

    /// Drops what waited because the run closes.
    pub(super) fn drop_buffered(&mut self) {
        self.forget_buffered_rows();
        self.buffered.clear();
    }

    pub(super) fn forget_buffered_rows(&mut self) {
        if self.buffered_saved > 0 {
            self.buffered_saved = 0;
            self.drop_buffered_rows = true;
        }
    }

    pub(crate) fn is_task_started(&self) -> bool {
        matches!(self.task, Task::Started(_))
    }
}

fn closes_operation(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ActivityTaskCompleted { .. }
            | EventKind::ActivityTaskFailed { .. }
            | EventKind::ActivityTaskTimedOut { .. }
            | EventKind::ActivityTaskCanceled { .. }
            | EventKind::ChildWorkflowExecutionCompleted { .. }
            | EventKind::ChildWorkflowExecutionFailed { .. }
            | EventKind::ChildWorkflowExecutionCanceled { .. }
            | EventKind::ChildWorkflowExecutionTimedOut { .. }
            | EventKind::ChildWorkflowExecutionTerminated { .. }
    )
}

/// Gives a closing event the id of the start that was recorded just before it.
fn point_to_start(
    kind: &mut EventKind,
    activity_starts: &BTreeMap<EventId, EventId>,
    child_starts: &BTreeMap<EventId, EventId>,
) {
    match kind {
        EventKind::ActivityTaskCompleted {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskFailed {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskTimedOut {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskCanceled {
            scheduled_event_id,
            started_event_id,
            ..
        } => {
            if let Some(id) = activity_starts.get(scheduled_event_id) {
                *started_event_id = *id;
            }
        }
        EventKind::ChildWorkflowExecutionCompleted {
            initiated_event_id,
            started_event_id,
            ..
        }
        | EventKind::ChildWorkflowExecutionFailed {
            initiated_event_id,
            started_event_id,
            ..
        }
        | EventKind::ChildWorkflowExecutionCanceled {
            initiated_event_id,
            started_event_id,
            ..
        }
        | EventKind::ChildWorkflowExecutionTimedOut {
            initiated_event_id,
            started_event_id,
            ..
        }
        | EventKind::ChildWorkflowExecutionTerminated {
            initiated_event_id,
            started_event_id,
            ..
        } => {
            if let Some(id) = child_starts.get(initiated_event_id) {
                *started_event_id = *id;
            }
        }
        _ => {}
    }
}
