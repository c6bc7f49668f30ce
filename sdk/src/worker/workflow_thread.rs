//! A thread that runs workflow code: it owns the runs that are in memory and never waits for
//! anything but its own mailbox.
//!
//! Invariants: a run belongs to one thread for as long as it is in memory; a thread answers every
//! task it takes, unless it was abandoned because workflow code kept it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use steadfast_core::{
    activation::OperationId,
    command::Command,
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    failure::Failure,
    ids::{EventId, RunId, TaskQueue, WorkflowExecution},
    options::WorkflowTimeouts,
    payload::{Payload, TRACE_HEADER},
    task::{
        LocalActivityTask, Query, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
};
use tokio::sync::{oneshot, watch};
use tracing::Instrument as _;

use super::{
    local_activities::{LocalActivities, run_local_activity},
    run_cache::RunCache,
};
use crate::{
    activity::{CancelCause, LocalWorkflow},
    engine::{Engine, EngineError},
    workflow::instance::WorkflowInstance,
};

/// What a thread answers to a task.
pub(super) enum Reply {
    /// The task was worked through, and the engine has the answer.
    Answered {
        /// Whether the engine accepts it.
        accepted: BoxFuture<'static, Result<(), EngineError>>,
        /// The run in memory cannot go on from here and has to be rebuilt.
        forget: bool,
    },
    /// The task failed.
    Failed(WorkflowTaskFailure),
    /// The run is not in memory: the task has to come again with the whole history.
    NeedsHistory(Box<WorkflowTask>),
}

enum Message {
    Task {
        task: Box<WorkflowTask>,
        reply: oneshot::Sender<Reply>,
    },
    LocalActivityEnded {
        run_id: RunId,
        operation: OperationId,
        outcome: Result<Option<Payload>, Failure>,
    },
    /// The time for the task at hand is running out: it is answered, and goes on in another.
    Heartbeat {
        run_id: RunId,
        task: u64,
    },
    Forget(RunId),
    Stop,
}

/// The other end of a thread.
#[derive(Clone)]
pub(super) struct WorkflowThread {
    mailbox: mpsc::Sender<Message>,
    state: Arc<ThreadState>,
}

struct ThreadState {
    /// What the thread works on, and since when.
    busy: Mutex<Option<(RunId, Instant)>>,
    abandoned: AtomicBool,
    abandoned_news: watch::Sender<bool>,
}

impl WorkflowThread {
    pub(super) fn start(
        name: String,
        engine: Arc<dyn Engine>,
        task_queue: TaskQueue,
        capacity: usize,
        local: LocalActivities,
    ) -> std::io::Result<Self> {
        let (mailbox, messages) = mpsc::channel();
        let state = Arc::new(ThreadState {
            busy: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            abandoned_news: watch::channel(false).0,
        });
        let (own_mailbox, own_state) = (mailbox.clone(), Arc::clone(&state));
        thread::Builder::new().name(name).spawn(move || {
            let worker = ThreadWorker {
                runs: RunCache::new(capacity),
                next_task: 0,
                mailbox: own_mailbox,
                state: own_state,
                engine,
                task_queue,
                local,
                more_to_come: false,
            };
            worker.work(&messages);
        })?;
        Ok(Self { mailbox, state })
    }

    /// Hands over a task. `None` when the thread has stopped.
    pub(super) fn send(&self, task: Box<WorkflowTask>) -> Option<oneshot::Receiver<Reply>> {
        let (reply, receiver) = oneshot::channel();
        self.mailbox.send(Message::Task { task, reply }).ok()?;
        Some(receiver)
    }

    pub(super) fn forget(&self, run_id: RunId) {
        let _ = self.mailbox.send(Message::Forget(run_id));
    }

    pub(super) fn stop(&self) {
        let _ = self.mailbox.send(Message::Stop);
    }

    /// Since when the thread works on a run, if it does.
    pub(super) fn busy_with(&self, run_id: &RunId) -> Option<Instant> {
        let busy = self
            .state
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.as_ref()
            .filter(|(busy, _)| busy == run_id)
            .map(|(_, since)| *since)
    }

    /// Gives the thread up. `false` when somebody else did before.
    pub(super) fn abandon(&self) -> bool {
        let first = !self.state.abandoned.swap(true, Ordering::AcqRel);
        self.state.abandoned_news.send_replace(true);
        let _ = self.mailbox.send(Message::Stop);
        first
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.state.abandoned.load(Ordering::Acquire)
    }

    /// Waits until the thread is given up.
    pub(super) async fn abandoned(&self) {
        let _ = self
            .state
            .abandoned_news
            .subscribe()
            .wait_for(|abandoned| *abandoned)
            .await;
    }
}

