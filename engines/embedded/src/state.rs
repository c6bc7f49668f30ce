//! The state of the engine behind its lock: runs in memory, task queues, timers, and what is to be
//! written.
//!
//! Invariants:
//!
//! * Everything that is queued for the writer while the lock is held once is committed together
//!   (E2, also across executions), because the writer takes all of it at once.
//! * After a transition of a run, [`Core::finish`] is called for it before the lock is released.
//! * A run leaves memory only when all of it is durable and nobody is about to install an older
//!   reading of it (`pins`).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use steadfast_core::{
    event::WorkflowExecutionStarted,
    failure::Failure,
    ids::{EventId, RequestId, RunId, TaskQueue, WorkflowId},
    payload::Payload,
    time::Timestamp,
};
use steadfast_engine::{EngineError, UpdateReply};
use tokio::sync::Notify;

use super::{
    attributes::Registry,
    execution::{
        Attempt, Before, Effect, Execution, PendingUpdate, QueryReply, RunningAttempts,
        UpdateReplySender,
    },
    fast_map::FastMap,
    job::{Job, ParkedJob},
    queue::{Paused, Queues},
    save::{enforce_limits, index_attributes, save},
    schedules::Schedules,
    store::{BackupRequest, InsertRun, LoadedRun, ReadFn, Row},
    suspects::Suspects,
    ticket::{Promise, Ticket},
    timeouts::TimeoutCounts,
    watch::Watch,
};

/// What happens once a batch is durable.
#[derive(Debug)]
pub(crate) enum After {
    Dispatch {
        queue: TaskQueue,
        key: i64,
        scheduled: u64,
        attempt: u32,
    },
    Update(UpdateReplySender, Box<UpdateReply>),
    Query(QueryReply, Box<Result<Payload, Failure>>),
}

/// An attempt at an activity whose end is not durable yet.
#[derive(Debug)]
pub(crate) struct EndedAttempt {
    pub(crate) key: i64,
    pub(crate) scheduled: u64,
    pub(crate) number: u32,
    pub(crate) attempt: Attempt,
}

/// What this process knows of those that had the file before.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// Whether the last one did not end in peace.
    crashed: bool,
    /// The last key of a run of theirs.
    last_key: i64,
    /// Until when new runs are suspects too: what a client starts and dies of within moments was never durable.
    probation: Timestamp,
    /// Runs of theirs that were in memory and are above suspicion.
    acquitted: HashSet<i64>,
}

/// How long after a crash new runs are suspects.
const PROBATION: Duration = Duration::from_secs(10);

impl Opening {
    pub(crate) fn after(crashed: bool, last_key: i64, now: Timestamp) -> Self {
        Self {
            crashed,
            last_key,
            probation: if crashed {
                now.after(PROBATION)
            } else {
                Timestamp::from_unix_nanos(i64::MIN)
            },
            acquitted: HashSet::new(),
        }
    }

    /// Whether a run that comes into memory is as an earlier process left it.
    fn found(&self, key: i64) -> bool {
        key <= self.last_key && !self.acquitted.contains(&key)
    }

    pub(crate) fn is_probation(&self, now: Timestamp) -> bool {
        now < self.probation
    }

    /// A run leaves memory.
    fn let_go(&mut self, key: i64, is_suspect: bool) {
        if key <= self.last_key && !is_suspect {
            self.acquitted.insert(key);
        }
    }
}

/// Who keeps the runs of a workflow id in memory.
#[derive(Debug, Default)]
struct Pins {
    /// So many read about them.
    readers: usize,
    /// What they brought into memory.
    loaded: Vec<i64>,
}

/// Something for each of some runs.
pub(crate) type ByKey<T> = FastMap<i64, T>;

/// What the writer thread is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum WriterState {
    /// Working, or there is no such thread.
    #[default]
    Busy,
    /// Asleep for a moment: it is woken only for what should not wait for that long.
    Rests,
    /// Asleep until it is woken.
    Sleeps,
}

