//! What the threads of an engine and its callers share: the state behind its lock, and how to wait
//! for the writer.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use steadfast_core::{
    event::ExecutionStatus,
    ids::{Namespace, RunId, WorkflowId},
    time::Timestamp,
};
use steadfast_engine::{EngineError, ExecutionRef};
use tokio::sync::{Notify, oneshot};

use super::{
    clock::Clock,
    ended::{gone, panicked},
    jobs::Target,
    options::Durability,
    state::{Core, WriterState},
    store::{BackupRequest, Db, LoadedRun, ReadFn, RunInfo, Slice, Writer, find_run, load_run},
};

/// The clock on the wall can be set while the timer thread waits, and a machine can sleep, so it looks again that often.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) core: Mutex<Core>,
    pub(crate) writer_wakes: Condvar,
    timer_wakes: Condvar,
    /// Tells that the timer thread has done a job.
    pub(crate) jobs_done: Notify,
    pub(crate) clock: Clock,
    pub(crate) namespace: Namespace,
    pub(crate) durability: Durability,
    pub(crate) retention: Option<Duration>,
    /// The file, until it is closed. Whoever has it may lock the core, never the other way round.
    pub(crate) writer: Mutex<Option<Writer>>,
    /// The name of the log beside it.
    pub(crate) log: Option<PathBuf>,
    /// How many requests that make room were refused because of others, and are asked again.
    pub(crate) asked_again: AtomicUsize,
    /// Whether there are no threads.
    pub(crate) driven: bool,
}

/// What is known of the run that a request is about.
#[derive(Debug)]
pub(crate) enum Found {
    /// In memory.
    Loaded(i64),
    /// Closed, and not in memory.
    Closed(Box<RunInfo>),
    Missing,
}

/// The state, locked. Whoever has to act on what was queued is woken when it is released.
pub(crate) struct Locked<'a> {
    shared: &'a Shared,
    core: MutexGuard<'a, Core>,
}

impl Deref for Locked<'_> {
    type Target = Core;
    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let core = &mut *self.core;
        if core.needs_writer() {
            core.writer_state = WriterState::Busy;
            self.shared.writer_wakes.notify_one();
        }
        // Whoever moves a manual clock fires its timers.
        let system = matches!(self.shared.clock, Clock::System);
        if let Some(until) = core.timer_thread_until
            && (core.has_waiting_jobs() || (system && core.is_due_before(until)))
        {
            core.timer_thread_until = None;
            self.shared.timer_wakes.notify_one();
        }
    }
}

impl Core {
    fn is_due_before(&self, until: Timestamp) -> bool {
        [self.timers.peek(), self.waits.peek()]
            .into_iter()
            .flatten()
            .map(|entry| entry.0.0)
            .chain(self.suspects.next_release())
            .chain(self.schedules.next_due())
            .any(|due| due < until)
    }

    fn has_jobs(&self) -> bool {
        self.job_runs || self.has_waiting_jobs()
    }

    /// Whether the timer thread has something to do at once.
    pub(crate) fn has_waiting_jobs(&self) -> bool {
        !self.parked.is_empty() || !self.unread_jobs.is_empty() || self.schedules.are_stirred()
    }
}