/// A reply that is given when somebody wakes this.
///
/// Whoever waits for the reply could do nothing with it before, and to be woken twice costs as much as
/// the rest of it.
#[derive(Default)]
struct ReplyLater(Mutex<Later>);

#[derive(Default)]
enum Later {
    #[default]
    Unknown,
    Woken,
    Kept(oneshot::Sender<Reply>, Reply),
}

impl ReplyLater {
    fn replace(&self, state: Later) -> Later {
        let mut later = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut later, state)
    }

    fn keep(&self, sender: oneshot::Sender<Reply>, reply: Reply) {
        if let Later::Woken = self.replace(Later::Kept(sender, reply)) {
            self.give();
        }
    }

    fn give(&self) {
        if let Later::Kept(sender, reply) = self.replace(Later::Woken) {
            // Whoever waited may have given up.
            let _ = sender.send(reply);
        }
    }
}

impl Wake for ReplyLater {
    fn wake(self: Arc<Self>) {
        self.give();
    }
}

struct CachedRun {
    instance: Box<dyn WorkflowInstance>,
    execution: WorkflowExecution,
    workflow: LocalWorkflow,
    /// The context of the trace that it was started in.
    trace: Option<Payload>,
    /// The task that is being worked on, if it could not be answered at once.
    open: Option<OpenTask>,
    local: BTreeMap<OperationId, watch::Sender<Option<CancelCause>>>,
    /// Ends of local activities that came between two tasks.
    waiting: Vec<(OperationId, Result<Option<Payload>, Failure>)>,
}

/// What the run was started with of a trace, if the events tell how it was started.
fn trace_of(events: &[HistoryEvent]) -> Option<Payload> {
    match &events.first()?.kind {
        EventKind::WorkflowExecutionStarted(started) => started.header.get(TRACE_HEADER).cloned(),
        _ => None,
    }
}

struct OpenTask {
    number: u64,
    token: TaskToken,
    queries: BTreeMap<String, Query>,
    started: bool,
    updates: bool,
    reply: oneshot::Sender<Reply>,
}

/// How long a thread looks for the next message before it goes to sleep, after an answer that the engine
/// took at once. What follows from such an answer comes soon, and to be woken takes longer than that where
/// an idle processor is given away, as in a virtual machine.
const LOOKS: Duration = Duration::from_micros(100);

struct ThreadWorker {
    runs: RunCache<CachedRun>,
    next_task: u64,
    mailbox: mpsc::Sender<Message>,
    state: Arc<ThreadState>,
    engine: Arc<dyn Engine>,
    task_queue: TaskQueue,
    local: LocalActivities,
    /// Whether the engine took the last answer at once, and the run goes on.
    more_to_come: bool,
}

impl ThreadWorker {
    fn work(mut self, messages: &mpsc::Receiver<Message>) {
        while let Ok(message) = self.next(messages) {
            if self.state.abandoned.load(Ordering::Acquire) {
                return;
            }
            match message {
                Message::Task { task, reply } => self.on_task(task, reply),
                Message::LocalActivityEnded {
                    run_id,
                    operation,
                    outcome,
                } => {
                    self.on_local_activity_ended(&run_id, operation, outcome);
                }
                Message::Heartbeat { run_id, task } => self.on_heartbeat(&run_id, task),
                Message::Forget(run_id) => drop(self.runs.take(&run_id)),
                Message::Stop => return,
            }
        }
    }

    fn next(&mut self, messages: &mpsc::Receiver<Message>) -> Result<Message, mpsc::RecvError> {
        if std::mem::take(&mut self.more_to_come) {
            let since = Instant::now();
            while since.elapsed() < LOOKS {
                if let Ok(message) = messages.try_recv() {
                    return Ok(message);
                }
                // Whoever else wants the processor may have it.
                thread::yield_now();
            }
        }
        messages.recv()
    }