#[derive(Debug, Default)]
pub(crate) struct Core {
    pub(crate) executions: ByKey<Execution>,
    by_run: HashMap<RunId, i64>,
    /// The current runs among those in memory.
    by_workflow: HashMap<WorkflowId, i64>,
    pub(crate) next_key: i64,
    pub(crate) opening: Opening,
    pub(crate) suspects: Suspects,
    pub(crate) schedules: Schedules,
    pub(crate) next_job: i64,
    /// Jobs in the store that have to be read: those of a previous opening, and those whose commit
    /// failed.
    pub(crate) unread_jobs: Vec<i64>,
    pub(crate) next_serial: u64,
    pub(crate) cached_executions: usize,

    pub(crate) paused: Paused,
    /// The search attributes that there are; shared with those who read a query.
    pub(crate) attributes: Arc<Registry>,
    pub(crate) workflow_tasks: Queues<i64>,
    pub(crate) activity_tasks: Queues<(i64, u64, u32)>,
    pub(crate) watches: ByKey<Arc<Watch>>,

    pub(crate) rows: Vec<Row>,
    pub(crate) after: Vec<After>,
    /// For those who wait for what is queued, if anybody does.
    pub(crate) promise: Option<Promise>,
    pub(crate) reads: Vec<ReadFn>,
    pub(crate) backups: Vec<BackupRequest>,
    /// What waits for the batch that is being written.
    pub(crate) writing: Vec<After>,
    pub(crate) promise_writing: Option<Promise>,
    /// Attempts whose end is part of the next batch, and of the one that is being written: if it is
    /// not written they go on.
    pub(crate) ended: Vec<EndedAttempt>,
    pub(crate) ended_writing: Vec<EndedAttempt>,
    pub(crate) writer_state: WriterState,
    /// Whether somebody else than the writer thread is writing what is queued.
    pub(crate) claimed: bool,
    /// Counts commits.
    pub(crate) commits: u64,
    /// How many workflow tasks are with workers.
    pub(crate) tasks_out: usize,

    /// When which run has to be looked at; entries may be early or stale.
    pub(crate) timers: BinaryHeap<Reverse<(Timestamp, i64)>>,
    /// When which run's callers have to be looked at; entries may be early or stale.
    pub(crate) waits: BinaryHeap<Reverse<(Timestamp, i64)>>,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) parked: VecDeque<ParkedJob>,
    /// Whether the timer thread is doing one.
    pub(crate) job_runs: bool,
    /// Until when the timer thread waits; `None` when it is awake.
    pub(crate) timer_thread_until: Option<Timestamp>,

    pins: HashMap<WorkflowId, Pins>,
    /// Runs that are being read because they are due; they are not let go of either.
    pub(crate) loading: Vec<i64>,
    idle: VecDeque<i64>,
    /// Attempts that run although their run was dropped after a commit failed.
    pub(crate) running: ByKey<RunningAttempts>,
    /// Those of them that the store still has as an earlier process left them.
    pub(crate) not_ours: HashSet<i64>,
    /// What went wrong since the engine was opened.
    pub(crate) timeouts: TimeoutCounts,
    /// Counts transitions.
    pub(crate) transitions: u64,
    /// Told of every transition.
    pub(crate) stirred: Arc<Notify>,
    /// Room for the effects of the next transition, so that each does not make its own.
    spare_effects: Vec<Effect>,
    /// Emptied rows of events, so that not every run makes its own.
    pub(crate) spare_rows: Vec<Vec<u8>>,
    /// Why the engine does nothing any more.
    pub(crate) stopped: Option<EngineError>,
    pub(crate) stopping: bool,
}

