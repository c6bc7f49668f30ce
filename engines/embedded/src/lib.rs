//! The engine that is in this process, on one `SQLite` file or in memory.
//!
//! # How it works
//!
//! Runs live in memory as a fold over their events. A request changes a run under one lock, in
//! microseconds, and queues what is to be written; one thread at a time, nearly always the writer
//! thread, writes everything that was queued since the last commit in one transaction and then
//! acknowledges it all (see `commit`). A workflow task is handed out at once, because workflow code has no side effects; an
//! activity is handed out, and a call is answered, when the commit is done. Nothing polls: threads
//! wait for each other or for the next due time.
//!
//! # What a crash leaves
//!
//! What was acknowledged (E2), and of every commit all or nothing. After a restart open runs go on:
//! a task that was with a worker is handed out again as if it had never been, an activity that ran
//! is dispatched again, and one whose policy allows no further attempt is closed as timed out,
//! because it may have done its work. What two crashes in a row came upon waits before it is tried again, longer each
//! time, because it may be what they came from. Queries and updates that nobody accepted are gone with the
//! process that asked. A run is read from the file when it is due or when something happens to it.

mod attributes;
mod client;
mod clock;
mod commit;
mod driven;
mod ended;
mod execution;
mod fast_map;
#[cfg(test)]
mod fixture;
mod handout;
mod history;
mod hold_back;
mod idle;
mod job;
mod jobs;
mod limits;
mod options;
mod queue;
mod reset;
mod restart;
mod save;
mod schedules;
mod shared;
mod state;
mod stats;
mod store;
mod suspects;
mod ticket;
mod timeouts;
mod timers;
mod token;
mod updates;
mod url;
mod visibility;
mod waits;
mod watch;
mod worker;

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle, ThreadId},
    time::Duration,
    time::{SystemTime, UNIX_EPOCH},
};

use steadfast_core::{
    event::HistoryEvent,
    ids::{Identity, Namespace, RunId, ScheduleId, TaskQueue},
    payload::Payload,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};
use steadfast_engine::{
    ActivityLease, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine, EngineError,
    EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, ListFilter, ListWorkflowsRequest,
    PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
    ResetWorkflowRequest, SearchAttributeType, SearchAttributes, Signal, SignalWorkflowRequest,
    StartWorkflowRequest, StartedWorkflow, TaskQueueDescription, TerminateWorkflowRequest,
    UntakenTasks, UpdateReply, UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount,
    WorkflowDescription, WorkflowPage,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        ScheduleDescription, SchedulePage, UpdateScheduleRequest,
    },
};
use tokio::sync::oneshot;

use self::{
    clock::ClockListener,
    shared::Shared,
    state::{Core, Opening},
    store::{
        Db, Writer, due_runs, highest_key, namespace, paused_queues, search_attributes,
        stored_jobs, stored_schedules, stored_suspects,
    },
    suspects::Suspects,
};
pub use self::{
    clock::{Clock, ManualClock},
    options::{CrashAction, CrashPoint, Durability, EmbeddedOptions},
    stats::{Backlog, EngineStats, TaskQueueStats},
};

/// The stack of the engine's threads is small: they do not recurse.
const STACK_BYTES: usize = 512 * 1024;

/// An engine in this process; see the [module](self) for how it works.
///
/// It owns its file until it is shut down or dropped.
///
/// ```
/// # use steadfast::engine::embedded::EmbeddedEngine;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = EmbeddedEngine::in_memory()?;
/// # drop(engine);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    threads: Arc<Threads>,
}

