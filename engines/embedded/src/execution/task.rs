//! The life of a workflow task.
//!
//! ```text
//! Idle -> Scheduled { Normal }      something happened; recorded as WorkflowTaskScheduled
//!      -> Scheduled { Speculative } only an update asks for it; recorded if it leads to events
//! Scheduled -> Started              a worker has it
//! Started -> Idle                   answered
//! Started -> Scheduled { Transient } failed or timed out; recorded when it is answered, so that a
//!                                   workflow that fails for ever does not fill its history
//! ```

use std::time::Duration;

use steadfast_core::{
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    ids::{EventId, Identity, UpdateId},
    time::Timestamp,
};

use super::TimedOut;
use super::{Deadline, Effect, Execution};

/// The time that a worker has to answer a task that only brings queries.
const QUERY_TASK_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) enum Task {
    Idle,
    Scheduled(ScheduledTask),
    Started(StartedTask),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TaskKind {
    /// Recorded as scheduled.
    Normal { scheduled: EventId },
    /// A later attempt, not recorded. It becomes a first attempt when events follow the one that
    /// it follows.
    Transient { follows: u64 },
    /// For updates only, not recorded.
    Speculative,
}

#[derive(Debug)]
pub(crate) struct ScheduledTask {
    pub(crate) kind: TaskKind,
    /// Since when it is.
    pub(crate) time: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct StartedTask {
    pub(crate) kind: TaskKind,
    pub(crate) serial: u64,
    pub(crate) worker: Identity,
    /// Whether that worker is in another process.
    pub(super) remote: bool,
    pub(crate) updates: Vec<UpdateId>,
    pub(crate) scheduled_time: Timestamp,
    deadline: Timestamp,
    // What its events say, or will say.
    pub(crate) time: Timestamp,
    scheduled: EventId,
    pub(crate) started: EventId,
    history_bytes: u64,
    suggests_continue_as_new: bool,
}

impl StartedTask {
    /// Its `WorkflowTaskStarted`, which is recorded with the answer.
    pub(crate) fn started_event(&self) -> HistoryEvent {
        let kind = EventKind::WorkflowTaskStarted {
            scheduled_event_id: self.scheduled,
            identity: Some(self.worker.clone()),
            request_id: None,
            history_size_bytes: self.history_bytes,
            suggest_continue_as_new: self.suggests_continue_as_new,
        };
        HistoryEvent::new(self.started, self.time, kind)
    }
}

/// A task that only brings queries.
#[derive(Debug)]
pub(crate) struct QueryTask {
    pub(crate) serial: u64,
    deadline: Timestamp,
}

impl Execution {
    /// Sees to it that a worker looks at what was recorded.
    pub(crate) fn schedule_task(&mut self, now: Timestamp) {
        let needed = match &self.task {
            Task::Idle => true,
            Task::Scheduled(task) => task.kind == TaskKind::Speculative,
            Task::Started(_) => false,
        };
        if needed && self.is_open() {
            self.record_task_scheduled(now, 1);
        }
    }

    pub(crate) fn record_task_scheduled(&mut self, now: Timestamp, attempt: u32) {
        let kind = self.task_scheduled_kind(attempt);
        self.record(now, kind);
    }

    fn task_scheduled_kind(&self, attempt: u32) -> EventKind {
        let normal = self.start.task_queue.clone();
        let (task_queue, normal_queue) = match self.sticky_queue() {
            Some(sticky) => (sticky.task_queue.clone(), Some(normal)),
            None => (normal, None),
        };
        EventKind::WorkflowTaskScheduled {
            task_queue,
            start_to_close_timeout: self.start.timeouts.task_timeout(),
            attempt,
            normal_queue,
        }
    }

    /// Sees to it that a worker looks at the updates that were admitted.
    pub(crate) fn schedule_speculative_task(&mut self, now: Timestamp) {
        if self.is_open() && matches!(self.task, Task::Idle) && !self.waits_for_first_task() {
            self.set_task(Task::Scheduled(ScheduledTask {
                kind: TaskKind::Speculative,
                time: now,
                not_before: None,
            }));
        }
    }

    /// When the first task is to be: at the start, unless it has to wait.
    pub(crate) fn execution_time(&self) -> Timestamp {
        let backoff = self.start.first_workflow_task_backoff;
        self.start_time.after(backoff)
    }

    /// Whether the run was started with a wait that is not over.
    pub(crate) fn waits_for_first_task(&self) -> bool {
        self.first_task_due.is_some()
    }

    /// Until when it waits then.
    pub(crate) fn waits_for_first_task_until(&self) -> Option<Timestamp> {
        self.first_task_due
    }

    /// Whether the task can be given to a worker now.
    pub(crate) fn is_task_ready(&self) -> bool {
        matches!(&self.task, Task::Scheduled(task) if task.not_before.is_none())
    }

    /// Gives the task to a worker. Nothing is recorded yet, except that a later attempt becomes a
    /// first one when events arrived since (scenario 31).
    pub(crate) fn start_task(
        &mut self,
        worker: &Identity,
        remote: bool,
        serial: u64,
        now: Timestamp,
    ) {
        let Task::Scheduled(scheduled) = &self.task else {
            return;
        };
        let (mut kind, scheduled_time) = (scheduled.kind, scheduled.time);
        if let TaskKind::Transient { follows } = kind
            && follows != self.last_event_id()
        {
            self.record_task_scheduled(now, 1);
            kind = TaskKind::Normal {
                scheduled: EventId(self.last_event_id()),
            };
        }
        let next = EventId(self.next_event_id);
        let (scheduled, started) = match kind {
            TaskKind::Normal { scheduled } => (scheduled, next),
            TaskKind::Transient { .. } | TaskKind::Speculative => (next, next.next()),
        };
        let task = StartedTask {
            kind,
            serial,
            worker: worker.clone(),
            remote,
            updates: self.take_admitted_updates(),
            scheduled_time,
            deadline: now.after(self.start.timeouts.task_timeout()),
            time: now.max(self.last_event_time),
            scheduled,
            started,
            history_bytes: self.history_bytes,
            suggests_continue_as_new: self.suggests_continue_as_new(),
        };
        self.set_task(Task::Started(task));
        self.note_suspect();
    }

    /// The `WorkflowTaskScheduled` of a task that was not recorded as scheduled; it is recorded with the
    /// answer.
    pub(crate) fn late_scheduled_event(&self, task: &StartedTask) -> Option<HistoryEvent> {
        match task.kind {
            TaskKind::Normal { .. } => None,
            TaskKind::Transient { .. } | TaskKind::Speculative => Some(HistoryEvent::new(
                task.scheduled,
                task.time,
                self.task_scheduled_kind(self.attempt),
            )),
        }
    }

    /// What is recorded with the answer to the task, if a worker has it.
    pub(crate) fn open_task_events(&self) -> Vec<HistoryEvent> {
        let Task::Started(task) = &self.task else {
            return Vec::new();
        };
        let scheduled = self.late_scheduled_event(task).into_iter();
        scheduled.chain([task.started_event()]).collect()
    }

    /// Takes the task back from a worker that never got it.
    pub(crate) fn return_task(&mut self, now: Timestamp) {
        if let Some(task) = self.take_started_task() {
            self.readmit_updates(&task.updates);
            self.set_task(Task::Scheduled(ScheduledTask {
                kind: task.kind,
                time: task.scheduled_time,
                not_before: None,
            }));
            if self.flush_buffered(now)
                && !matches!(
                    &self.task,
                    Task::Scheduled(ScheduledTask {
                        kind: TaskKind::Normal { .. },
                        ..
                    })
                )
            {
                self.record_task_scheduled(now, 1);
            }
            self.note_suspect();
        }
    }

    pub(super) fn take_started_task(&mut self) -> Option<StartedTask> {
        if !self.is_task_started() {
            return None;
        }
        match self.set_task(Task::Idle) {
            Task::Started(task) => Some(task),
            Task::Idle | Task::Scheduled(_) => None,
        }
    }

    /// Records that the task was with a worker. Returns the ids of its two first events.
    pub(super) fn record_task_started(&mut self, task: &StartedTask) -> (EventId, EventId) {
        if let Some(event) = self.late_scheduled_event(task) {
            self.record(event.event_time, event.kind);
        }
        let event = task.started_event();
        let started = self.record(event.event_time, event.kind);
        debug_assert_eq!(
            started, task.started,
            "nothing is recorded while a task is out"
        );
        (task.scheduled, started)
    }

    /// Ends the task without an answer, and tries again.
    pub(crate) fn fail_task(
        &mut self,
        cause: WorkflowTaskFailedCause,
        failure: Failure,
        now: Timestamp,
    ) {
        self.end_task(now, |scheduled_event_id, started_event_id, identity| {
            EventKind::WorkflowTaskFailed {
                scheduled_event_id,
                started_event_id,
                cause,
                failure: Some(Box::new(failure)),
                identity: Some(identity),
                base_run_id: None,
                new_run_id: None,
            }
        });
    }

    fn time_out_task(&mut self, now: Timestamp) {
        if self.is_task_started() {
            let attempt = self.attempt;
            self.effects
                .push(Effect::Report(TimedOut::WorkflowTask { attempt }));
        }
        self.end_task(now, |scheduled_event_id, started_event_id, _| {
            EventKind::WorkflowTaskTimedOut {
                scheduled_event_id,
                started_event_id,
                timeout_type: TimeoutType::StartToClose,
            }
        });
    }

    fn end_task(
        &mut self,
        now: Timestamp,
        event: impl FnOnce(EventId, EventId, Identity) -> EventKind,
    ) {
        let Some(task) = self.take_started_task() else {
            return;
        };
        self.forget_sticky();
        self.readmit_updates(&task.updates);
        match task.kind {
            TaskKind::Normal { .. } => {
                let (scheduled, started) = self.record_task_started(&task);
                self.record(now, event(scheduled, started, task.worker));
            }
            TaskKind::Transient { .. } | TaskKind::Speculative => {
                self.attempt = self.attempt.saturating_add(1);
                let unrecorded = event(task.scheduled, task.started, task.worker);
                self.note_task_problem(&unrecorded, false);
                let kind = match task.kind {
                    TaskKind::Speculative => TaskKind::Speculative,
                    _ => TaskKind::Transient {
                        follows: self.last_event_id(),
                    },
                };
                self.set_task(Task::Scheduled(ScheduledTask {
                    kind,
                    time: now,
                    not_before: None,
                }));
            }
        }
        if self.flush_buffered(now) {
            self.record_task_scheduled(now, 1);
        } else {
            self.back_off(now);
        }
        self.note_suspect();
    }

    fn back_off(&mut self, now: Timestamp) {
        let wait = Self::task_backoff(self.attempt);
        if wait.is_zero() {
            return;
        }
        if let Task::Scheduled(task) = &mut self.task {
            let due = now.after(wait);
            task.not_before = Some(due);
            self.deadlines.insert((due, Deadline::TaskBackoff));
        }
    }

    /// Replaces the task together with its deadline.
    pub(super) fn set_task(&mut self, task: Task) -> Task {
        match &self.task {
            Task::Scheduled(ScheduledTask {
                not_before: Some(due),
                ..
            }) => {
                self.deadlines.remove(&(*due, Deadline::TaskBackoff));
            }
            Task::Started(started) => {
                self.deadlines
                    .remove(&(started.deadline, Deadline::TaskTimeout));
            }
            Task::Idle | Task::Scheduled(_) => {}
        }
        match &task {
            Task::Scheduled(ScheduledTask {
                not_before: Some(due),
                ..
            }) => {
                self.deadlines.insert((*due, Deadline::TaskBackoff));
            }
            Task::Started(started) => {
                self.deadlines
                    .insert((started.deadline, Deadline::TaskTimeout));
            }
            Task::Idle | Task::Scheduled(_) => {}
        }
        std::mem::replace(&mut self.task, task)
    }

    /// Gives the waiting queries to a worker on a task of their own.
    pub(crate) fn start_query_task(&mut self, serial: u64, now: Timestamp) {
        let deadline = now.after(QUERY_TASK_TIMEOUT);
        self.deadlines.insert((deadline, Deadline::QueryTimeout));
        self.query_task = Some(QueryTask { serial, deadline });
    }

    /// Ends the task of the queries.
    pub(crate) fn end_query_task(&mut self) {
        if let Some(task) = self.query_task.take() {
            self.deadlines
                .remove(&(task.deadline, Deadline::QueryTimeout));
        }
    }

    /// Does what is due.
    pub(crate) fn fire(&mut self, now: Timestamp) {
        // Timers that are due together are fired before the task that tells of them.
        let mut fired = false;
        while let Some(&(due, deadline)) = self.deadlines.first()
            && due <= now
        {
            self.deadlines.pop_first();
            match deadline {
                Deadline::FirstTask => {
                    self.first_task_due = None;
                    self.schedule_task(now);
                }
                Deadline::TaskBackoff => {
                    if let Task::Scheduled(task) = &mut self.task {
                        task.not_before = None;
                    }
                }
                Deadline::TaskTimeout => self.time_out_task(now),
                Deadline::QueryTimeout => {
                    self.query_task = None;
                    self.forget_sticky();
                    self.reassign_queries();
                }
                Deadline::StickyTimeout => self.time_out_sticky_queue(now),
                Deadline::Timer(started) => fired |= self.fire_timer(started, now),
                Deadline::Activity(scheduled) => self.activity_deadline(scheduled, now),
                Deadline::Run => self.time_out(now),
            }
        }
        if fired && self.is_open() {
            self.schedule_task(now);
        }
    }

    /// Says whether a task has to be scheduled.
    fn fire_timer(&mut self, started: u64, now: Timestamp) -> bool {
        let Some(timer) = self.timers.get(&started) else {
            return false;
        };
        let fired = EventKind::TimerFired {
            timer_id: timer.timer_id.clone(),
            started_event_id: EventId(started),
        };
        if self.is_task_started() {
            self.buffer(now, fired);
            false
        } else {
            self.record(now, fired);
            true
        }
    }
}