impl Core {
    pub(crate) fn check_running(&self) -> Result<(), EngineError> {
        match &self.stopped {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The current run of a workflow id, or a certain one, if it is in memory.
    pub(crate) fn find(&self, workflow_id: &WorkflowId, run_id: Option<&RunId>) -> Option<i64> {
        match run_id {
            None => self.by_workflow.get(workflow_id).copied(),
            Some(run_id) => self.by_run.get(run_id).copied().filter(|key| {
                self.executions
                    .get(key)
                    .is_some_and(|run| run.id.workflow_id == *workflow_id)
            }),
        }
    }

    pub(crate) fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    /// Hands tasks out of a queue, or no more.
    pub(crate) fn pause(&mut self, queue: &TaskQueue, paused: bool) {
        let changed = if paused {
            self.paused.insert(queue.clone())
        } else {
            self.paused.remove(queue)
        };
        if changed {
            self.rows.push(if paused {
                Row::PauseQueue(queue.clone())
            } else {
                Row::ResumeQueue(queue.clone())
            });
            self.workflow_tasks.wake(queue, &self.paused);
            self.activity_tasks.wake(queue, &self.paused);
        }
    }

    /// Waits for the commit of everything that was queued so far.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.promise.get_or_insert_default().ticket()
    }

    /// Makes a run, with its first task unless it has to wait.
    pub(crate) fn create(
        &mut self,
        run_id: RunId,
        start: Box<WorkflowExecutionStarted>,
        request_id: Option<RequestId>,
        now: Timestamp,
        prepare: impl FnOnce(&mut Execution),
    ) -> i64 {
        self.next_key += 1;
        let key = self.next_key;
        let mut run = Execution::start(key, run_id, start, request_id, now);
        prepare(&mut run);
        if !run.waits_for_first_task() {
            run.schedule_task(now);
        }
        self.add_new(run, now);
        self.finish(key, now);
        key
    }

    /// Takes in a run that the store does not have yet.
    pub(crate) fn add_new(&mut self, mut run: Execution, now: Timestamp) {
        if self.opening.is_probation(now) {
            run.suspect_task();
        }
        run.stored_wakeup = run.wakeup();
        let index = index_attributes(&mut self.attributes, &run.search_attributes, &mut self.rows);
        self.rows.push(Row::Insert(Box::new(InsertRun {
            key: run.key,
            id: run.id.clone(),
            workflow_type: run.start.workflow_type.clone(),
            task_queue: run.start.task_queue.clone(),
            start_time: run.start_time,
            execution_time: Some(run.execution_time()).filter(|time| *time != run.start_time),
            wakeup: run.stored_wakeup,
            first_run_id: run.start.first_execution_run_id.clone(),
            request_id: run.request_id.clone(),
            parent: run
                .start
                .parent
                .as_ref()
                .map(|parent| parent.execution.clone()),
            root: run.start.root.clone(),
            memo: run.memo.clone(),
            search_attributes: run.search_attributes.clone(),
            index,
        })));
        run.attributes_changed = false;
        self.by_workflow.insert(run.id.workflow_id.clone(), run.key);
        self.by_run.insert(run.id.run_id.clone(), run.key);
        self.executions.insert(run.key, run);
    }

    /// Takes in a run that was read from the store, unless it is here already.
    pub(crate) fn install(
        &mut self,
        loaded: LoadedRun,
        now: Timestamp,
    ) -> Result<i64, EngineError> {
        let key = loaded.info.key;
        if self.executions.contains_key(&key) {
            return Ok(key);
        }
        let mut run =
            Execution::from_history(key, loaded.info.id, loaded.events).ok_or_else(|| {
                EngineError::Storage {
                    message:
                        "a history does not begin with its start; the file is damaged, restore it \
                          from a backup"
                            .to_owned(),
                }
            })?;
        run.history_bytes = loaded.bytes;
        run.start_time = loaded.info.start_time;
        run.request_id = loaded.info.request_id;
        run.reset_run_id = loaded.info.reset_run_id;
        run.stored_wakeup = loaded.info.wakeup;
        run.recover_problems(&loaded.info.search_attributes);
        if run.start_time > run.start_event_time() {
            // The run is a reset one: its time limits count from when it was made.
            run.set_run_due_from(loaded.info.start_time);
        }
        if run.is_open() {
            self.by_workflow.insert(run.id.workflow_id.clone(), key);
        }
        self.by_run.insert(run.id.run_id.clone(), key);
        let found = self.opening.found(key);
        let running = self.running.remove(&key);
        let before = Before {
            was_ours: !found || (running.is_some() && !self.not_ours.remove(&key)),
            running: running.unwrap_or_default(),
            suspect: (found && self.opening.crashed) || self.opening.is_probation(now),
        };
        run.recover(loaded.state, before, now);
        self.executions.insert(key, run);
        self.finish(key, now);
        self.run_jobs(now);
        Ok(key)
    }

    /// Writes down and passes on what a transition of a run led to.
    pub(crate) fn finish(&mut self, key: i64, now: Timestamp) {
        let Some(run) = self.executions.get_mut(&key) else {
            return;
        };
        if run.next_deadline().is_some_and(|due| due <= now) {
            // Nobody waits for a clock that would have to move first.
            run.registered_due = None;
            run.fire(now);
        }
        self.transitions += 1;
        // Whoever waits has a clone; mostly there is nobody.
        if Arc::strong_count(&self.stirred) > 1 {
            self.stirred.notify_waiters();
        }
        enforce_limits(run, now);
        save(
            run,
            self.commits,
            &mut self.attributes,
            &mut self.rows,
            &mut self.spare_rows,
        );
        let out = run.is_task_started();
        if out != std::mem::replace(&mut run.counted_out, out) {
            self.tasks_out = if out {
                self.tasks_out + 1
            } else {
                self.tasks_out - 1
            };
        }
        if !run.ended_attempts.is_empty() {
            let ended = run.ended_attempts.drain(..);
            self.ended
                .extend(ended.map(|(scheduled, number, attempt)| EndedAttempt {
                    key,
                    scheduled,
                    number,
                    attempt,
                }));
        }
        let mut effects = Vec::new();
        if !run.effects.is_empty() {
            effects = std::mem::replace(&mut run.effects, std::mem::take(&mut self.spare_effects));
        }
        let ready = run.query_task.is_none() && (run.is_task_ready() || run.needs_query_task());
        if ready && !run.queued {
            run.queued = true;
            let sticky = run.sticky_queue();
            if !self.paused.contains(&run.start.task_queue)
                && sticky.is_some_and(|it| self.workflow_tasks.is_served(&it.task_queue, now))
            {
                run.wait_in_sticky_queue(now);
            } else if sticky.is_some() {
                run.forget_sticky();
            }
            self.workflow_tasks.push(run.stands_in(), key);
        }
        if let Some(due) = run.next_deadline()
            && run.registered_due.is_none_or(|registered| due < registered)
        {
            run.registered_due = Some(due);
            self.timers.push(Reverse((due, key)));
        }
        let has_new_wait = run.unwatched_wait().is_some();
        if !effects.is_empty() {
            for effect in effects.drain(..) {
                self.take_effect(key, effect, now);
            }
            self.spare_effects = effects;
        }
        if has_new_wait {
            self.watch_waits(key);
        }
        self.end_trials(key, now);
        self.drop_if_done(key);
    }

    fn take_effect(&mut self, key: i64, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Dispatch {
                queue,
                scheduled,
                attempt,
            } => self.after.push(After::Dispatch {
                queue,
                key,
                scheduled,
                attempt,
            }),
            Effect::StartChild { initiated } => {
                self.jobs.push_back(Job::StartChild {
                    parent: key,
                    initiated,
                });
            }
            Effect::CancelExternal { initiated } => {
                self.jobs.push_back(Job::CancelExternal {
                    sender: key,
                    initiated,
                });
            }
            Effect::SignalExternal { initiated } => {
                self.jobs.push_back(Job::SignalExternal {
                    sender: key,
                    initiated,
                });
            }
            Effect::Report(timed_out) => {
                if let Some(run) = self.executions.get(&key) {
                    self.timeouts.report(run, &timed_out);
                }
            }
            Effect::Closed => {
                if let Some(run) = self.executions.get(&key) {
                    Job::after_close(run, &mut self.jobs);
                }
                self.tell_schedule(key);
            }
            Effect::StartRun(next) => {
                let updates: Vec<PendingUpdate> = next.updates;
                self.create(next.run_id, next.start, None, now, |run| {
                    run.take_over_updates(updates);
                });
            }
            Effect::UpdateReply(reply, answer) => self.after.push(After::Update(reply, answer)),
            Effect::QueryReply(reply, answer) => self.after.push(After::Query(reply, answer)),
        }
    }

