//! The state of one run, and every transition of it, as pure functions.
//!
//! A transition takes the run, a request and the time, records events and leaves behind
//! [`Effect`]s: what others have to do because of it. It does no IO, takes no lock and reads no
//! clock. The state is a fold over the events ([`Execution::apply`]), so loading a run, resetting
//! one and running one cannot disagree; what a history does not tell (attempts of activities that
//! run, events that wait for a task's answer, queries, updates that nobody accepted yet) is beside
//! it and named as such.
//!
//! Invariants:
//!
//! * Event ids count from 1 without gaps and event times never decrease (E3, E9).
//! * While a task is with a worker nothing is recorded but its answer or its end; the rest waits in
//!   `buffered` (E4, ground rule 4).
//! * Nothing is recorded after a closing event (ground rule 6).
//! * `deadlines` holds exactly the times at which the run has to be looked at.

mod activity;
mod apply;
mod attempt;
mod child;
mod close;
mod commands;
mod identity;
mod lost;
mod message;
mod problems;
mod record;
mod recover;
mod sticky;
mod task;
mod time;
mod timed_out;
mod unanswered;
mod validate;
mod wait;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use steadfast_core::{
    command::{RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution},
    event::{EventKind, ExecutionStatus, HistoryEvent, WorkflowExecutionStarted},
    ids::{ActivityId, EventId, RequestId, RunId, TaskQueue, TimerId, UpdateId, WorkflowExecution},
    payload::{Payload, PayloadMap},
    time::Timestamp,
};

use self::lost::Suspicion;
use super::fast_map::FastMap;

pub(crate) use self::{
    activity::{Activity, ActivityRow, ActivityState, Attempt},
    child::{Child, ChildEnd},
    close::{NewRun, first_backoff, new_run_id, started_by_cron},
    commands::Answered,
    identity::engine_identity,
    lost::{StoredSuspect, StoredTask, Suspect, TaskRow},
    message::{PendingQuery, PendingUpdate, QueryReply, UpdateReplySender, UpdateState},
    problems::{NOT_YOURS, TaskProblems, claims_problems},
    record::QueuedEvents,
    recover::{Before, RunningAttempts, StoredActivity, StoredState},
    sticky::Sticky,
    task::{QueryTask, ScheduledTask, Task, TaskKind},
    time::settle_start,
    timed_out::TimedOut,
    unanswered::Unanswered,
    wait::Wait,
};

/// The most events that a history can have; a run that goes on is terminated.
pub(crate) const MAX_EVENTS: u64 = 51_200;
/// The most bytes that a history can have; a run that goes on is terminated.
pub(crate) const MAX_HISTORY_BYTES: u64 = 50 * 1024 * 1024;
/// From here on a worker is told to continue as new.
pub(crate) const WARN_EVENTS: u64 = 10_240;
/// From here on a worker is told to continue as new.
pub(crate) const WARN_HISTORY_BYTES: u64 = 10 * 1024 * 1024;
/// The most activities, children, signals or cancellations that can be pending, each.
pub(crate) const MAX_PENDING: usize = 2_000;

/// What others have to do because of a transition.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Give the activity to a worker, once its scheduling is durable.
    Dispatch {
        queue: TaskQueue,
        scheduled: u64,
        attempt: u32,
    },
    /// Start the child.
    StartChild { initiated: u64 },
    /// Carry the cancellation to its target.
    CancelExternal { initiated: u64 },
    /// Carry the signal to its target.
    SignalExternal { initiated: u64 },
    /// Say what went wrong.
    Report(TimedOut),
    /// Apply the parent close policies and tell the parent.
    Closed,
    /// Start the run that follows this one.
    StartRun(Box<NewRun>),
    /// Answer an update once what was recorded is durable.
    UpdateReply(UpdateReplySender, Box<steadfast_engine::UpdateReply>),
    /// Answer a query once what was recorded is durable.
    QueryReply(
        QueryReply,
        Box<Result<Payload, steadfast_core::failure::Failure>>,
    ),
}

/// When a run has to be looked at, and why. Of several due at once the first is handled first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Deadline {
    /// The wait before the first task is over.
    FirstTask,
    /// The wait before the next attempt at a failing task is over.
    TaskBackoff,
    /// The worker that has the task is late.
    TaskTimeout,
    /// The worker that has the queries is late.
    QueryTimeout,
    /// The worker that has the run in memory does not come for what waits for it.
    StickyTimeout,
    /// A timer fires; the event that started it.
    Timer(u64),
    /// A retry or a time limit of an activity; the event that scheduled it.
    Activity(u64),
    /// The run times out.
    Run,
}

/// A timer that has not fired.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) timer_id: TimerId,
    pub(crate) due: Timestamp,
}