    fn on_task(&mut self, task: Box<WorkflowTask>, reply: oneshot::Sender<Reply>) {
        let run_id = task.execution.run_id.clone();
        let from_start = task
            .events
            .first()
            .is_some_and(|event| event.event_id == EventId(1));
        let cached = self.runs.take(&run_id);
        let follows = cached.as_ref().is_some_and(|run| {
            let next = run.instance.last_event_id().next();
            task.events
                .first()
                .is_none_or(|event| event.event_id <= next)
                && run.open.is_none()
        });
        let run = match cached {
            Some(run) if follows => run,
            stale => {
                drop(stale);
                if !from_start {
                    let _ = reply.send(Reply::NeedsHistory(task));
                    return;
                }
                match self.new_run(&task) {
                    Ok(run) => run,
                    Err(failure) => {
                        let _ = reply.send(Reply::Failed(*failure));
                        return;
                    }
                }
            }
        };
        self.next_task += 1;
        let WorkflowTask {
            events,
            updates,
            queries,
            started_event_id,
            token,
            ..
        } = *task;
        let task_timeout = events
            .iter()
            .rev()
            .find_map(|event| match event.kind {
                EventKind::WorkflowTaskScheduled {
                    start_to_close_timeout,
                    ..
                } => Some(start_to_close_timeout),
                _ => None,
            })
            .unwrap_or(WorkflowTimeouts::DEFAULT_TASK_TIMEOUT);
        let open = OpenTask {
            number: self.next_task,
            token,
            queries,
            started: started_event_id.is_some(),
            updates: !updates.is_empty(),
            reply,
        };
        let mut run = run;
        let waiting = std::mem::take(&mut run.waiting);
        let step = |instance: &mut dyn WorkflowInstance| {
            instance.handle_task(events, updates)?;
            for (operation, outcome) in waiting {
                instance.handle_local_activity(operation, outcome)?;
            }
            Ok(())
        };
        self.drive(run, open, step, Some(task_timeout));
    }

    fn new_run(&self, task: &WorkflowTask) -> Result<CachedRun, Box<WorkflowTaskFailure>> {
        let new = self
            .local
            .registry
            .workflow(&task.workflow_type)
            .map_err(|message| {
                Box::new(WorkflowTaskFailure {
                    cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                    failure: Failure::application(message, "NotFound"),
                })
            })?;
        Ok(CachedRun {
            instance: new(task.execution.clone(), task.workflow_type.clone()),
            execution: task.execution.clone(),
            workflow: LocalWorkflow {
                namespace: self.engine.namespace().clone(),
                execution: task.execution.clone(),
                workflow_type: task.workflow_type.clone(),
                task_queue: self.task_queue.clone(),
            },
            trace: trace_of(&task.events),
            open: None,
            local: BTreeMap::new(),
            waiting: Vec::new(),
        })
    }

    /// Lets a run go on, and answers its task if nothing local is left to wait for.
    fn drive(
        &mut self,
        mut run: CachedRun,
        open: OpenTask,
        step: impl FnOnce(
            &mut dyn WorkflowInstance,
        ) -> Result<(), crate::workflow::instance::InstanceError>,
        task_timeout: Option<Duration>,
    ) {
        let run_id = run.execution.run_id.clone();
        self.set_busy(Some(run_id.clone()));
        let span = tracing::info_span!(
            "workflow",
            workflow_id = ?run.execution.workflow_id,
            run_id = %run_id,
            workflow_type = ?run.workflow.workflow_type,
        );
        self.local.propagation.join(run.trace.as_ref(), &span);
        let entered = span.enter();
        let result = step(run.instance.as_mut());
        if let Err(error) = result {
            tracing::warn!(%error, "the workflow task failed; it is tried again");
            let failure = error.to_task_failure();
            drop(run);
            drop(entered);
            self.set_busy(None);
            let _ = open.reply.send(Reply::Failed(failure));
            return;
        }
        self.start_local_activities(&mut run);
        if open.started && run.instance.has_local_activities() {
            if let Some(task_timeout) = task_timeout {
                self.schedule_heartbeat(&run_id, open.number, task_timeout);
            }
            run.open = Some(open);
            drop(entered);
            self.keep(run);
            self.set_busy(None);
        } else {
            drop(entered);
            self.answer(run, open, false);
        }
    }

    fn answer(&mut self, mut run: CachedRun, open: OpenTask, heartbeat: bool) {
        let query_results = open
            .queries
            .iter()
            .map(|(id, query)| (id.clone(), run.instance.query(query)))
            .collect();
        let commands = if open.started {
            run.instance.take_commands()
        } else {
            Vec::new()
        };
        // A task of refused updates leaves no events, so what the run has seen never happened.
        let forget = open.updates
            && commands
                .iter()
                .all(|command| matches!(command, Command::RejectUpdate { .. }));
        let completion = WorkflowTaskCompletion {
            commands,
            query_results,
            force_new_workflow_task: heartbeat,
        };
        let ends = forget || run.instance.is_closed();
        if ends {
            drop(run);
        } else {
            self.keep(run);
        }
        // From here on it is the engine that may keep the thread, not workflow code.
        self.set_busy(None);
        self.give_answer(open.token, completion, forget, open.reply);
        self.more_to_come &= !ends;
    }