/// The engine's own threads, which hold the file.
#[derive(Debug, Default)]
struct Threads {
    ids: Vec<ThreadId>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    /// Ends them; none is left when this returns, whoever else asked for it.
    fn end(&self, shared: &Shared) {
        shared.stop(ended::gone());
        if self.ids.contains(&thread::current().id()) {
            return;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in running.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }
}

impl EmbeddedEngine {
    /// Opens an engine; a path opens a file with the defaults.
    ///
    /// # Errors
    ///
    /// When the file is open elsewhere, belongs to another application or a newer version, or
    /// cannot be read and written. The text says which, and what to do.
    pub fn open(options: impl Into<EmbeddedOptions>) -> Result<Arc<Self>, EngineError> {
        let options = options.into();
        let db = store::open(
            &options.location,
            options.durability,
            options.codec,
            options.wait_for_lock,
        )?;
        let namespace = namespace(&db, options.namespace)?;
        let now = options.clock.now();
        let mut core = catch_unwind(AssertUnwindSafe(|| {
            prepare(&db, db.follows_a_crash(), now, options.cached_executions)
        }))
        .unwrap_or_else(|panic| Err(commit::stopped_by(&*panic)))?;
        if options.added_search_attributes_only {
            Arc::make_mut(&mut core.attributes).close(namespace.clone());
        }
        let shared = Arc::new(Shared::new(
            core,
            options.clock.clone(),
            namespace,
            options.durability,
            options.retention,
            Writer::new(db, options.crash),
            options.driven,
        ));
        if let Clock::Manual(clock) = &options.clock {
            let listener: Weak<dyn ClockListener> = Arc::downgrade(&(Arc::clone(&shared) as _));
            clock.listen(listener);
        }
        let threads = if options.driven {
            Threads::default()
        } else {
            start_threads(&shared)?
        };
        let engine = Arc::new(Self {
            shared,
            threads: Arc::new(threads),
        });
        if let Clock::Manual(_) = &options.clock {
            // Nobody else fires what was due when the file was opened.
            engine.shared.fire_due();
        }
        Ok(engine)
    }

    /// [`open`](Self::open) on a thread of its own, for which the task that asks waits.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub async fn connect(options: EmbeddedOptions) -> Result<Arc<Self>, EngineError> {
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("steadfast-open".to_owned())
            // Whoever asked may have gone: then it is closed again.
            .spawn(move || drop(tell.send(Self::open(options))))
            .map_err(|error| no_thread(&error))?;
        told.await.unwrap_or_else(|_| Err(ended::panicked()))
    }