/// One run.
#[derive(Debug)]
pub(crate) struct Execution {
    /// The row in the store.
    pub(crate) key: i64,
    pub(crate) id: WorkflowExecution,
    pub(crate) start: Box<WorkflowExecutionStarted>,
    pub(crate) start_time: Timestamp,
    /// The request that made the run.
    pub(crate) request_id: Option<RequestId>,
    pub(crate) status: ExecutionStatus,
    pub(crate) close_time: Option<Timestamp>,
    pub(crate) closing_event: Option<HistoryEvent>,
    pub(crate) reset_run_id: Option<RunId>,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
    /// The search attribute that says that the task keeps failing.
    reported_problems: Option<Box<Payload>>,
    pub(crate) attributes_changed: bool,

    pub(crate) next_event_id: u64,
    pub(crate) last_event_time: Timestamp,
    pub(crate) history_bytes: u64,
    /// The last events, without gaps up to the last one recorded.
    pub(crate) tail: Vec<HistoryEvent>,
    /// How many of the last events have not been given to the writer.
    pub(crate) unsaved: usize,
    /// Where the last ones that have been given to it are.
    pub(crate) queued_events: Option<QueuedEvents>,
    /// Attempts that a transition ended: event id of the activity, number, and the attempt.
    pub(crate) ended_attempts: Vec<(u64, u32, Attempt)>,
    /// The last event that is known to be durable.
    pub(crate) committed: u64,

    pub(crate) task: Task,
    /// The attempt at the current or next task.
    pub(crate) attempt: u32,
    /// Its failures since a task was last completed.
    pub(crate) problems: Option<Box<TaskProblems>>,
    /// The last task start that was answered.
    pub(crate) previous_started: EventId,
    last_started: EventId,
    /// The worker that answered the last task, and so has the run in memory.
    pub(crate) sticky: Option<Sticky>,
    /// Until when what is ready waits in that worker's own queue, if it stands there.
    pub(crate) sticky_due: Option<Timestamp>,
    pub(crate) query_task: Option<QueryTask>,
    pub(crate) suspicion: Suspicion,
    /// Whether the store has the run as this process left it, and no longer as an earlier one did.
    pub(crate) is_ours: bool,
    /// Whether the run stands in its task queue.
    pub(crate) queued: bool,

    /// Events that wait until the task is answered, with the time at which they happened.
    pub(crate) buffered: Vec<(Timestamp, EventKind)>,
    /// How many of them have been given to the writer.
    pub(crate) buffered_saved: usize,
    pub(crate) drop_buffered_rows: bool,

    pub(crate) activities: BTreeMap<u64, Activity>,
    activity_ids: FastMap<ActivityId, u64>,
    backing_off: usize,
    pub(crate) activity_rows: Vec<ActivityRow>,
    pub(crate) timers: BTreeMap<u64, Timer>,
    timer_ids: HashMap<TimerId, u64>,
    pub(crate) children: BTreeMap<u64, Child>,
    children_to_start: usize,
    pub(crate) cancels: BTreeMap<u64, RequestCancelExternalWorkflowExecution>,
    pub(crate) signals: BTreeMap<u64, SignalExternalWorkflowExecution>,
    pub(crate) cancel_requested: bool,
    signal_requests: HashSet<RequestId>,
    pub(crate) updates: BTreeMap<UpdateId, PendingUpdate>,
    updates_admitted: usize,
    /// Numbers updates in the order in which they came.
    updates_arrived: u64,
    pub(crate) queries: Vec<PendingQuery>,
    /// When the first of those who wait for an answer has waited long enough, or earlier.
    pub(crate) next_wait: Option<Timestamp>,
    /// When the callers are looked at next; there may be later times, which count no more.
    pub(crate) watched_wait: Option<Timestamp>,

    pub(crate) deadlines: BTreeSet<(Timestamp, Deadline)>,
    first_task_due: Option<Timestamp>,
    run_due: Option<Timestamp>,
    pub(crate) effects: Vec<Effect>,

    // What the store and the timers know of the run.
    pub(crate) stored_wakeup: Option<i64>,
    pub(crate) stored_status: ExecutionStatus,
    pub(crate) registered_due: Option<Timestamp>,
    pub(crate) warned: bool,
    /// Whether the run is counted among those whose task is with a worker.
    pub(crate) counted_out: bool,
}