impl Shared {
    pub(crate) fn new(
        core: Core,
        clock: Clock,
        namespace: Namespace,
        durability: Durability,
        retention: Option<Duration>,
        writer: Writer,
        driven: bool,
    ) -> Self {
        Self {
            core: Mutex::new(core),
            writer_wakes: Condvar::new(),
            timer_wakes: Condvar::new(),
            jobs_done: Notify::new(),
            clock,
            namespace,
            durability,
            retention,
            log: writer.db().log(),
            writer: Mutex::new(Some(writer)),
            asked_again: AtomicUsize::new(0),
            driven,
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        // After a panic the writer ends the engine without writing; nobody else must die of it.
        Locked {
            shared: self,
            core: self.core.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Whether a transition panicked.
    pub(crate) fn is_broken(&self) -> bool {
        self.core.is_poisoned()
    }

    /// The state and the time, if the engine runs.
    pub(crate) fn enter(&self) -> Result<(Locked<'_>, Timestamp), EngineError> {
        let core = self.lock();
        if self.core.is_poisoned() {
            return Err(panicked());
        }
        core.check_running()?;
        let now = self.clock.now();
        Ok((core, now))
    }

    /// Asks the store something, after everything that was queued is committed.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        {
            let (mut core, _) = self.enter()?;
            core.reads.push(ReadFn::new(move |connection| {
                // Whoever asked may have gone.
                let _ = sender.send(read(connection));
            }));
        }
        receiver.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Asks the store something that takes long, a slice at a time between commits: each call gives
    /// the answer or `None` to be called again.
    pub(crate) async fn read_in_slices<T: Send + 'static>(
        &self,
        mut read: impl FnMut(&Db) -> Result<Option<T>, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        {
            let (mut core, _) = self.enter()?;
            core.reads.push(ReadFn::sliced(move |connection| {
                if sender.as_ref().is_none_or(oneshot::Sender::is_closed) {
                    return Slice::Done;
                }
                let Some(answer) = read(connection).transpose() else {
                    return Slice::More;
                };
                // Whoever asked may have gone.
                let _ = sender.take().map(|sender| sender.send(answer));
                Slice::Done
            }));
        }
        receiver.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Copies the store to a file.
    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), EngineError> {
        let (request, done) = BackupRequest::new(to);
        self.enter()?.0.backups.push(request);
        done.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// [`read`](Self::read) for threads that may block.
    pub(crate) fn read_blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        {
            let (mut core, _) = self.enter()?;
            core.reads.push(ReadFn::new(move |connection| {
                // Whoever asked may have gone.
                let _ = sender.send(read(connection));
            }));
        }
        self.drive_writer();
        receiver.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Does something with the run that a request is about, reading it first if it has to be. Open
    /// runs are always brought into memory, closed ones on request.
    pub(crate) async fn with_run<T>(
        &self,
        target: &ExecutionRef,
        load_closed: bool,
        act: impl FnOnce(&mut Core, Found, Timestamp) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let run_id = certain_run(target)?;
        let pin = {
            let (mut core, now) = self.enter()?;
            if let Some(key) = core.find(&target.workflow_id, run_id.as_ref()) {
                check_chain(&core, key, target)?;
                let result = act(&mut core, Found::Loaded(key), now);
                core.run_jobs(now);
                return result;
            }
            Pin::new(self, &mut core, &target.workflow_id)
        };
        let (workflow_id, wanted) = (target.workflow_id.clone(), run_id.clone());
        let read = self
            .read(move |connection| {
                find_and_load(connection, &workflow_id, wanted.as_ref(), load_closed)
            })
            .await?;
        let (mut core, now) = self.enter()?;
        // Somebody may have started or loaded it meanwhile.
        let found = match (core.find(&target.workflow_id, run_id.as_ref()), read) {
            (Some(key), _) => Found::Loaded(key),
            (None, Read::Loaded(loaded)) => Found::Loaded(core.install(*loaded, now)?),
            (None, Read::Closed(info)) => Found::Closed(info),
            (None, Read::Missing) => Found::Missing,
        };
        match &found {
            Found::Loaded(key) => check_chain(&core, *key, target)?,
            Found::Closed(info) => {
                if let Some(first) = &target.first_execution_run_id
                    && info.first_run_id != *first
                {
                    return Err(not_in_chain());
                }
            }
            Found::Missing => {}
        }
        let loaded = match &found {
            Found::Loaded(key) => Some(*key),
            Found::Closed(_) | Found::Missing => None,
        };
        let result = act(&mut core, found, now);
        core.run_jobs(now);
        pin.release(&mut core, loaded);
        result
    }

    /// Brings a run into memory from a thread that may block, and does something with it; nothing
    /// when it is closed or gone.
    pub(crate) fn with_loaded(
        &self,
        key: i64,
        act: impl FnOnce(&mut Core, Timestamp),
    ) -> Result<(), EngineError> {
        {
            let (mut core, now) = self.enter()?;
            if core.executions.contains_key(&key) {
                act(&mut core, now);
                return Ok(());
            }
            // Whoever else brings it into memory meanwhile must not let go of it: what is read here
            // would then be older than what was done to it.
            core.loading.push(key);
        }
        let read = self.read_blocking(move |db| load_run(db, key));
        let (mut core, now) = self.enter()?;
        let installed = match read {
            Ok(Some(loaded)) if loaded.info.status == ExecutionStatus::Running => {
                core.install(loaded, now).map(|_| act(&mut core, now))
            }
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                core.running.remove(&key);
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Some(at) = core.loading.iter().position(|loading| *loading == key) {
            core.loading.swap_remove(at);
        }
        core.drop_if_done(key);
        installed
    }

    /// Finds the target of a job from a thread that may block, and does the job before the target
    /// can be let go of again.
    pub(crate) fn with_target(
        &self,
        workflow_id: &WorkflowId,
        run_id: Option<&RunId>,
        act: impl FnOnce(&mut Core, &Target, Timestamp),
    ) -> Result<(), EngineError> {
        let pin = {
            let (mut core, now) = self.enter()?;
            if let Some(key) = core.find(workflow_id, run_id) {
                act(&mut core, &Target::Loaded(key), now);
                return Ok(());
            }
            Pin::new(self, &mut core, workflow_id)
        };
        let (id, wanted) = (workflow_id.clone(), run_id.cloned());
        let read = self.read_blocking(move |connection| {
            find_and_load(connection, &id, wanted.as_ref(), false)
        })?;
        let (mut core, now) = self.enter()?;
        let target = match (core.find(workflow_id, run_id), read) {
            (Some(key), _) => Target::Loaded(key),
            (None, Read::Loaded(loaded)) => Target::Loaded(core.install(*loaded, now)?),
            (None, Read::Closed(info)) => Target::Closed(info),
            (None, Read::Missing) => Target::Missing,
        };
        act(&mut core, &target, now);
        let loaded = match &target {
            Target::Loaded(key) => Some(*key),
            Target::Closed(_) | Target::Missing => None,
        };
        pin.release(&mut core, loaded);
        Ok(())
    }

    /// Waits on behalf of the timer thread, at most until a time.
    pub(crate) fn wait_for_timer<'a>(&'a self, mut core: Locked<'a>, until: Timestamp) {
        core.timer_thread_until = Some(until);
        let wait = until.since(self.clock.now()).min(BETWEEN_LOOKS);
        let manual = matches!(self.clock, Clock::Manual(_));
        let guard = take_guard(core);
        if guard.timer_thread_until.is_none() {
            // Woken between the two locks.
            return;
        }
        if until == Timestamp::MAX || manual {
            drop(self.timer_wakes.wait(guard));
        } else {
            drop(self.timer_wakes.wait_timeout(guard, wait));
        }
        self.core
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .timer_thread_until = None;
    }

    pub(crate) fn wake_timer_thread(&self) {
        self.lock().timer_thread_until = None;
        self.timer_wakes.notify_one();
    }

    /// Waits until nothing is left to do but what workers, clients and the clock will ask for.
    pub(crate) async fn settled(&self) -> Result<(), EngineError> {
        loop {
            let done = self.jobs_done.notified();
            tokio::pin!(done);
            done.as_mut().enable();
            self.read(|_| Ok(())).await?;
            let (jobs, writes) = {
                let (core, _) = self.enter()?;
                (core.has_jobs(), core.has_work())
            };
            if jobs {
                done.await;
            } else if !writes {
                return Ok(());
            }
        }
    }

    /// Why nobody answers.
    fn gone(&self) -> EngineError {
        let why = || self.lock().stopped.clone();
        why()
            .or_else(|| {
                // What a panic drops on its way up is gone before it is said why.
                drop(self.writer.lock());
                why()
            })
            .unwrap_or_else(gone)
    }

    /// Ends everything: what was queued before is still written.
    pub(crate) fn stop(&self, error: EngineError) {
        let mut core = self.lock();
        core.stopped.get_or_insert(error);
        core.stopping = true;
        core.workflow_tasks.wake_all();
        core.activity_tasks.wake_all();
        core.wake_watches();
        self.jobs_done.notify_waiters();
        core.writer_state = WriterState::Busy;
        self.writer_wakes.notify_all();
        core.timer_thread_until = None;
        self.timer_wakes.notify_all();
    }
}

/// The guard without what its release does.
fn take_guard(locked: Locked<'_>) -> MutexGuard<'_, Core> {
    let shared = locked.shared;
    drop(locked);
    shared.core.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_in_chain() -> EngineError {
    EngineError::not_found("workflow execution not found")
}

fn check_chain(core: &Core, key: i64, target: &ExecutionRef) -> Result<(), EngineError> {
    match (&target.first_execution_run_id, core.executions.get(&key)) {
        (Some(first), Some(run)) if !run.belongs_to(first) => Err(not_in_chain()),
        _ => Ok(()),
    }
}

/// The run that a request is for, if it is for a certain one.
///
/// # Errors
///
/// When that cannot be the id of a run, in the words of a Temporal Service.
pub(super) fn certain_run(target: &ExecutionRef) -> Result<Option<RunId>, EngineError> {
    let run_id = match &target.first_execution_run_id {
        Some(_) => None,
        None => target.run_id.clone(),
    };
    match &run_id {
        Some(id) if uuid::Uuid::try_parse(id.as_str()).is_err() => Err(EngineError::invalid(
            format!("Invalid RunId. `{id}` is no UUID, as the ids of runs are"),
        )),
        _ => Ok(run_id),
    }
}

/// The text with which a Temporal Service says that it knows no such run.
pub(crate) fn run_not_found(target: &ExecutionRef) -> EngineError {
    match (&target.run_id, &target.first_execution_run_id) {
        (Some(run_id), None) => EngineError::not_found(format!(
            "workflow execution not found for workflow ID \"{}\" and run ID \"{run_id}\"",
            target.workflow_id
        )),
        _ => EngineError::not_found(format!("workflow not found for ID: {}", target.workflow_id)),
    }
}

enum Read {
    Loaded(Box<LoadedRun>),
    Closed(Box<RunInfo>),
    Missing,
}

fn find_and_load(
    connection: &Db,
    workflow_id: &WorkflowId,
    run_id: Option<&RunId>,
    load_closed: bool,
) -> Result<Read, EngineError> {
    let Some(info) = find_run(connection, workflow_id, run_id)? else {
        return Ok(Read::Missing);
    };
    let open = info.status == ExecutionStatus::Running;
    if !open && !load_closed {
        return Ok(Read::Closed(Box::new(info)));
    }
    Ok(load_run(connection, info.key)?.map_or(Read::Missing, |run| Read::Loaded(Box::new(run))))
}

/// Keeps the runs of a workflow id in memory while it exists.
struct Pin<'a> {
    shared: &'a Shared,
    workflow_id: Option<WorkflowId>,
}

impl<'a> Pin<'a> {
    fn new(shared: &'a Shared, core: &mut Core, workflow_id: &WorkflowId) -> Self {
        core.pin(workflow_id);
        Self {
            shared,
            workflow_id: Some(workflow_id.clone()),
        }
    }

    /// Lets go of what was loaded, unless somebody else reads about it.
    fn release(mut self, core: &mut Core, loaded: Option<i64>) {
        if let Some(workflow_id) = self.workflow_id.take() {
            core.unpin(&workflow_id, loaded);
        }
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        if let Some(workflow_id) = self.workflow_id.take() {
            self.shared.lock().unpin(&workflow_id, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use steadfast_core::{
        command::Command,
        ids::{TaskQueue, TimerId},
        task::WorkflowTaskCompletion,
    };
    use steadfast_engine::{Engine, PollWorkflowTaskRequest, SignalWorkflowRequest};

    use super::*;
    use crate::{EmbeddedEngine, EmbeddedOptions, fixture};

    async fn signal(engine: &Arc<EmbeddedEngine>, request: &str) -> Result<(), EngineError> {
        let execution = ExecutionRef::current(WorkflowId::new("w").unwrap());
        let signal = fixture::signal(request);
        engine
            .signal_workflow(SignalWorkflowRequest { execution, signal })
            .await
    }

    /// Takes the workflow task that there is and answers it.
    async fn answer(engine: &Arc<EmbeddedEngine>, commands: Vec<Command>) {
        let poll = PollWorkflowTaskRequest {
            task_queue: TaskQueue::new("q").unwrap(),
            worker: fixture::identity(),
            remote: false,
        };
        let task = engine.poll_workflow_task(poll).await.unwrap();
        let completion = WorkflowTaskCompletion {
            commands,
            ..WorkflowTaskCompletion::default()
        };
        engine
            .complete_workflow_task(task.token, completion)
            .await
            .unwrap();
        engine.settled().await.unwrap();
    }

    /// A run whose timer waits, and which is not in memory.
    async fn idle_run(engine: &Arc<EmbeddedEngine>) -> i64 {
        engine.start_workflow(fixture::start()).await.unwrap();
        let timer = Command::StartTimer {
            timer_id: TimerId::new("t").unwrap(),
            start_to_fire_timeout: Duration::from_secs(60),
            user_metadata: None,
        };
        answer(engine, vec![timer]).await;
        1
    }

    /// What [`Shared::with_loaded`] does when somebody else is faster: between its reading and its
    /// installing, the run was loaded by a request, changed, and had nothing left to do. Had it left memory
    /// then, the older reading would have been installed, and its next event written twice.
    #[tokio::test]
    async fn a_run_that_is_being_read_is_not_let_go_of() {
        let options = EmbeddedOptions::in_memory().cached_executions(0);
        let engine = EmbeddedEngine::open(options).unwrap();
        let key = idle_run(&engine).await;
        let shared = &engine.shared;
        assert!(!shared.lock().executions.contains_key(&key));

        shared.lock().loading.push(key);
        let older = shared.read(move |db| load_run(db, key)).await.unwrap();
        signal(&engine, "first").await.unwrap();
        answer(&engine, Vec::new()).await;
        {
            let mut core = shared.lock();
            assert!(core.executions.contains_key(&key));
            core.install(older.unwrap(), shared.clock.now()).unwrap();
            core.loading.clear();
        }
        signal(&engine, "second").await.unwrap();
    }

    /// The clock on the wall may be set while nothing else happens: then the time that was waited for is over, and nobody
    /// wakes whoever waits.
    #[test]
    fn the_timer_thread_looks_at_the_clock_again_within_a_second() {
        let engine = EmbeddedEngine::in_memory().unwrap();
        let since = std::time::Instant::now();
        let until = engine.shared.clock.now().after(Duration::from_secs(3_600));
        engine.shared.wait_for_timer(engine.shared.lock(), until);
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}