    /// Opens an engine without a file.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn in_memory() -> Result<Arc<Self>, EngineError> {
        Self::open(EmbeddedOptions::in_memory())
    }

    /// Ends the engine: polls and waits end with [`EngineError::Stopped`], what was asked
    /// before is still written, and the file is closed when this returns.
    pub fn shutdown(&self) {
        self.threads.end(&self.shared);
    }

    /// Waits until everything that was asked is durable and every effect of one execution on
    /// another has happened: what is left is for workers, clients and the clock.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn settled(&self) -> Result<(), EngineError> {
        self.shared.settled().await
    }

    /// Waits until a worker has come as far as to wait for the tasks of a queue, of the kinds that are asked for, or
    /// to have one.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn polled(
        &self,
        queue: &TaskQueue,
        workflows: bool,
        activities: bool,
    ) -> Result<(), EngineError> {
        self.shared.polled(queue, workflows, activities).await
    }

    /// Waits until everything that was asked is done and no task is with a worker or about to be
    /// taken by one: what is left is for clients and the clock. Gives the number of transitions of
    /// executions so far.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn idle(&self) -> Result<u64, EngineError> {
        self.shared.idle().await
    }

    /// Whether a task waits for a worker. It may have ended while it waited.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub fn tasks_wait(&self) -> Result<bool, EngineError> {
        self.shared.tasks_wait()
    }

    /// Waits until there were more transitions of executions than a number.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub async fn stirred(&self, transitions: u64) -> Result<(), EngineError> {
        self.shared.stirred(transitions).await
    }

    /// Forgets everything that is not in the store, and goes on as a new process would after a
    /// crash: tasks that were with workers are handed out again, and answers to them are refused.
    ///
    /// # Errors
    ///
    /// When the engine is shut down or the store cannot be read.
    pub async fn restart(&self) -> Result<(), EngineError> {
        self.shared.restart().await
    }

    /// Hands out no workflow or activity tasks of a queue until it is resumed, also after a restart:
    /// workers wait as if there were none. What is with a worker goes on, requests are recorded, and
    /// time limits count on. Queries wait with the workflow tasks.
    ///
    /// # Errors
    ///
    /// When it cannot be written down.
    pub async fn pause_task_queue(&self, queue: &TaskQueue) -> Result<(), EngineError> {
        self.shared.pause(queue, true).await
    }

    /// Hands out the tasks of a queue again.
    ///
    /// # Errors
    ///
    /// When it cannot be written down.
    pub async fn resume_task_queue(&self, queue: &TaskQueue) -> Result<(), EngineError> {
        self.shared.pause(queue, false).await
    }

    /// The queues that are paused.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub fn paused_task_queues(&self) -> Result<Vec<TaskQueue>, EngineError> {
        Ok(self.shared.enter()?.0.paused.iter().cloned().collect())
    }

    /// Copies the database to a new file while the engine works. The copy is a database of its own:
    /// open it, or put it in the place of a lost one.
    ///
    /// What was acknowledged before the call is in the copy, and what was meanwhile may be. The copy
    /// is made in slices between commits and has its name once it is whole and on the disk.
    ///
    /// # Errors
    ///
    /// When the file exists or cannot be written, or the engine ends meanwhile.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), EngineError> {
        self.shared.backup(to.into()).await
    }

    /// Does what the threads of a [driven](EmbeddedOptions::driven) engine would do until nothing is
    /// left to do.
    #[doc(hidden)]
    pub fn drive(&self) {
        self.shared.drive();
    }

    /// Makes a [driven](EmbeddedOptions::driven) engine lose what is not committed and go on as a new
    /// process would.
    ///
    /// # Errors
    ///
    /// When the engine is not driven or shut down.
    #[doc(hidden)]
    pub fn lose_process(&self) -> Result<(), EngineError> {
        self.shared.lose_process()
    }

    /// Whether a workflow task and an activity task are ready in a queue.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub fn ready(&self, queue: &TaskQueue) -> Result<(bool, bool), EngineError> {
        self.shared.ready(queue)
    }

    /// Counts what waits for workers and what is kept. With the feature `metrics`, an
    /// engine through `metrics::measured` records it every second.
    ///
    /// # Errors
    ///
    /// When the engine is shut down.
    pub fn stats(&self) -> Result<EngineStats, EngineError> {
        self.shared.stats()
    }

    /// Does what [`stats`](Self::stats) does without keeping the engine open; `None` once it is gone.
    pub fn stats_source(&self) -> impl Fn() -> Option<EngineStats> + Send + 'static {
        let shared = Arc::downgrade(&self.shared);
        move || shared.upgrade()?.stats().ok()
    }

    /// How much a commit waits for the disk.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.durability
    }

    /// For how long closed runs are kept; `None` for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.shared.retention
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl From<&str> for EmbeddedOptions {
    fn from(path: &str) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for EmbeddedOptions {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for EmbeddedOptions {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

/// The state as the file left it: only what is due is known, not the runs themselves.
fn prepare(
    connection: &Db,
    crashed: bool,
    now: Timestamp,
    cached_executions: usize,
) -> Result<Core, EngineError> {
    let (next_key, next_job) = highest_key(connection)?;
    let mut core = Core::default();
    core.next_key = next_key;
    core.opening = Opening::after(crashed, next_key, now);
    (core.suspects, core.rows) = Suspects::after(stored_suspects(connection)?, crashed, now);
    core.next_job = next_job;
    // Serials of another opening are smaller, so its tokens are not mistaken for ours.
    core.next_serial = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0));
    core.cached_executions = cached_executions;
    core.paused = paused_queues(connection)?;
    core.attributes = Arc::new(search_attributes(connection)?);
    core.schedules.load(stored_schedules(connection)?)?;
    for (wakeup, key) in due_runs(connection)? {
        let due = if wakeup == 0 {
            now
        } else {
            Timestamp::from_unix_nanos(wakeup)
        };
        core.timers.push(Reverse((due, key)));
    }
    core.unread_jobs = stored_jobs(connection)?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    Ok(core)
}

fn no_thread(error: &std::io::Error) -> EngineError {
    EngineError::Unavailable {
        message: format!("a thread of the engine could not be started: {error}"),
    }
}

fn start_threads(shared: &Arc<Shared>) -> Result<Threads, EngineError> {
    let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(run)
    };
    let writer = Arc::clone(shared);
    let writer = spawn("steadfast-writer", Box::new(move || writer.run_writer()))
        .map_err(|error| no_thread(&error))?;
    let timers = Arc::clone(shared);
    let timers = spawn(
        "steadfast-timers",
        Box::new(move || timers::run_timers(&timers)),
    );
    match timers {
        Ok(timers) => Ok(Threads {
            ids: [&timers, &writer].map(|thread| thread.thread().id()).into(),
            running: Mutex::new(vec![timers, writer]),
        }),
        Err(error) => {
            // It closes the file.
            shared.stop(ended::gone());
            let _ = writer.join();
            Err(no_thread(&error))
        }
    }
}

