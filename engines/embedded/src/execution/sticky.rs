//! Who has a run in memory, and gets only the events that are new.
//!
//! A worker of this process is known by its identity and gets its tasks from the queue that everybody polls. A worker
//! elsewhere has a queue of its own for its runs, which may go unheard: a task waits there for as long as the worker said,
//! and then anybody gets it with the whole history, which is recorded as on a Temporal Service.

use steadfast_core::{
    event::EventKind,
    failure::TimeoutType,
    ids::{EventId, Identity, TaskQueue},
    task::StickyQueue,
    time::Timestamp,
};
use steadfast_engine::PollWorkflowTaskRequest;

use super::{Deadline, Execution, ScheduledTask, Task, TaskKind};

/// Who has a run in memory.
#[derive(Debug)]
pub(crate) enum Sticky {
    /// A worker of this process.
    Worker(Identity),
    /// Whoever polls a queue.
    Queue(Box<StickyQueue>),
}

impl Execution {
    /// The queue of the worker elsewhere that has the run in memory.
    pub(crate) fn sticky_queue(&self) -> Option<&StickyQueue> {
        match &self.sticky {
            Some(Sticky::Queue(queue)) => Some(queue),
            Some(Sticky::Worker(_)) | None => None,
        }
    }

    /// Whether whoever polls has the run in memory.
    pub(crate) fn is_kept_by(&self, request: &PollWorkflowTaskRequest) -> bool {
        match &self.sticky {
            Some(Sticky::Worker(worker)) => !request.remote && *worker == request.worker,
            Some(Sticky::Queue(queue)) => queue.task_queue == request.task_queue,
            None => false,
        }
    }

    /// Where the run stands when something of it is ready.
    pub(crate) fn stands_in(&self) -> &TaskQueue {
        match self.sticky_queue() {
            Some(sticky) if self.sticky_due.is_some() => &sticky.task_queue,
            _ => &self.start.task_queue,
        }
    }

    /// Lets what is ready wait for the worker that has the run in memory.
    pub(crate) fn wait_in_sticky_queue(&mut self, now: Timestamp) {
        let Some(sticky) = self.sticky_queue() else {
            return;
        };
        let due = now.after(sticky.schedule_to_start_timeout);
        self.leave_sticky_queue();
        self.sticky_due = Some(due);
        self.deadlines.insert((due, Deadline::StickyTimeout));
    }

    /// The worker has what waited, or nothing waits any more.
    pub(crate) fn leave_sticky_queue(&mut self) {
        if let Some(due) = self.sticky_due.take() {
            self.deadlines.remove(&(due, Deadline::StickyTimeout));
        }
    }

    /// Forgets who has the run in memory. What waits for that worker waits for everybody.
    pub(crate) fn forget_sticky(&mut self) {
        self.sticky = None;
        if self.sticky_due.is_some() {
            self.leave_sticky_queue();
            self.queued = false;
        }
    }

    /// The worker that has the run in memory did not come for what waited.
    pub(super) fn time_out_sticky_queue(&mut self, now: Timestamp) {
        self.forget_sticky();
        if let Task::Scheduled(ScheduledTask {
            kind: TaskKind::Normal { scheduled },
            ..
        }) = self.task
        {
            let attempt = self.attempt;
            self.record(
                now,
                EventKind::WorkflowTaskTimedOut {
                    scheduled_event_id: scheduled,
                    started_event_id: EventId::NONE,
                    timeout_type: TimeoutType::ScheduleToStart,
                },
            );
            self.record_task_scheduled(now, attempt);
        }
    }
}