    /// Gives an answer to the engine, here and now: an engine in this process goes on with it at
    /// once, without a switch of threads. What is left of the call is waited for elsewhere, from when
    /// the engine has something to say.
    fn give_answer(
        &mut self,
        token: TaskToken,
        completion: WorkflowTaskCompletion,
        forget: bool,
        reply: oneshot::Sender<Reply>,
    ) {
        let engine = Arc::clone(&self.engine);
        let mut accepted: BoxFuture<'static, Result<(), EngineError>> =
            Box::pin(async move { engine.complete_workflow_task(token, completion).await });
        let _runtime = self.local.runtime.enter();
        let later = Arc::new(ReplyLater::default());
        let waker = Waker::from(Arc::clone(&later));
        match accepted.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => {
                self.more_to_come = true;
                let accepted = Box::pin(std::future::ready(result));
                let _ = reply.send(Reply::Answered { accepted, forget });
            }
            Poll::Pending => later.keep(reply, Reply::Answered { accepted, forget }),
        }
    }

    fn keep(&mut self, run: CachedRun) {
        let run_id = run.execution.run_id.clone();
        // What waits for a local activity would have to run it again if it left.
        if run.open.is_some() || !run.local.is_empty() || !run.waiting.is_empty() {
            self.runs.put_in_use(run_id, run);
        } else if let Some(evicted) = self.runs.put(run_id, run) {
            tracing::debug!(run_id = %evicted.execution.run_id, "a run leaves memory");
        }
    }

    fn start_local_activities(&self, run: &mut CachedRun) {
        for operation in run.instance.take_stopped_local_activities() {
            if let Some(cause) = run.local.get(&operation) {
                cause.send_replace(Some(CancelCause::Cancelled));
            }
        }
        while let Some((operation, local_task)) = run.instance.poll_local_activity() {
            let cause = watch::channel(None).0;
            run.local.insert(operation, cause.clone());
            self.spawn_local_activity(run, operation, local_task, cause);
        }
    }

    fn spawn_local_activity(
        &self,
        run: &CachedRun,
        operation: OperationId,
        local_task: LocalActivityTask,
        cause: watch::Sender<Option<CancelCause>>,
    ) {
        let registry = Arc::clone(&self.local.registry);
        let slots = Arc::clone(&self.local.slots);
        let workflow = run.workflow.clone();
        let mailbox = self.mailbox.clone();
        let run_id = run.execution.run_id.clone();
        let span = tracing::info_span!(
            "local_activity",
            workflow_id = ?run.execution.workflow_id,
            run_id = %run_id,
            activity_id = ?local_task.activity_id,
            activity_type = ?local_task.activity_type,
        );
        self.local.propagation.join(run.trace.as_ref(), &span);
        let ended = async move {
            let outcome = run_local_activity(&registry, &slots, local_task, workflow, cause).await;
            let _ = mailbox.send(Message::LocalActivityEnded {
                run_id,
                operation,
                outcome,
            });
        };
        self.local.runtime.spawn(ended.instrument(span));
    }

    fn on_local_activity_ended(
        &mut self,
        run_id: &RunId,
        operation: OperationId,
        outcome: Result<Option<Payload>, Failure>,
    ) {
        let Some(mut run) = self.runs.take(run_id) else {
            return;
        };
        // Of an earlier incarnation of the run: its outcome is not this one's.
        if run.local.remove(&operation).is_none() {
            self.keep(run);
            return;
        }
        let Some(open) = run.open.take() else {
            // Between two tasks of the run: the next one, which was asked for, takes it.
            run.waiting.push((operation, outcome));
            self.keep(run);
            return;
        };
        self.drive(
            run,
            open,
            |instance| instance.handle_local_activity(operation, outcome),
            None,
        );
    }

    fn schedule_heartbeat(&self, run_id: &RunId, task: u64, task_timeout: Duration) {
        let mailbox = self.mailbox.clone();
        let run_id = run_id.clone();
        self.local.runtime.spawn(async move {
            tokio::time::sleep(task_timeout.mul_f64(0.8)).await;
            let _ = mailbox.send(Message::Heartbeat { run_id, task });
        });
    }

    fn on_heartbeat(&mut self, run_id: &RunId, task: u64) {
        let Some(mut run) = self.runs.take(run_id) else {
            return;
        };
        match run.open.take() {
            Some(open) if open.number == task => self.answer(run, open, true),
            other => {
                run.open = other;
                self.keep(run);
            }
        }
    }

    fn set_busy(&self, run_id: Option<RunId>) {
        let mut busy = self
            .state
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *busy = run_id.map(|run_id| (run_id, Instant::now()));
    }
}