impl Engine for EmbeddedEngine {
    fn namespace(&self) -> &Namespace {
        &self.shared.namespace
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// [`shutdown`](Self::shutdown), for which no thread of the caller waits.
    fn close(&self) -> EngineFuture<'_, ()> {
        let (shared, threads) = (Arc::clone(&self.shared), Arc::clone(&self.threads));
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            thread::Builder::new()
                .name("steadfast-close".to_owned())
                .spawn(move || {
                    threads.end(&shared);
                    // Whoever asked may have gone.
                    let _ = tell.send(());
                })
                .map_err(|error| no_thread(&error))?;
            told.await.map_err(|_| ended::panicked())
        })
    }

    fn start_workflow(&self, request: StartWorkflowRequest) -> EngineFuture<'_, StartedWorkflow> {
        Box::pin(self.shared.start(request, None))
    }

    fn signal_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        signal: Signal,
    ) -> EngineFuture<'_, StartedWorkflow> {
        Box::pin(self.shared.start(start, Some(signal)))
    }

    fn signal_workflow(&self, request: SignalWorkflowRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.signal(request))
    }

    fn request_cancel_workflow(&self, request: CancelWorkflowRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.request_cancel(request))
    }

    fn terminate_workflow(&self, request: TerminateWorkflowRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.terminate(request))
    }

    fn query_workflow(&self, request: QueryWorkflowRequest) -> EngineFuture<'_, Payload> {
        Box::pin(self.shared.query(request))
    }

    fn update_workflow(&self, request: UpdateWorkflowRequest) -> EngineFuture<'_, UpdateReply> {
        Box::pin(self.shared.update(request))
    }

    fn update_with_start_workflow(
        &self,
        start: StartWorkflowRequest,
        update: UpdateWorkflowRequest,
    ) -> EngineFuture<'_, UpdateWithStartReply> {
        Box::pin(self.shared.update_with_start(start, update))
    }

    fn poll_update(&self, request: PollUpdateRequest) -> EngineFuture<'_, UpdateReply> {
        Box::pin(self.shared.poll_update(request))
    }

    fn describe_workflow(&self, execution: ExecutionRef) -> EngineFuture<'_, WorkflowDescription> {
        Box::pin(self.shared.describe(execution))
    }

    fn describe_task_queue(&self, task_queue: TaskQueue) -> EngineFuture<'_, TaskQueueDescription> {
        let described = self.shared.describe_task_queue(&task_queue);
        Box::pin(std::future::ready(described))
    }

    fn list_workflows(&self, request: ListWorkflowsRequest) -> EngineFuture<'_, WorkflowPage> {
        Box::pin(self.shared.list(request))
    }

    fn count_workflows(&self, filter: ListFilter) -> EngineFuture<'_, u64> {
        Box::pin(async { Ok(self.shared.count(filter).await?.count) })
    }

    fn count_workflow_groups(&self, filter: ListFilter) -> EngineFuture<'_, WorkflowCount> {
        Box::pin(self.shared.count(filter))
    }

    fn search_attributes(&self) -> EngineFuture<'_, SearchAttributes> {
        Box::pin(async { Ok(self.shared.enter()?.0.attributes.all()) })
    }

    fn add_search_attributes(
        &self,
        attributes: BTreeMap<String, SearchAttributeType>,
    ) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.add_search_attributes(attributes))
    }

    fn remove_search_attributes(&self, names: Vec<String>) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.remove_search_attributes(names))
    }

    fn create_schedule(&self, request: CreateScheduleRequest) -> EngineFuture<'_, ConflictToken> {
        Box::pin(self.shared.create_schedule(request))
    }

    fn describe_schedule(&self, schedule_id: ScheduleId) -> EngineFuture<'_, ScheduleDescription> {
        Box::pin(async move { self.shared.describe_schedule(&schedule_id) })
    }

    fn update_schedule(&self, request: UpdateScheduleRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.update_schedule(request))
    }

    fn patch_schedule(&self, request: PatchScheduleRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.patch_schedule(request))
    }

    fn list_schedules(&self, request: ListSchedulesRequest) -> EngineFuture<'_, SchedulePage> {
        Box::pin(async move { self.shared.list_schedules(&request) })
    }

    fn count_schedules(&self, query: String) -> EngineFuture<'_, WorkflowCount> {
        Box::pin(async move { self.shared.count_schedules(&query) })
    }

    fn list_schedule_matching_times(
        &self,
        request: ListScheduleMatchingTimesRequest,
    ) -> EngineFuture<'_, Vec<Timestamp>> {
        Box::pin(async move { self.shared.matching_times(&request) })
    }

    fn delete_schedule(&self, request: DeleteScheduleRequest) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.delete_schedule(request))
    }

    fn workflow_history(&self, request: HistoryRequest) -> EngineFuture<'_, HistoryPage> {
        Box::pin(self.shared.history(request))
    }

    fn open_task_events(&self, execution: ExecutionRef) -> EngineFuture<'_, Vec<HistoryEvent>> {
        Box::pin(self.shared.open_task_events(execution))
    }

    fn reset_workflow(&self, request: ResetWorkflowRequest) -> EngineFuture<'_, RunId> {
        Box::pin(self.shared.reset(request))
    }

    fn delete_workflow(&self, execution: ExecutionRef) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.delete(execution))
    }

    fn complete_activity(
        &self,
        activity: ActivityRef,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.complete_activity(activity, outcome))
    }

    fn record_activity_heartbeat(
        &self,
        activity: ActivityRef,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply> {
        Box::pin(self.shared.record_activity_heartbeat(activity, details))
    }

    fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> EngineFuture<'_, WorkflowTask> {
        Box::pin(self.shared.poll_workflow_task(request))
    }

    fn end_polls(&self, task_queue: TaskQueue, worker: Identity) -> EngineFuture<'_, UntakenTasks> {
        let ended = self.shared.end_polls(&task_queue, &worker);
        Box::pin(std::future::ready(ended.map(|()| UntakenTasks::default())))
    }

    fn reset_sticky_queue(&self, execution: ExecutionRef) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.reset_sticky(execution))
    }

    fn complete_workflow_task(
        &self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
    ) -> EngineFuture<'_, CompletionReply> {
        Box::pin(self.shared.complete_workflow_task(token, completion))
    }

    fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.fail_workflow_task(token, failure))
    }

    fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> EngineFuture<'_, ActivityLease> {
        Box::pin(self.shared.poll_activity_task(request))
    }

    fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.complete_activity_task(token, outcome))
    }

    fn record_heartbeat(
        &self,
        token: TaskToken,
        details: Vec<Payload>,
    ) -> EngineFuture<'_, HeartbeatReply> {
        Box::pin(self.shared.record_heartbeat(token, details))
    }

    fn hand_over_activity_task(&self, token: TaskToken) -> EngineFuture<'_, ()> {
        Box::pin(self.shared.hand_over_activity_task(token))
    }
}