    /// Lets go of a closed run once it is durable, or of idle runs when there are too many.
    pub(crate) fn drop_if_done(&mut self, key: i64) {
        let Some(run) = self.executions.get(&key) else {
            return;
        };
        if run.is_open() {
            if run.is_evictable() {
                self.idle.push_back(key);
                self.evict();
            }
            return;
        }
        let done = run.committed == run.last_event_id()
            && run.queries.is_empty()
            && run.query_task.is_none()
            && !self.is_pinned(run);
        if done {
            self.forget(key);
        }
    }

    fn evict(&mut self) {
        while self.executions.len() > self.cached_executions {
            let Some(key) = self.idle.pop_front() else {
                return;
            };
            let evictable = self
                .executions
                .get(&key)
                .is_some_and(|run| run.is_evictable() && !self.is_pinned(run));
            if evictable && let Some(run) = self.forget(key) {
                self.opening.let_go(key, run.is_task_suspect());
            }
        }
        // Keys that became idle more than once must not pile up.
        if self.idle.len() > 4 * self.cached_executions.max(1_024) {
            self.idle.drain(..self.cached_executions.max(1_024));
        }
    }

    fn is_pinned(&self, run: &Execution) -> bool {
        self.pins.contains_key(&run.id.workflow_id) || self.loading.contains(&run.key)
    }