impl Execution {
    /// A run without events. The first one must be its `WorkflowExecutionStarted`.
    pub(crate) fn new(
        key: i64,
        id: WorkflowExecution,
        start: Box<WorkflowExecutionStarted>,
    ) -> Self {
        Self {
            key,
            id,
            start,
            start_time: Timestamp::EPOCH,
            request_id: None,
            status: ExecutionStatus::Running,
            close_time: None,
            closing_event: None,
            reset_run_id: None,
            memo: PayloadMap::new(),
            search_attributes: PayloadMap::new(),
            reported_problems: None,
            attributes_changed: false,
            next_event_id: 1,
            last_event_time: Timestamp::from_unix_nanos(i64::MIN),
            history_bytes: 0,
            tail: Vec::new(),
            unsaved: 0,
            queued_events: None,
            ended_attempts: Vec::new(),
            committed: 0,
            task: Task::Idle,
            attempt: 1,
            problems: None,
            previous_started: EventId::NONE,
            last_started: EventId::NONE,
            sticky: None,
            sticky_due: None,
            query_task: None,
            suspicion: Suspicion::default(),
            is_ours: true,
            queued: false,
            buffered: Vec::new(),
            buffered_saved: 0,
            drop_buffered_rows: false,
            activities: BTreeMap::new(),
            activity_ids: FastMap::default(),
            backing_off: 0,
            activity_rows: Vec::new(),
            timers: BTreeMap::new(),
            timer_ids: HashMap::new(),
            children: BTreeMap::new(),
            children_to_start: 0,
            cancels: BTreeMap::new(),
            signals: BTreeMap::new(),
            cancel_requested: false,
            signal_requests: HashSet::new(),
            updates: BTreeMap::new(),
            updates_admitted: 0,
            updates_arrived: 0,
            queries: Vec::new(),
            next_wait: None,
            watched_wait: None,
            deadlines: BTreeSet::new(),
            first_task_due: None,
            run_due: None,
            effects: Vec::new(),
            stored_wakeup: Some(0),
            stored_status: ExecutionStatus::Running,
            registered_due: None,
            warned: false,
            counted_out: false,
        }
    }

    /// A new run: its first event and, unless it has to wait, its first task.
    pub(crate) fn start(
        key: i64,
        run_id: RunId,
        start: Box<WorkflowExecutionStarted>,
        request_id: Option<RequestId>,
        now: Timestamp,
    ) -> Self {
        let id = WorkflowExecution {
            workflow_id: start.workflow_id.clone(),
            run_id,
        };
        let mut execution = Self::new(key, id, start.clone());
        execution.request_id = request_id;
        execution.record(now, EventKind::WorkflowExecutionStarted(start));
        execution
    }

    /// A run as its history left it.
    pub(crate) fn from_history(
        key: i64,
        id: WorkflowExecution,
        events: Vec<HistoryEvent>,
    ) -> Option<Self> {
        let EventKind::WorkflowExecutionStarted(start) = &events.first()?.kind else {
            return None;
        };
        let mut execution = Self::new(key, id, start.clone());
        for event in &events {
            execution.next_event_id = event.event_id.0.saturating_add(1);
            execution.last_event_time = execution.last_event_time.max(event.event_time);
            execution.apply(event.event_id, event.event_time, &event.kind);
        }
        execution.committed = execution.next_event_id - 1;
        execution.tail = events;
        execution.attributes_changed = false;
        execution.stored_status = execution.status;
        Some(execution)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.status == ExecutionStatus::Running
    }

    /// The last event that was recorded.
    pub(crate) fn last_event_id(&self) -> u64 {
        self.next_event_id - 1
    }

    /// The next time at which the run has to be looked at.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// When the run has to be loaded after a restart: at once (0), at a time, or when something
    /// happens to it.
    pub(crate) fn wakeup(&self) -> Option<i64> {
        if !self.is_open() {
            return None;
        }
        let task_waits = match &self.task {
            Task::Idle => false,
            Task::Scheduled(task) => task.kind != TaskKind::Speculative,
            Task::Started(task) => task.kind != TaskKind::Speculative,
        };
        if task_waits
            || !self.buffered.is_empty()
            || self.activities.len() > self.backing_off
            || self.children_to_start > 0
            || !self.cancels.is_empty()
            || !self.signals.is_empty()
        {
            return Some(0);
        }
        self.next_deadline().map(Timestamp::unix_nanos)
    }

    /// Whether dropping the run from memory loses nothing.
    pub(crate) fn is_evictable(&self) -> bool {
        self.is_open()
            && self.wakeup() != Some(0)
            && matches!(self.task, Task::Idle)
            && self.unsaved == 0
            && self.committed == self.last_event_id()
            && self.queries.is_empty()
            && self.query_task.is_none()
            && self.activity_rows.is_empty()
            && self.updates.values().all(PendingUpdate::is_forgettable)
    }

    /// Whether the history is so long that the workflow should continue as new.
    pub(crate) fn suggests_continue_as_new(&self) -> bool {
        self.next_event_id > WARN_EVENTS || self.history_bytes > WARN_HISTORY_BYTES
    }

    /// The wait before an attempt at a task after attempts that failed.
    pub(crate) fn task_backoff(attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(10);
        match attempt.checked_sub(3) {
            None => Duration::ZERO,
            Some(exponent) => Duration::from_millis(100)
                .saturating_mul(1 << exponent.min(20))
                .min(LONGEST),
        }
    }
}