    pub(crate) fn forget(&mut self, key: i64) -> Option<Execution> {
        let run = self.executions.remove(&key)?;
        if run.counted_out {
            self.tasks_out -= 1;
        }
        self.by_run.remove(&run.id.run_id);
        if self.by_workflow.get(&run.id.workflow_id) == Some(&key) {
            self.by_workflow.remove(&run.id.workflow_id);
        }
        Some(run)
    }

    /// Keeps runs of a workflow id in memory while somebody reads about it from the store.
    pub(crate) fn pin(&mut self, workflow_id: &WorkflowId) {
        self.pins.entry(workflow_id.clone()).or_default().readers += 1;
    }

    /// Somebody has read what there was to read, and brought a run into memory perhaps, which may not be the current one.
    pub(crate) fn unpin(&mut self, workflow_id: &WorkflowId, loaded: Option<i64>) {
        let Some(pins) = self.pins.get_mut(workflow_id) else {
            return;
        };
        pins.readers -= 1;
        pins.loaded.extend(loaded);
        if pins.readers == 0 {
            let pins = self.pins.remove(workflow_id).unwrap_or_default();
            let current = self.find(workflow_id, None);
            for key in pins.loaded.into_iter().chain(current) {
                self.drop_if_done(key);
            }
        }
    }
}

impl Execution {
    /// When the first event happened; a reset run is younger than that.
    fn start_event_time(&self) -> Timestamp {
        match self.tail.first() {
            Some(event) if event.event_id == EventId(1) => event.event_time,
            _ => self.start_time,
        }
    }

    /// Whether this run is of the chain that began with a run.
    pub(crate) fn belongs_to(&self, first_run_id: &RunId) -> bool {
        self.start.first_execution_run_id == *first_run_id
    }
}
